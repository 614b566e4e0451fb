"""The rows of the database that operations are tried on: its laws hold, with nulls, ties, deleted, archived."""

import random
from dataclasses import asdict
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

import asyncpg
import orjson

from app.domain.audit.model import AuditAction, AuditEntry
from app.domain.feature.model import Feature, FeatureStatus
from app.domain.security_event.model import KeptEvent, SecurityEventKind
from app.domain.user.model import User, UserAction, UserAuditEntry
from app.kernel.actor import Role
from app.kernel.ids import AuditEntryId, FeatureId, SecurityEventId, UserAuditEntryId, UserId
from app.kernel.json import Json
from tests.differential.data import ADMIN, EPOCH, OTHER, USER, stored_token
from tests.fixtures.world import insert

USERS, FEATURES, ENTRIES, USER_ENTRIES, EVENTS, TOKENS = 8, 36, 160, 20, 30, 12
ROLES: tuple[Role, ...] = ("ADMIN", "USER", "VIEWER", "MANAGER")
STATUSES: tuple[FeatureStatus, ...] = ("ACTIVE", "ACTIVE", "INACTIVE", "ARCHIVED", "DELETED")
DOCUMENTS: tuple[dict[str, object], ...] = (
    {},
    {"category": "ui", "tags": ["a"]},
    {"category": "é“", "tags": ["a", "b", "a"], "n": 1.5},
    {"tags": [], "deep": [None, {"x": True}]},
)
ACTIONS: tuple[AuditAction, ...] = (
    "CREATE",
    "UPDATE",
    "ACTIVATE",
    "DEACTIVATE",
    "ARCHIVE",
    "DELETE",
    "RESTORE",
    "REVERT",
)
USER_ACTIONS: tuple[UserAction, ...] = ("CREATE", "UPDATE", "CHANGE_ROLE", "DISABLE", "ENABLE")
KINDS: tuple[SecurityEventKind, ...] = ("PERMISSION_DENIED", "LOGIN_FAILED", "ROLE_CHANGED")


class StoredRows:
    """Always the same ones."""

    def __init__(self) -> None:
        self._dice = random.Random(1)
        self.users = {user.id: user for user in map(_user, range(USERS))}
        self.features = {feature.id: feature for feature in map(self._feature, range(FEATURES))}
        self.tokens = {
            token.id: token for token in (stored_token(number, list(self.users)) for number in range(TOKENS))
        }
        self.entries = {entry.id: entry for entry in map(self._entry, range(ENTRIES))}
        self.user_entries = {entry.id: entry for entry in map(_user_entry, range(USER_ENTRIES))}
        self.events = {event.id: event for event in map(_event, range(EVENTS))}

    async def plant(self, owner: "asyncpg.Connection[asyncpg.Record]") -> None:
        """Into empty tables."""
        active = [feature.owner_id for feature in self.features.values() if feature.status == "ACTIVE"]
        for user in self.users.values():
            row = {name: getattr(user, name) for name in ("id", "name", "email", "role", "created_at")}
            await insert(owner, "users", {**row, "active_features": active.count(user.id)})
        for feature in self.features.values():
            names = ("id", "owner_id", "name", "description", "status", "status_before_delete", "metadata", "version")
            await _insert(owner, "features", feature, (*names, "created_at", "updated_at", "deleted_at"))
        for entry in self.entries.values():
            names = ("id", "feature_id", "owner_id", "actor_id", "action", "version", "changed_fields", "old_values")
            await _insert(owner, "audit_entries", entry, (*names, "new_values", "metadata", "created_at"))
        for user_entry in self.user_entries.values():
            names = ("id", "user_id", "actor_id", "action", "old_values", "new_values", "request_id", "created_at")
            await _insert(owner, "user_audit_entries", user_entry, names)
        for event in self.events.values():
            names = ("id", "kind", "actor_id", "subject", "address", "request_id", "facts", "created_at")
            await _insert(owner, "security_events", event, names)
        for token in self.tokens.values():
            row = asdict(token)
            await insert(owner, "api_tokens", {**row, "hash": sha256(token.id.bytes).digest()})

    def _feature(self, number: int) -> Feature:
        dice = self._dice
        status = dice.choice(STATUSES)
        created_at = EPOCH + timedelta(minutes=number // 3)
        updated_at = max(created_at, EPOCH + timedelta(days=number % 11))
        return Feature(
            id=FeatureId(UUID(int=0x2000 + number)),
            owner_id=dice.choice([ADMIN, USER, USER, OTHER, *self.users]),
            name=f"feature {number}",
            description=dice.choice((None, "", 'text “é” "\n', "a new name")),
            status=status,
            status_before_delete=dice.choice(("ACTIVE", "INACTIVE")) if status == "DELETED" else None,
            metadata=_json(dice.choice(DOCUMENTS)),
            category=None,  # this and the next: as the database works them out
            tags=[],
            version=1 + number % 5,
            created_at=created_at,
            updated_at=updated_at,
            deleted_at=updated_at if status == "DELETED" else None,
        )

    def _entry(self, number: int) -> AuditEntry:
        dice = self._dice
        feature = dice.choice(list(self.features.values()))
        old = {"name": "x", "metadata": {"a": number}, "description": None}
        return AuditEntry(
            id=AuditEntryId(UUID(int=0x3000 + number)),
            feature_id=feature.id,
            owner_id=feature.owner_id,
            actor_id=dice.choice([*self.users, feature.owner_id, None]),
            action=dice.choice(ACTIONS),
            version=number,
            changed_fields=["name", "metadata", "description"][: number % 4],
            old_values=dice.choice([None, _json(old)]),
            new_values=dice.choice([None, _json({"name": "y", "metadata": [1.5, None]})]),
            metadata=_json({"requestId": "r"}),
            created_at=_moment(number),
        )


def _user(number: int) -> User:
    email = f"u{number}@example.com" if number % 3 else None
    id = UserId(UUID(int=0x1000 + number))
    return User(id, f"user {number}", email, ROLES[number % 4], EPOCH + timedelta(hours=number // 2))


def _user_entry(number: int) -> UserAuditEntry:
    return UserAuditEntry(
        id=UserAuditEntryId(UUID(int=0x4000 + number)),
        user_id=UserId(UUID(int=0x1000 + number % 3)),
        actor_id=ADMIN if number % 2 else None,
        action=USER_ACTIONS[number % 5],
        old_values=_json({"role": "USER"}) if number % 4 else None,
        new_values=_json({"role": "ADMIN", "name": "x"}),
        request_id="r" if number % 3 else None,
        created_at=_moment(number),
    )


def _event(number: int) -> KeptEvent:
    return KeptEvent(
        id=SecurityEventId(UUID(int=0x5000 + number)),
        kind=KINDS[number % 3],
        actor_id=UserId(UUID(int=0x1000 + number % 9)) if number % 4 else None,
        subject="features:update" if number % 2 else None,
        address="192.0.2.1" if number % 5 else None,
        request_id="r" if number % 3 else None,
        facts=_json({"code": "FORBIDDEN"} if number % 2 else {}),
        created_at=_moment(number),
    )


def _moment(number: int) -> datetime:
    return EPOCH + timedelta(seconds=number // 3, microseconds=number % 2)


def _json(document: object) -> Json:
    return Json(orjson.dumps(document))


async def _insert(
    owner: "asyncpg.Connection[asyncpg.Record]", table: str, found: object, columns: tuple[str, ...]
) -> None:
    values = [getattr(found, column) for column in columns]
    texts = [value.text.decode() if isinstance(value, Json) else value for value in values]
    await insert(owner, table, dict(zip(columns, texts, strict=True)))
