"""An operation as it is written down: whose, which, how often."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """So many calls of it more. `hash`: SHA-256 of the document; `last_at`: to some seconds."""

    hash: bytes
    client_name: str
    client_version: str
    operation_name: str | None
    document: str
    calls: int
    last_at: datetime
