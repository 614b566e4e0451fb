"""From an API token to the actor: its user, narrowed to its scopes, as the database said within the last seconds (R25).

It must not keep a token's text: what is remembered is found by the hash.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.kernel.actor import Actor
from app.kernel.errors import Unauthenticated, Unavailable
from app.kernel.ids import ApiTokenId
from app.kernel.secret import LENGTH, hash_of, is_secret

REMEMBERED = 10_000  # tokens that are good, and as many that are not
LOOK_UPS = 4  # at once: unknown tokens, however many are sent, leave the other connections to those who are known

type FetchTokenActor = Callable[[bytes], Awaitable[tuple[ApiTokenId, Actor] | None]]
type NoteUses = Callable[[Mapping[ApiTokenId, datetime]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Known:
    """`token` is None for what is no token of ours, or is revoked; `until` in Unix seconds."""

    token: tuple[ApiTokenId, Actor] | None
    until: float


class ApiTokenActors:
    """`ttl` in seconds: so long may a token that was revoked still count; `patience`: so long may one that is not
    known wait for its turn."""

    def __init__(self, fetch: FetchTokenActor, note: NoteUses, ttl: float, patience: float) -> None:
        self._fetch, self._note, self._ttl, self._patience = fetch, note, ttl, patience
        self._good: OrderedDict[bytes, Known] = OrderedDict()
        self._bad: OrderedDict[bytes, Known] = OrderedDict()  # apart: a flood of these must not drive out the others
        self._looking = asyncio.Semaphore(LOOK_UPS)
        self._used: dict[ApiTokenId, datetime] = {}

    async def of(self, secret: str, now: datetime) -> Actor:
        """Raises Unauthenticated, without saying whether there ever was such a token, but to who has one that has run
        out; and Unavailable where it cannot be found out."""
        refused = Unauthenticated("The token is not valid: get a new one.")
        if len(secret) != LENGTH:
            raise refused
        digest = hash_of(secret)
        found = self._remembered(digest, now)
        if found is None:
            if not is_secret(secret):
                raise refused
            found = await self._look_up(digest, now)
        if found.token is None:
            raise refused
        id, actor = found.token
        if actor.expires_at is not None and now >= actor.expires_at:
            raise Unauthenticated("The token has run out: get a new one.")
        if id in self._used or len(self._used) < REMEMBERED:
            self._used[id] = now
        return actor

    async def note_uses(self) -> None:
        """Writes when tokens were last used, all in one statement. What cannot be written now is kept for the next
        time. Raises Unavailable."""
        used, self._used = self._used, {}
        try:
            await self._note(used)
        except BaseException:  # cancelled, too
            self._used = {**used, **self._used}
            raise

    def _remembered(self, digest: bytes, now: datetime) -> Known | None:
        found = self._good.get(digest) or self._bad.get(digest)
        return found if found is not None and now.timestamp() < found.until else None

    async def _look_up(self, digest: bytes, now: datetime) -> Known:
        try:
            async with asyncio.timeout(self._patience):
                await self._looking.acquire()
        except TimeoutError:
            raise Unavailable("Too many tokens are being looked up: try again.") from None
        try:
            found = self._remembered(digest, now)  # somebody else may have looked while this one waited
            if found is None:
                found = Known(await self._fetch(digest), now.timestamp() + self._ttl)
                self._remember(digest, found)
            return found
        finally:
            self._looking.release()

    def _remember(self, digest: bytes, found: Known) -> None:
        self._good.pop(digest, None)
        self._bad.pop(digest, None)
        memory = self._bad if found.token is None else self._good
        memory[digest] = found
        if len(memory) > REMEMBERED:
            memory.popitem(last=False)
