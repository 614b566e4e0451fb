"""The rows of a world, seeded at random; `damage` is the share of what breaks the schema's promises."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, cast
from uuid import UUID

from app.domain.api_token.model import ApiToken
from app.domain.audit.model import AuditEntry
from app.domain.feature.model import Feature
from app.domain.security_event.model import KeptEvent
from app.domain.user.model import User, UserAuditEntry
from app.kernel.ids import ApiTokenId, AuditEntryId, FeatureId, SecurityEventId, UserAuditEntryId, UserId
from app.kernel.json import Json

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
ADMIN, USER, VIEWER, MANAGER, _, OTHER = (UserId(UUID(int=0x1000 + number)) for number in range(6))
GONE = [UserId(UUID(int=0x1F00 + number)) for number in range(2)]
MISSING = FeatureId(UUID(int=0x2F00))
NEW = 0x9000  # ids from here on are those of what an operation writes
BATCHES = (
    *("users", "features", "feature pages", "entry pages", "token pages"),
    *("feature counts", "entry counts", "user counts", "token counts"),
    *("user entry pages", "user entry counts", "events", "event counts"),
)

NULL: Any = None
NO_TAGS: list[Any] = [None, ["a", None], "text", [["b"]]]
NO_VERSIONS: list[Any] = [2**40, 2**31, -(2**31) - 1, None, "x", 2.5]


def now() -> datetime:
    return EPOCH + timedelta(days=400)


class Rows(Protocol):
    """What operations may ask for."""

    users: dict[UserId, User]
    features: dict[FeatureId, Feature]
    entries: dict[AuditEntryId, AuditEntry]
    user_entries: dict[UserAuditEntryId, UserAuditEntry]
    events: dict[SecurityEventId, KeptEvent]
    tokens: dict[ApiTokenId, ApiToken]


class World:
    """Everything that one execution may read and write, and what it has asked for."""

    def __init__(self, seed: int, damage: float) -> None:
        self.dice = random.Random(seed)
        self.damage = damage
        self.calls: list[tuple[str, int]] = []
        self.written: list[str] = []
        self.ids = 0
        self.users = {user.id: user for user in map(self._user, range(6))}
        self.features = {feature.id: feature for feature in map(self._feature, range(9))}
        feature_ids = [*self.features, MISSING]
        self.entries = {entry.id: entry for entry in (self._entry(number, feature_ids) for number in range(25))}
        self.user_entries = {entry.id: entry for entry in map(self._user_entry, range(8))}
        self.events = {event.id: event for event in map(self._event, range(12))}
        self.tokens = {token.id: token for token in map(self._token, range(8))}
        self.failing = {name: self.dice.choice("abc") for name in BATCHES if damage and self.dice.random() < 0.07}
        self.holes = damage > 0 and self.dice.random() < 0.3  # pages hold what is no node of theirs

    def broken(self) -> bool:
        return self.dice.random() < self.damage

    def odd(self) -> bool:
        """Not as promised, and no error: it is answered as something else."""
        return self.dice.random() < 2 * self.damage

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=NEW + self.ids)

    def _user(self, number: int) -> User:
        return User(
            UserId(UUID(int=0x1000 + number)),
            NULL if self.broken() else f"user {number}",
            None if number % 3 else f"u{number}@example.com",
            cast(Any, 7) if self.broken() else ("ADMIN", "USER", "VIEWER", "MANAGER")[number % 4],
            EPOCH + timedelta(hours=number, microseconds=number % 2),
        )

    def _feature(self, number: int) -> Feature:
        dice, broken = self.dice, self.broken
        status = dice.choice(("ACTIVE", "ACTIVE", "INACTIVE", "ARCHIVED", "DELETED"))
        return Feature(
            id=FeatureId(UUID(int=0x2000 + number)),
            owner_id=dice.choice(GONE) if broken() else dice.choice(list(self.users)),
            name=NULL if broken() else cast(Any, number) if self.odd() else f"feature {number}",
            description=None if number % 2 else 'text “é” "\n',
            status=cast(Any, "BURNING" if broken() else status),
            status_before_delete="INACTIVE" if status == "DELETED" else None,
            metadata=NULL if broken() else Json(b'{"n": %d, "tags": ["a", null]}' % number),
            category=cast(Any, ["list"]) if broken() else dice.choice((None, "ui")),
            tags=dice.choice(NO_TAGS) if broken() else cast(Any, [number]) if self.odd() else ["a"] * (number % 3),
            version=dice.choice(NO_VERSIONS)
            if broken() or broken()
            else cast(Any, float(number))
            if self.odd()
            else number,
            created_at=NULL if broken() else EPOCH + timedelta(minutes=number // 2),
            updated_at=EPOCH + timedelta(days=number),
            deleted_at=EPOCH if status == "DELETED" else None,
        )

    def _entry(self, number: int, feature_ids: list[FeatureId]) -> AuditEntry:
        dice = self.dice
        old = dice.choice([None, Json(b'{"name": "x", "metadata": {"a": 1}}')])
        if self.broken():
            old = Json(b"[1, 2]")  # its changes cannot be told
        return AuditEntry(
            id=AuditEntryId(UUID(int=0x3000 + number)),
            feature_id=dice.choice(feature_ids),
            owner_id=USER,
            actor_id=dice.choice([*self.users, *GONE, None]),
            action=cast(Any, "EXPLODE") if self.broken() else dice.choice(("CREATE", "UPDATE", "DELETE")),
            version=number,
            changed_fields=["name", NULL] if self.broken() else ["name", "metadata"][: number % 3],
            old_values=old,
            new_values=dice.choice([None, Json(b'{"name": "y", "metadata": [1.5, null]}')]),
            metadata=Json(b'{"requestId": "r"}'),
            created_at=EPOCH + timedelta(seconds=number),
        )

    def _user_entry(self, number: int) -> UserAuditEntry:
        dice = self.dice
        return UserAuditEntry(
            id=UserAuditEntryId(UUID(int=0x4000 + number)),
            user_id=dice.choice(list(self.users)),
            actor_id=dice.choice([*self.users, *GONE, None]),
            action=cast(Any, "EXPLODE") if self.broken() else dice.choice(("CREATE", "CHANGE_ROLE", "DISABLE")),
            old_values=dice.choice([None, Json(b'{"role": "USER"}')]),
            new_values=NULL if self.broken() else Json(b'{"role": "ADMIN"}'),
            request_id=dice.choice((None, "r")),
            created_at=EPOCH + timedelta(seconds=number),
        )

    def _event(self, number: int) -> KeptEvent:
        dice = self.dice
        return KeptEvent(
            id=SecurityEventId(UUID(int=0x5000 + number)),
            kind=cast(Any, "EXPLODE") if self.broken() else dice.choice(("PERMISSION_DENIED", "ROLE_CHANGED")),
            actor_id=dice.choice([*self.users, *GONE, None]),
            subject=dice.choice((None, "features:update")),
            address=dice.choice((None, "192.0.2.1")),
            request_id=dice.choice((None, "r")),
            facts=NULL if self.broken() else Json(b'{"code": "FORBIDDEN"}'),
            created_at=EPOCH + timedelta(seconds=number),
        )

    def _token(self, number: int) -> ApiToken:
        token = stored_token(number, list(self.users))
        if self.broken():
            token = replace(token, kind=cast(Any, "LENT"))
        if self.odd():
            token = replace(token, scopes=["features:read", "no longer a scope"])
        return replace(token, name=NULL) if self.broken() else token


def stored_token(number: int, users: list[UserId]) -> ApiToken:
    """Some end, are used, are revoked; two at a time were made at the same moment."""
    user_id, made = users[number % 3], EPOCH + timedelta(days=number // 2)
    personal = number % 4 > 0
    return ApiToken(
        id=ApiTokenId(UUID(int=0x6000 + number)),
        user_id=user_id,
        kind="PERSONAL" if personal else "SERVICE",
        name=f"token {number}",
        scopes=["features:read", "tokens:own"][: 1 + number % 2],
        hint=f"fapi_p_{number:04}",
        created_at=made,
        created_by=user_id if personal else ADMIN,
        expires_at=made + timedelta(days=30 if number % 3 else 3000),
        last_used_at=made if number % 2 else None,
        revoked_at=made if number % 5 == 4 else None,
    )
