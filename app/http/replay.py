"""How an answer says that it was given before."""

from collections.abc import Mapping
from types import MappingProxyType

REPLAYED: Mapping[str, str] = MappingProxyType({"idempotency-replayed": "true"})
