"""Tokens for development: finds a user, and signs with the key of this machine. Production has its own issuer."""

from datetime import timedelta

from joserfc.errors import JoseError

from app.config.settings import Settings
from app.db.database import Database
from app.db.user import SqlUsers
from app.kernel.clock import utc_now
from app.parts import pool_settings, tokens_of

ROLES = ("ADMIN", "MANAGER", "USER", "VIEWER")


class MintingRefusedError(Exception):
    """One line that says why there is no token."""


async def mint(settings: Settings, role: str | None, email: str | None, lifetime: timedelta) -> str:
    """For the oldest user of that role and email. Raises MintingRefusedError, SettingsError, Unavailable."""
    if settings.environment == "production":
        raise MintingRefusedError("`token` is for development: in production, tokens come from your issuer.")
    wanted = role.upper() if role else None
    if wanted is None and email is None:
        raise MintingRefusedError("Say for whom: --role admin, or --user somebody@example.com.")
    if wanted is not None and wanted not in ROLES:
        raise MintingRefusedError(f"There is no role {role!r}: choose one of admin, manager, user, viewer.")
    if lifetime > timedelta(seconds=settings.jwt_max_lifetime):
        raise MintingRefusedError(
            f"No server takes a token of more than {settings.jwt_max_lifetime} s: JWT_MAX_LIFETIME."
        )
    database = Database(pool_settings(settings))
    try:
        user = await SqlUsers(database).fetch_first(wanted, email)
    finally:
        await database.close()
    if user is None:
        whom = " and ".join(
            part for part in (f"role {wanted}" if wanted else "", f"email {email}" if email else "") if part
        )
        raise MintingRefusedError(f"There is no user of {whom}: `feature-api seed` adds users of every role.")
    try:
        return tokens_of(settings).mint(user.id, utc_now(), lifetime)
    except JoseError:
        raise MintingRefusedError("JWT_KEYS hold no private key, so nothing can be signed here.") from None
