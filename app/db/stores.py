"""What services reach data through: every store, on one database."""

from dataclasses import dataclass, replace

from app.db.api_token import SqlApiTokens
from app.db.audit import SqlEntries
from app.db.database import Database
from app.db.feature import SqlFeatures
from app.db.legacy_call import SqlLegacyCalls
from app.db.security_event import SqlSecurityEvents
from app.db.session import SqlSessions
from app.db.user import SqlUsers
from app.db.user_audit import SqlUserEntries
from app.db.user_write import SqlUserWrites
from app.kernel.clock import new_id


@dataclass(frozen=True, slots=True)
class Stores:
    users: SqlUsers
    features: SqlFeatures
    entries: SqlEntries
    user_writes: SqlUserWrites
    user_entries: SqlUserEntries
    security_events: SqlSecurityEvents
    api_tokens: SqlApiTokens
    sessions: SqlSessions
    legacy_calls: SqlLegacyCalls


def stores_on(database: Database) -> Stores:
    return Stores(
        SqlUsers(database),
        SqlFeatures(database),
        SqlEntries(database),
        SqlUserWrites(database, new_id),
        SqlUserEntries(database),
        SqlSecurityEvents(database),
        SqlApiTokens(database, new_id),
        SqlSessions(database),
        SqlLegacyCalls(database),
    )


def reading_from(database: Database, stores: Stores) -> Stores:
    """What a request that only reads asks there. Who somebody is and what they may do, tokens, sessions and security
    events are never old: they stay where they were."""
    return replace(
        stores,
        users=SqlUsers(database),
        features=SqlFeatures(database),
        entries=SqlEntries(database),
        user_entries=SqlUserEntries(database),
    )
