"""What the rotation of keys needs: where they are kept, and who makes them."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from app.domain.security_event.model import SecurityEvent
from app.domain.signing_key.model import NewKey, SigningKey


class SigningKeyWork(Protocol):
    """An open transaction; no other has one at the same time."""

    async def fetch_now(self) -> datetime: ...

    async def fetch_all(self) -> Sequence[SigningKey]:
        """By `signs_from`, the oldest first; revoked and ended ones too."""
        ...

    async def add(self, key: SigningKey) -> None: ...

    async def end(self, now: datetime, signs_until: datetime, verifies_until: datetime) -> None:
        """Every key that may sign after `now`, and is not revoked, gets these ends."""
        ...

    async def revoke(self, kid: str, at: datetime) -> None: ...

    async def drop(self, before: datetime) -> None:
        """Removes what nobody believes any more."""
        ...

    async def append(self, event: SecurityEvent) -> None: ...


class SigningKeys(Protocol):
    async def fetch_all(self) -> Sequence[SigningKey]: ...

    def work(self) -> AbstractAsyncContextManager[SigningKeyWork]: ...


class KeyMaker(Protocol):
    def make(self) -> NewKey: ...

    def opens(self, key: SigningKey) -> bool:
        """Is its private part readable here, and does it fit the public one?"""
        ...
