"""Rotation and revocation of signing keys, by an operator."""

from datetime import datetime, timedelta

from app.domain.security_event.model import SecurityEvent
from app.domain.security_event.ports import Announce
from app.domain.signing_key.model import SigningKey
from app.domain.signing_key.ports import KeyMaker, SigningKeys, SigningKeyWork
from app.domain.signing_key.rules import believed_until, heir, successor, verifies


class RotationRefusedError(Exception):
    """One line that says why the keys are as they were."""


class SigningKeyService:
    """`delay`: how long a key is published before it signs; `longest_token`: how long a token may live."""

    def __init__(
        self,
        keys: SigningKeys,
        maker: KeyMaker,
        announce: Announce,
        delay: timedelta,
        longest_token: timedelta,
    ) -> None:
        self._keys, self._maker, self._announce = keys, maker, announce
        self._delay, self._longest_token = delay, longest_token

    async def rotate(self) -> SigningKey:
        """The new key. Raises RotationRefusedError while the last has not signed yet, and with another key ring."""
        async with self._keys.work() as work:
            now = await work.fetch_now()
            await work.drop(now)
            found = await work.fetch_all()
            last = heir(found)
            if last is not None and now < last.signs_from:
                raise RotationRefusedError(
                    f"The key {last.kid} is new itself: it signs from {last.signs_from:%FT%TZ} on."
                )
            for key in found:
                if verifies(key, now) and not self._maker.opens(key):
                    raise RotationRefusedError(
                        f"The key {key.kid} cannot be read with these ENCRYPTION_KEYS: use those of the servers, or "
                        "they could not read the new one."
                    )
            made = await self._succeed(work, now)
            event = _event("ROTATED", made.kid, now)
            await work.append(event)
        self._announce(event)
        return made

    async def revoke(self, kid: str) -> SigningKey | None:
        """The key that was made in its stead, where it was the last to sign. Raises RotationRefusedError."""
        made = None
        async with self._keys.work() as work:
            now = await work.fetch_now()
            known = {key.kid: key for key in await work.fetch_all()}
            if kid not in known:
                raise RotationRefusedError(
                    f"The database has no key {kid}. Keys of JWT_KEYS are revoked by taking them out and restarting."
                )
            if known[kid].revoked_at is not None:
                raise RotationRefusedError(f"The key {kid} is revoked already.")
            if heir(known.values()) is known[kid]:
                made = await self._succeed(work, now)
            await work.revoke(kid, now)
            event = _event("REVOKED", kid, now)
            await work.append(event)
        self._announce(event)
        return made

    async def _succeed(self, work: SigningKeyWork, now: datetime) -> SigningKey:
        made = successor(self._maker.make(), now, self._delay)
        await work.end(now, made.signs_from, believed_until(made.signs_from, self._longest_token))
        await work.add(made)
        return made


def _event(act: str, kid: str, now: datetime) -> SecurityEvent:
    return SecurityEvent("KEYS_ROTATED", None, kid, None, None, now, {"act": act})
