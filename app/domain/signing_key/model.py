"""A key that tokens are signed with, as it is kept: its times, and its private part only under the key ring."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from app.kernel.value import value

type KeyState = Literal["PUBLISHED", "SIGNING", "VERIFYING", "ENDED", "REVOKED"]


@value
class NewKey:
    """`kid` is the key's RFC 7638 thumbprint; `sealed` the private key under the key ring, bound to that kid."""

    kid: str
    public_jwk: Mapping[str, str]
    sealed: bytes


@value
class SigningKey:
    """`signs_until` and `verifies_until` are None until a successor is made."""

    kid: str
    public_jwk: Mapping[str, object]
    sealed: bytes
    created_at: datetime
    signs_from: datetime
    signs_until: datetime | None = None
    verifies_until: datetime | None = None
    revoked_at: datetime | None = None
