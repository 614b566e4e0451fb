"""The acts of `feature-api keys` on a database: as its owner, since the application may only read its signing keys."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from app.adapters.security_events import log_event
from app.auth.key_ring import KeyRing
from app.auth.reencrypt import OnProgress, Reencrypted, reencrypt
from app.auth.stored_keys import KeyMaker
from app.config.settings import Settings, SettingsError
from app.db.encrypted import ENCRYPTED, SqlEncrypted
from app.db.signing_key import SqlSigningKeys
from app.domain.signing_key.model import SigningKey
from app.domain.signing_key.rules import state_of
from app.domain.signing_key.service import SigningKeyService
from app.kernel.clock import new_id, utc_now
from app.parts import owner_database, ring_of

SHOWN = 20  # unreadable values that are named


class UnfinishedError(Exception):
    """Says which values are not under the first key."""


async def rotate(settings: Settings) -> SigningKey:
    """Raises RotationRefusedError, SettingsError, Unavailable."""
    async with _service(settings) as service:
        return await service.rotate()


async def revoke(settings: Settings, kid: str) -> SigningKey | None:
    """Raises RotationRefusedError, SettingsError, Unavailable."""
    async with _service(settings) as service:
        return await service.revoke(kid)


async def fetch_keys(settings: Settings) -> list[str]:
    """A line each, the oldest first. Raises SettingsError, Unavailable."""
    async with owner_database(settings) as database:
        keys = await SqlSigningKeys(database, new_id).fetch_all()
    now = utc_now()
    times = "signs {} to {}, believed until {}"
    return [
        f"{key.kid}  {state_of(key, now):9}  "
        + times.format(*map(_time, (key.signs_from, key.signs_until, key.revoked_at or key.verifies_until)))
        for key in keys
    ]


async def reencrypt_columns(settings: Settings, on_progress: OnProgress) -> Reencrypted:
    """Raises UnfinishedError, SettingsError, Unavailable."""
    ring = _ring(settings)
    async with owner_database(settings) as database:
        done = await reencrypt(SqlEncrypted(database), ENCRYPTED, ring, on_progress)
    if done.unreadable:
        more = len(done.unreadable) - SHOWN
        named = ", ".join(done.unreadable[:SHOWN]) + (f" and {more} more" if more > 0 else "")
        raise UnfinishedError(f"No key of ENCRYPTION_KEYS opens {named}. Keep the old keys; {done.changed} are done.")
    if done.contended:
        raise UnfinishedError(f"{done.contended} values were being written all the while: run this once more.")
    return done


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[SigningKeyService]:
    delay, longest = timedelta(seconds=settings.signing_key_delay), timedelta(seconds=settings.jwt_max_lifetime)
    maker = KeyMaker(_ring(settings))
    async with owner_database(settings) as database:
        yield SigningKeyService(SqlSigningKeys(database, new_id), maker, log_event, delay, longest)


def _ring(settings: Settings) -> KeyRing:
    ring = ring_of(settings)
    if ring is None:
        raise SettingsError("ENCRYPTION_KEYS: set it, since what is secret in the database is kept under it")
    return ring


def _time(at: datetime | None) -> str:
    return "–" if at is None else f"{at.astimezone(UTC):%FT%TZ}"
