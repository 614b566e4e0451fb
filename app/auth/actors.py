"""From a bearer token to the actor: the token's user, with the role that the database gave within the last seconds."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable

from app.auth.api_tokens import ApiTokenActors
from app.auth.tokens import Proven, UnknownKey, Verifier
from app.kernel.actor import GUEST, Actor
from app.kernel.clock import Clock
from app.kernel.errors import Unauthenticated
from app.kernel.ids import SessionId, UserId
from app.kernel.secret import PREFIX

REMEMBERED = 10_000  # actors

type FetchActor = Callable[[UserId, SessionId | None], Awaitable[Actor | None]]
type Learn = Callable[[], Awaitable[None]]


async def _nothing_to_learn() -> None:
    """All keys are those of the settings."""


class Actors:
    """`ttl` in seconds: so long may a role that was changed, a user who was disabled or a session that was revoked
    still count (R23). `learn` reads the keys again, within reason; it raises Unavailable where they could not be read
    for too long."""

    def __init__(
        self,
        verifier: Verifier,
        fetch: FetchActor,
        now: Clock,
        ttl: float,
        api_tokens: ApiTokenActors | None = None,
        learn: Learn = _nothing_to_learn,
    ) -> None:
        self._verifier, self._fetch, self._now, self._ttl = verifier, fetch, now, ttl
        self._api_tokens, self._learn = api_tokens, learn
        self._known: OrderedDict[Proven, tuple[Actor, float]] = OrderedDict()  # until in Unix seconds

    async def of(self, authorization: str | None) -> Actor:
        """A guest where nothing was sent. Raises Unauthenticated for anything but a valid bearer token of a user who
        exists, and Unavailable where that cannot be found out."""
        if authorization is None:
            return GUEST
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("Send a token as `Authorization: Bearer …`.")
        now, token = self._now(), token.strip()
        if self._api_tokens is not None and token.startswith(PREFIX):
            return await self._api_tokens.of(token, now)
        try:
            proven = self._verifier.verify(token, now)
        except UnknownKey:
            await self._learn()
            proven = self._verifier.verify(token, now)
        found = self._known.get(proven)
        if found is None or found[1] <= now.timestamp():
            found = self._known[proven] = (await self._read(proven), now.timestamp() + self._ttl)
            self._known.move_to_end(proven)
            if len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found[0]

    async def _read(self, proven: Proven) -> Actor:
        actor = await self._fetch(proven.user_id, proven.session_id)
        if actor is None:
            self._known.pop(proven, None)
            raise Unauthenticated("The token's user does not exist, or its session has ended: get a new one.")
        return actor
