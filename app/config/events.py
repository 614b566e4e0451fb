"""Settings of the events that others are told of."""

from pydantic import Field
from pydantic_settings import BaseSettings


class Events(BaseSettings):
    event_stream: str = Field(
        "feature-api:events", min_length=1, max_length=200, description="Stream of Redis that events are added to."
    )
    event_stream_length: int = Field(
        100_000,
        ge=1,
        le=100_000_000,
        description="About how many events it keeps; the oldest are dropped, read or not.",
    )
