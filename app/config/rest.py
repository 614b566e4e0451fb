"""Settings of the REST API."""

from datetime import date

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings

V1_DEPRECATED = date(2026, 11, 20)  # since v2 is there


class Rest(BaseSettings):
    max_import_bytes: int = Field(
        10_000_000, ge=1_000, le=1_000_000_000, description="Longest document that is imported over REST."
    )
    rest_v1_sunset: date | None = Field(
        None, description="Day (UTC) on which REST v1 may go, told by the header Sunset; after 2026-11-20."
    )

    legacy_call_retention_days: int = Field(
        400, ge=30, le=36_500, description="Days that counts of who calls REST v1 are kept; never less than 30."
    )

    @field_validator("rest_v1_sunset")
    @classmethod
    def _is_after_the_deprecation(cls, day: date | None) -> date | None:
        if day is not None and day <= V1_DEPRECATED:
            raise ValueError(f"it must be after {V1_DEPRECATED}, since when v1 is deprecated (RFC 9745 §4)")
        return day
