"""Random values for arguments: good ones of the rows that there are, and some that are missing, foreign or wrong."""

import json
import random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
)

from app.kernel.cursor import encode_cursor
from app.kernel.ids import global_id
from tests.differential.data import EPOCH, GONE, MISSING, Rows

TEXTS = ("new name", "feature 3", "feature 4", "", 'é“"\n', "x" * 300)
DOCUMENTS: tuple[Any, ...] = (
    {},
    {"a": 1, "tags": ["t"], "category": "c"},
    {"tags": [1]},
    {"deep": {"n": [None, 1.5, True]}},
    [1],
    "text",
    None,
)
EMAILS = ("u1@example.com", "U2@example.com", "new@example.com", "newer@example.com", "nobody", "")
SIZES = (0, 1, 1, 2, 2, 3, 3, 5, 5, 20, 20, 20)
LABELS = ("ui", "a", "b", "none")
TIMES = ("2025-01-01T00:00:00Z", "2025-01-03T12:00:00+02:00", "2025-01-01", "yesterday")


class Enum(str):
    """A name that a literal writes bare."""

    __slots__ = ()


class Values:
    """`liking` is how often an id is the favourite's."""

    def __init__(self, dice: random.Random, world: Rows) -> None:
        self.dice, self.world = dice, world
        self.liking = 0.0
        self.features = [global_id("Feature", id) for id in [*world.features, MISSING]]
        self.users = [global_id("User", id) for id in [*world.users, *GONE]]
        features, entries = list(world.features.values())[:4], list(world.entries.values())[:6]
        self.tokens = [global_id("ApiToken", id) for id in world.tokens]
        self.ids = [
            *self.tokens[:3],
            *self.features,
            *self.users,
            *(global_id("AuditEntry", e.id) for e in entries),
            *(global_id("UserAuditEntry", id) for id in list(world.user_entries)[:4]),
            *(global_id("SecurityEvent", id) for id in list(world.events)[:4]),
            "nonsense",
            "Tm91bjp4",
        ]
        self.favourite = self.dice.choice(list(world.features.values()))  # what mutations mostly change
        self.cursors = {
            "FeatureConnection": [
                *(encode_cursor("Feature.CREATED_AT.DESC", f.created_at or "None", f.id) for f in features),
                encode_cursor("Feature.NAME.ASC", str(features[0].name), features[0].id),
            ],
            "AuditEntryConnection": [encode_cursor("AuditEntry.CREATED_AT.DESC", e.created_at, e.id) for e in entries],
            "UserAuditEntryConnection": [
                encode_cursor("UserAuditEntry.CREATED_AT.DESC", e.created_at, e.id)
                for e in list(world.user_entries.values())[:4]
            ],
            "SecurityEventConnection": [
                encode_cursor("SecurityEvent.CREATED_AT.DESC", e.created_at, e.id)
                for e in list(world.events.values())[:4]
            ],
            "ApiTokenConnection": [
                encode_cursor("ApiToken.CREATED_AT.DESC", t.created_at, t.id) for t in list(world.tokens.values())[:4]
            ],
            "UserConnection": [encode_cursor("User.CREATED_AT.ASC", EPOCH, id) for id in list(world.users)[:2]],
        }

    def active(self) -> str:
        """The id of an active feature, where there is one."""
        found = [feature for feature in self.world.features.values() if feature.status == "ACTIVE"]
        return global_id("Feature", self.dice.choice(found or [self.favourite]).id)

    def value(self, name: str, type_: GraphQLInputType) -> Any:
        if isinstance(type_, GraphQLNonNull):
            found = None
            while found is None:
                found = self.value(name, type_.of_type)
            return found
        if self.dice.random() < 0.04:
            return None
        if isinstance(type_, GraphQLList):
            if self.dice.random() < 0.05:
                return self.value(name, type_.of_type)
            return [self.value(name, type_.of_type) for _ in range(self.dice.randint(0, 6 if "ids" in name else 3))]
        if isinstance(type_, GraphQLEnumType):
            return Enum(self.dice.choice(list(type_.values)))
        if isinstance(type_, GraphQLInputObjectType) and type_.is_one_of and self.dice.random() < 0.97:
            key, field = self.dice.choice(list(type_.fields.items()))
            return {key: self.value(f"{type_.name}.{key}", GraphQLNonNull(field.type))}
        if isinstance(type_, GraphQLInputObjectType):
            return {
                key: self.value(f"{type_.name}.{key}", field.type)
                for key, field in type_.fields.items()
                if isinstance(field.type, GraphQLNonNull) or self.dice.random() < 0.4
            }
        assert isinstance(type_, GraphQLScalarType)
        return self.scalar(name, type_.name)

    def scalar(self, path: str, type_: str) -> Any:
        of, _, name = path.rpartition(".")
        match type_:
            case "Boolean":
                return self.dice.random() < 0.5
            case "DateTime" if name == "expiresAt" and self.dice.random() < 0.8:
                return "2027-01-01T00:00:00Z"
            case "DateTime":
                return self.dice.choice(TIMES if self.dice.random() < 0.1 else TIMES[:2])
            case "JSON":
                return self.dice.choice(DOCUMENTS if self.dice.random() < 0.2 else DOCUMENTS[:2])
            case "Int":
                if name in ("first", "last"):
                    return self.dice.choice((-1, 101) if self.dice.random() < 0.04 else SIZES)
                version = self.favourite.version if self.dice.random() < 0.6 else None
                return version if version.__class__ is int else self.dice.choice((0, 1, 2, 3, 4, 7))
        match name:
            case "after" | "before":
                return self.cursor(of)
            case "id" if of == "RevokeApiTokenInput" and self.dice.random() < 0.9:
                return self.dice.choice(self.tokens)
            case "id":
                if self.dice.random() < self.liking:
                    return global_id("Feature", self.favourite.id)
                return self.dice.choice(self.features if self.dice.random() < 0.85 else self.ids)
            case "ownerId" | "actorId" | "userId":
                return self.dice.choice(self.users if self.dice.random() < 0.95 else self.ids)
            case "email":
                return self.dice.choice(EMAILS)
            case "ids":
                return self.dice.choice(self.ids[: -2 if self.dice.random() < 0.95 else None])
            case "category" | "tags":
                return self.dice.choice(LABELS)
        return self.dice.choice(TEXTS if self.dice.random() < 0.4 else TEXTS[:3])

    def cursor(self, of: str) -> str:
        """Mostly one that fits: a wrong one spoils all that is below it, and often all that is above."""
        if of in self.cursors and self.dice.random() < 0.85:
            return self.dice.choice(self.cursors[of][:4])
        return self.dice.choice(["?", *(cursor for some in self.cursors.values() for cursor in some)])


def literal(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
