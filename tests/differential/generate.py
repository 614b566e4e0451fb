"""Random operations over a schema: fragments, merged fields, aliases, conditions, variables, good and bad arguments."""

import json
import random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

from app.kernel.cursor import encode_cursor
from app.kernel.ids import global_id
from tests.differential.data import EPOCH, GONE, World

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
TIMES = ("2025-01-01T00:00:00Z", "2025-01-03T12:00:00+02:00", "2025-01-01", "yesterday")


class Enum(str):
    """A name that a literal writes bare."""

    __slots__ = ()


class Generator:
    """`operation` may be asked once."""

    def __init__(self, schema: GraphQLSchema, seed: int, world: World) -> None:
        self.schema, self.dice = schema, random.Random(seed)
        self.features = [global_id("Feature", id) for id in world.features]
        self.users = [global_id("User", id) for id in [*world.users, *GONE]]
        entries = [global_id("AuditEntry", id) for id in list(world.entries)[:6]]
        self.ids = [*self.features, *self.users, *entries, "nonsense", "Tm91bjp4"]
        features, some_entries = list(world.features.values())[:4], list(world.entries.values())[:3]
        self.cursors = ["?"]
        self.cursors += [encode_cursor("Feature.CREATED_AT.DESC", f.created_at or "None", f.id) for f in features]
        self.cursors += [encode_cursor("Feature.NAME.ASC", str(f.name), f.id) for f in features]
        self.cursors += [encode_cursor("AuditEntry.CREATED_AT.DESC", e.created_at, e.id) for e in some_entries]
        self.cursors += [encode_cursor("User.CREATED_AT.ASC", EPOCH, id) for id in list(world.users)[:2]]
        self.variables: dict[str, tuple[str, Any, bool]] = {}
        self.fragments: list[str] = []
        self.numbers = 0
        self.left = self.dice.choice((15, 40, 70))  # members, but for those that a selection cannot do without

    def operation(self) -> tuple[str, dict[str, Any]]:
        """(document, variables)."""
        mutates = self.dice.random() < 0.2
        root = self.schema.mutation_type if mutates else self.schema.query_type
        assert root
        body = self.selection(root, self.dice.randint(2, 7))
        heads = [f"${name}: {head}" for name, (head, _, _) in self.variables.items()]
        given = {name: value for name, (_, value, sent) in self.variables.items() if sent}
        if self.dice.random() < 0.02:
            given["unknown"] = 1
        head = f"{'mutation' if mutates else 'query'} Random"
        if heads:
            head += f"({', '.join(heads)})"
        return "\n".join([f"{head} {body}", *self.fragments]), given

    def selection(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        parts: list[str] = []
        for _ in range(self.dice.randint(1, 7)):
            if not parts or self.left > 0:
                self.left -= 1
                parts.append(self.member(type_, depth if self.left > 0 else 0))
        return "{ " + " ".join(parts) + " }"

    def member(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        roll = self.dice.random() if self.left > 0 else 1
        if roll < 0.06:
            return f"... {self.directive()} {self.selection(type_, depth)}"
        if roll < 0.12:
            return f"... on {type_.name} {self.directive()} {self.selection(type_, depth)}"
        if roll < 0.17:
            return self.spread(type_, depth)
        if isinstance(type_, GraphQLInterfaceType) and roll < 0.75:
            possible = self.dice.choice(self.schema.get_possible_types(type_))
            return f"... on {possible.name} {self.selection(possible, depth)}"
        if isinstance(type_, GraphQLObjectType) and type_.interfaces and roll < 0.2:
            return f"... on {type_.interfaces[0].name} {self.selection(type_.interfaces[0], depth)}"
        if roll < 0.24:
            return self.alias() + "__typename"
        if roll < 0.245 and type_ is self.schema.query_type:
            return '__type(name: "Node") { possibleTypes { name } }'
        return self.field(type_, depth)

    def spread(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        name = f"F{self.number()}"
        self.fragments.append(f"fragment {name} on {type_.name} {self.selection(type_, depth)}")
        once = f"...{name} {self.directive()}"
        return f"{once} ...{name}" if self.dice.random() < 0.2 else once

    def field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        choices = [n for n, f in type_.fields.items() if depth > 0 or is_leaf_type(get_named_type(f.type))]
        if not choices:
            return "__typename"
        name = self.dice.choice(choices)
        field = type_.fields[name]
        arguments = self.arguments(field)
        alias = f"a{self.number()}: " if arguments else self.alias() if self.dice.random() < 0.2 else ""
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            return f"{alias}{name}{arguments} {self.directive()}"
        once = f"{alias}{name}{arguments} {self.directive()} {self.selection(named, depth - 1)}"
        if self.dice.random() < 0.12:  # field merging: the same key again, with other sub-selections
            return f"{once} {alias}{name}{arguments} {self.selection(named, depth - 1)}"
        if field.args and self.left > 0 and self.dice.random() < 0.2:  # the same field, asked otherwise
            return f"{once} a{self.number()}: {name}{self.arguments(field)} {self.selection(named, depth - 1)}"
        return once

    def number(self) -> int:
        self.numbers += 1
        return self.numbers

    def alias(self) -> str:
        return f"x{self.number()}: " if self.dice.random() < 0.5 else ""

    def directive(self) -> str:
        if self.dice.random() > 0.12:
            return ""
        word = self.dice.choice(("include", "skip"))
        flag = self.dice.choice(("true", "false", None, None))
        if flag is not None:
            return f"@{word}(if: {flag})"
        value = self.dice.random() < 0.5
        if self.dice.random() < 0.2:
            return f"@{word}(if: {self.variable('Boolean', value, 'true')})"
        return f"@{word}(if: {self.variable('Boolean!', value, None)})"

    def arguments(self, field: GraphQLField) -> str:
        given = []
        for name, argument in field.args.items():
            share = 0.1 if name in ("after", "before") else 0.3  # a wrong one spoils all that is below it
            if isinstance(argument.type, GraphQLNonNull) or self.dice.random() < share:
                given.append(f"{name}: {self.argument(name, argument)}")
        return f"({', '.join(given)})" if given else ""

    def argument(self, name: str, argument: GraphQLArgument) -> str:
        value = self.value(name, argument.type)
        if self.dice.random() >= 0.4:
            return literal(value)
        nullable = not isinstance(argument.type, GraphQLNonNull)
        default = literal(self.value(name, argument.type)) if nullable and self.dice.random() < 0.3 else None
        return self.variable(str(argument.type), value, default)

    def variable(self, type_: str, value: Any, default: str | None) -> str:
        name = f"v{self.number()}"
        if self.dice.random() < 0.02:
            value = self.dice.choice(({"wrong": 1}, None, "word", 3.0, 7, [1], True))
        sent = self.dice.random() < (0.99 if type_.endswith("!") else 0.8)
        self.variables[name] = (type_ if default is None else f"{type_} = {default}", value, sent)
        return f"${name}"

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
            return [self.value(name, type_.of_type) for _ in range(self.dice.randint(0, 3))]
        if isinstance(type_, GraphQLEnumType):
            return Enum(self.dice.choice(list(type_.values)))
        if isinstance(type_, GraphQLInputObjectType):
            return {
                key: self.value(key, field.type)
                for key, field in type_.fields.items()
                if isinstance(field.type, GraphQLNonNull) or self.dice.random() < 0.4
            }
        assert isinstance(type_, GraphQLScalarType)
        return self.scalar(name, type_.name)

    def scalar(self, name: str, type_: str) -> Any:
        match type_:
            case "Boolean":
                return self.dice.random() < 0.5
            case "DateTime":
                return self.dice.choice(TIMES if self.dice.random() < 0.1 else TIMES[:2])
            case "JSON":
                return self.dice.choice(DOCUMENTS)
            case "Int":
                some = (
                    (0, 1, 1, 2, 2, 3, 3, 5, 5, 20, 20, 20, -1, 101)
                    if name in ("first", "last")
                    else (0, 1, 2, 3, 4, 7)
                )
                return self.dice.choice(some)
        match name:
            case "after" | "before":
                return self.dice.choice(self.cursors[1:5] if self.dice.random() < 0.5 else self.cursors)
            case "id":
                return self.dice.choice(self.features if self.dice.random() < 0.85 else self.ids)
            case "ownerId" | "actorId":
                return self.dice.choice(self.users if self.dice.random() < 0.8 else self.ids)
            case "ids":
                return self.dice.choice(self.ids[: -2 if self.dice.random() < 0.95 else None])
        return self.dice.choice(TEXTS)


def literal(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
