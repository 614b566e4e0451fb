"""Random operations over a schema: fragments, merged fields, aliases, conditions, variables, good and bad arguments."""

import random
import re
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
)

from tests.differential.data import Rows
from tests.differential.values import Values, literal

RARE = re.compile("[a-z]User|^User[A-Z]|userAudit|[sS]ecurityEvent|disabledAt|[aA]piToken")
FRAIL = frozenset({"version", "status", "tags", "metadata", "role", "action", "changes", "nodes"})
TRAIL = "auditEntries { totalCount nodes { feature { status version } } }"  # what a write changes


class Generator:
    """`operation` may be asked once; `mutations` is their share, `liked` are fields that it asks for more often."""

    def __init__(
        self, schema: GraphQLSchema, seed: int, world: Rows, mutations: float = 0.2, liked: frozenset[str] = FRAIL
    ) -> None:
        self.schema, self.dice, self.share, self.liked = schema, random.Random(seed), mutations, liked
        self.values = Values(self.dice, world)
        self.variables: dict[str, tuple[str, Any, bool]] = {}
        self.fragments: list[str] = []
        self.written = ""  # the name of a fragment that payloads share: what it loads is asked again after each write
        self.numbers = 0
        self.left = self.dice.choice((15, 40, 70))  # members, but for those that a selection cannot do without

    def operation(self) -> tuple[str, dict[str, Any]]:
        """(document, variables)."""
        mutates = self.mutates()
        root = self.schema.mutation_type if mutates else self.schema.query_type
        assert root
        depth = self.dice.randint(2, 7)
        return self.headed(self.acts(root, depth) if mutates else self.selection(root, depth), mutates)

    def mutates(self) -> bool:
        mutates = self.dice.random() < self.share
        self.values.liking = 0.6 if mutates else 0.0
        return mutates

    def headed(self, body: str, mutates: bool) -> tuple[str, dict[str, Any]]:
        """(document, variables) of a selection at the root, whose arguments are ours."""
        heads = [f"${name}: {head}" for name, (head, _, _) in self.variables.items()]
        given = {name: value for name, (_, value, sent) in self.variables.items() if sent}
        if self.dice.random() < 0.02:
            given["unknown"] = 1
        head = f"{'mutation' if mutates else 'query'} Random"
        if heads:
            head += f"({', '.join(heads)})"
        return "\n".join([f"{head} {body}", *self.fragments]), given

    def acts(self, root: GraphQLObjectType, depth: int) -> str:
        """Some, one after the other, each with members of its own."""
        if self.dice.random() < 0.3:
            return self.twice(root, depth)
        parts: list[str] = []
        share = self.left // 2
        for _ in range(self.dice.randint(1, 4)):
            self.left = share
            parts.append(self.member(root, depth))
        return "{ " + " ".join(parts) + " }"

    def twice(self, root: GraphQLObjectType, depth: int) -> str:
        """One feature is changed twice, and each payload shows the trail of that: what is kept too long is seen."""
        id = literal(self.values.active())
        fragment = self.shared(self.schema.type_map["Feature"], depth, TRAIL)
        act = f"(input: {{id: {id}}}) {{ feature {{ ...{fragment} }} }}"
        return f"{{ a: deactivateFeature{act} b: archiveFeature{act} }}"

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
            possible = {found.name: found for found in self.schema.get_possible_types(type_)}
            name = self.choice(list(possible))
            return f"... on {name} {self.selection(possible[name], depth)}"
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

    def shared(self, type_: GraphQLNamedType | None, depth: int, trail: str | None = None) -> str:
        assert isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
        if not self.written:
            self.written = f"F{self.number()}"
            if trail is None:
                trail = TRAIL if self.dice.random() < 0.5 else ""
            body = f"{{ {trail} ... {self.selection(type_, depth)} }}"
            self.fragments.append(f"fragment {self.written} on {type_.name} {body}")
        return self.written

    def field(self, type_: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
        choices = [n for n, f in type_.fields.items() if depth > 0 or is_leaf_type(get_named_type(f.type))]
        if not choices:
            return "__typename"
        name = self.choice(choices)
        if "feature" in choices and type_.name.endswith("Payload") and self.dice.random() < 0.5:
            name = "feature"
        field = type_.fields[name]
        arguments = self.arguments(field)
        alias = f"a{self.number()}: " if arguments else self.alias() if self.dice.random() < 0.2 else ""
        named = get_named_type(field.type)
        if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            return f"{alias}{name}{arguments} {self.directive()}"
        if name == "feature" and type_.name.endswith("Payload") and self.dice.random() < 0.7:
            return f"{alias}feature {{ ...{self.shared(named, depth - 1)} }}"
        once = f"{alias}{name}{arguments} {self.directive()} {self.selection(named, depth - 1)}"
        if self.dice.random() < 0.12:  # field merging: the same key again, with other sub-selections
            return f"{once} {alias}{name}{arguments} {self.selection(named, depth - 1)}"
        if field.args and self.left > 0 and self.dice.random() < 0.2:  # the same field, asked otherwise
            return f"{once} a{self.number()}: {name}{self.arguments(field)} {self.selection(named, depth - 1)}"
        return once

    def choice(self, names: list[str]) -> str:
        """Mostly of what is about features, and there of what a world may have damaged: that is where the engine meets
        everything that it can."""
        common = [name for name in names if not RARE.search(name)]
        liked = [name for name in common if name in self.liked]
        if liked and self.dice.random() < 0.35:
            return self.dice.choice(liked)
        return self.dice.choice(common if common and self.dice.random() < 0.95 else names)

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
            share = 0.1 if name in ("after", "before") else 0.5 if name == "first" else 0.3
            if isinstance(argument.type, GraphQLNonNull) or self.dice.random() < share:
                given.append(f"{name}: {self.argument(f'{get_named_type(field.type)}.{name}', argument)}")
        return f"({', '.join(given)})" if given else ""

    def argument(self, name: str, argument: GraphQLArgument) -> str:
        value = self.values.value(name, argument.type)
        if self.dice.random() >= (0.7 if name.endswith(("Connection.first", "Connection.last")) else 0.4):
            return literal(value)
        nullable = not isinstance(argument.type, GraphQLNonNull)
        default = literal(self.values.value(name, argument.type)) if nullable and self.dice.random() < 0.3 else None
        return self.variable(str(argument.type), value, default)

    def variable(self, type_: str, value: Any, default: str | None) -> str:
        name = f"v{self.number()}"
        if self.dice.random() < 0.02:
            value = self.dice.choice(({"wrong": 1}, None, "word", 3.0, 7, [1], True))
        sent = self.dice.random() < (0.99 if type_.endswith("!") else 0.8)
        self.variables[name] = (type_ if default is None else f"{type_} = {default}", value, sent)
        return f"${name}"
