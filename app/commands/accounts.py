"""The acts of `feature-api user`: an AccountService on a database of its own, closed afterwards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.security_events import log_event
from app.auth.guessing import guesses
from app.auth.passwords import BoundedPasswords
from app.config.settings import Settings
from app.db.account import SqlAccounts
from app.db.database import Database
from app.db.user_write import SqlUserWrites
from app.domain.session.accounts import AccountService
from app.kernel.clock import new_id, utc_now
from app.parts import effort_of, pool_settings


@asynccontextmanager
async def account_service(settings: Settings) -> AsyncIterator[AccountService]:
    """Raises SettingsError."""
    database, passwords = Database(pool_settings(settings)), BoundedPasswords(effort_of(settings))
    try:
        yield AccountService(
            SqlUserWrites(database, new_id), SqlAccounts(database), passwords, guesses, log_event, utc_now, new_id
        )
    finally:
        passwords.close()
        await database.close()
