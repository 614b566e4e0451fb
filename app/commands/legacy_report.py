"""`feature-api legacy-report`: who still calls REST v1, as the database's owner, who may see names and emails."""

from datetime import timedelta

from app.config.settings import Settings
from app.db.legacy_call import LegacyCaller, SqlLegacyCalls
from app.kernel.clock import utc_now
from app.parts import owner_database


async def fetch_report(settings: Settings, days: int) -> list[str]:
    """A line each, who called last first. Raises Unavailable."""
    async with owner_database(settings) as database:
        callers = await SqlLegacyCalls(database).fetch_callers(utc_now().date() - timedelta(days=days - 1))
    return [line_of(caller) for caller in callers]


def line_of(caller: LegacyCaller) -> str:
    who = f"{caller.name or 'a user who is gone'} <{caller.email or caller.user_id}>"
    return f"{caller.last_at:%FT%TZ}  {caller.calls:>8}  {who}  {', '.join(caller.operations)}"
