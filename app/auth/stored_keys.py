"""The database's signing keys as this process last read them; what signs and what verifies is asked of no one else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf

import orjson
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from app.auth.key_ring import KeyRing, UndecipherableError
from app.domain.signing_key.model import NewKey, SigningKey
from app.domain.signing_key.rules import signer, verifies
from app.kernel.clock import Clock
from app.kernel.errors import Unavailable

log = structlog.get_logger()

COLUMN = "signing_keys.private_key"
DELAY = timedelta(seconds=60)
GAP = timedelta(seconds=1)  # between two readings that tokens ask for


@dataclass(frozen=True, slots=True)
class OpenKey:
    stored: SigningKey
    key: OKPKey


class StoredKeys:
    """`delay`: how long a key is published before it signs; older knowledge than that signs nothing. `generation`
    changes whenever a key came, went, or got another end."""

    def __init__(self, delay: timedelta = DELAY) -> None:
        self._delay = delay
        self._read_at: datetime | None = None
        self._keys: dict[str, OpenKey] = {}
        self.generation = 0

    def replace(self, found: Sequence[OpenKey], now: datetime) -> bool:
        """Did anything change?"""
        keys = {open.stored.kid: open for open in found}
        changed = keys != self._keys
        self._keys, self._read_at = keys, now
        self.generation += changed
        return changed

    def is_stale(self, now: datetime) -> bool:
        """Could there be a key that signs by now, and that was not read here?"""
        return self._read_at is None or now - self._read_at >= self._delay

    def signer(self, now: datetime) -> OKPKey | None:
        """None, too, where what is known is stale: a successor may have taken over."""
        if self.is_stale(now):
            return None
        found = signer((open.stored for open in self._keys.values()), now)
        return None if found is None else self._keys[found.kid].key

    def signing_since(self, now: datetime) -> datetime | None:
        """When the key that signs was made."""
        found = signer((open.stored for open in self._keys.values()), now)
        return None if found is None else found.created_at

    def get(self, kid: str, now: datetime) -> OKPKey | None:
        found = self._keys.get(kid)
        return found.key if found is not None and verifies(found.stored, now) else None

    def end_of(self, kid: str) -> float:
        """When the key is believed no longer, in Unix seconds; infinite where that is not known."""
        found = self._keys.get(kid)
        return found.stored.verifies_until.timestamp() if found and found.stored.verifies_until else inf

    def public(self, now: datetime) -> list[OKPKey]:
        return [open.key for open in self._keys.values() if verifies(open.stored, now)]


class KeyMaker:
    """Makes keys and opens them: whoever can write the table, but has not the key ring, can bring in none."""

    def __init__(self, ring: KeyRing) -> None:
        self._ring = ring

    def make(self) -> NewKey:
        key = OKPKey.generate_key("Ed25519", parameters={"use": "sig", "alg": "Ed25519"}, private=True, auto_kid=True)
        kid = str(key.kid)
        public = {name: str(part) for name, part in key.as_dict(private=False).items()}
        return NewKey(kid, public, self._ring.encrypt(orjson.dumps(key.as_dict(private=True)), COLUMN, kid))

    def opens(self, stored: SigningKey) -> bool:
        return self.open(stored) is not None

    def open(self, stored: SigningKey) -> OKPKey | None:
        """None where the private part cannot be read, or is not that of the public one."""
        try:
            key = OKPKey.import_key(orjson.loads(self._ring.decrypt(stored.sealed, COLUMN, stored.kid)))
        except (UndecipherableError, JoseError, ValueError):
            return None
        fits = key.kid == stored.kid and key.as_dict(private=False) == stored.public_jwk
        return key if fits and key.curve_name == "Ed25519" else None


class KeyReader:
    """Reads what others have changed: every so often, and when a token names a key that is not known."""

    def __init__(
        self, fetch: Callable[[], Awaitable[Sequence[SigningKey]]], maker: KeyMaker, keys: StoredKeys, now: Clock
    ) -> None:
        self._fetch, self._maker, self._keys, self._now = fetch, maker, keys, now
        self._one_at_a_time = asyncio.Lock()
        self._asked_at: datetime | None = None
        self._asked: asyncio.Task[None] | None = None
        self._unreadable: frozenset[str] = frozenset()

    async def read(self) -> None:
        """Raises Unavailable; then the keys that are known go on."""
        async with self._one_at_a_time:  # or an older answer could come last
            started = self._now()
            stored = [key for key in await self._fetch() if verifies(key, started)]
            opened = {key.kid: self._maker.open(key) for key in stored}
            found = [OpenKey(key, ours) for key in stored if (ours := opened[key.kid]) is not None]
            changed = self._keys.replace(found, started)
        self._tell(changed, [open.stored.kid for open in found], frozenset(kid for kid in opened if not opened[kid]))

    async def learn(self) -> None:
        """For a token with an unknown key. However many come, the database is asked at most once in GAP. Raises
        Unavailable where the keys could not be read for so long that the token may be good."""
        now = self._now()
        if self._asked is None or self._asked_at is None or now - self._asked_at >= GAP:
            self._asked_at, self._asked = now, asyncio.create_task(self._read_if_possible())
        await asyncio.shield(self._asked)  # whoever asked first may go away before the answer comes
        if self._keys.is_stale(now):
            raise Unavailable("The keys that tokens are checked with cannot be read at the moment: try again.")

    async def _read_if_possible(self) -> None:
        try:
            await self.read()
        except Unavailable as error:
            log.warning("signing keys could not be read", reason=error.message)
        except Exception:  # the outermost of its task; whoever waits is refused, or told to try again
            log.exception("signing keys could not be read")

    def _tell(self, changed: bool, kids: list[str], unreadable: frozenset[str]) -> None:
        if changed:
            log.info("signing keys changed", kids=kids)
        if unreadable - self._unreadable:
            log.error("signing keys cannot be read with these ENCRYPTION_KEYS", kids=sorted(unreadable))
        self._unreadable = unreadable
