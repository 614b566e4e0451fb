"""Settings of what one request may hold."""

from pydantic import Field
from pydantic_settings import BaseSettings


class Limits(BaseSettings):
    max_body_bytes: int = Field(1_000_000, ge=1_000, le=100_000_000, description="Longest request body.")
    max_document_bytes: int = Field(
        100_000, ge=1_000, le=100_000_000, description="Longest GraphQL document, in bytes."
    )
    max_query_bytes: int = Field(16_000, ge=1_000, le=1_000_000, description="Longest query string of a GET.")
    max_batch: int = Field(0, ge=0, le=100, description="Operations in one request at most; 0: one, and no lists.")
    max_tokens: int = Field(
        3_000, ge=100, le=1_000_000, description="Longest GraphQL document, in tokens; validation may take its square."
    )
    max_depth: int = Field(15, ge=5, le=100, description="Deepest GraphQL operation, in levels.")
    max_fields: int = Field(
        2_000,
        ge=100,
        le=1_000_000,
        description="Most fields in a GraphQL operation, those of fragments at every spread.",
    )
    max_aliases: int = Field(100, ge=0, le=100_000, description="Most aliases in a GraphQL operation, in the same way.")
    max_directives: int = Field(
        50, ge=0, le=100_000, description="Most uses of directives in a GraphQL operation, in the same way."
    )
    max_root_fields: int = Field(20, ge=1, le=10_000, description="Most fields at the root of a GraphQL operation.")
    max_cost: int = Field(10_000, ge=100, le=1_000_000_000, description="Dearest GraphQL operation, in points.")
