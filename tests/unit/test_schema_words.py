"""The schema's words: the domain's own, each described; the contract is kept, and the published file current."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from app.commands.published import SCHEMA, StaleSchemaError, schema_text
from app.domain.api_token.model import TokenKind
from app.domain.audit.model import AuditAction
from app.domain.feature.model import Direction, FeatureOrderField, FeatureStatus
from app.domain.feature.rules import Permission
from app.domain.security_event.model import SecurityEventKind
from app.domain.user.model import UserAction
from app.kernel.actor import Role, Scope
from app.kernel.errors import ErrorCode, Issue
from app.resolvers.root import core
from app.schema.api_token import SCOPE_OF
from app.schema.errors import ERROR_TYPES
from tests.fixtures.contract import CONTRACT

PUBLISHED = Path(__file__).parents[2] / "schema.graphql"
OURS = [
    kind for kind in core.type_map.values() if not is_introspection_type(kind) and not is_specified_scalar_type(kind)
]


def enum_values(name: str) -> list[str]:
    kind = core.type_map[name]
    assert isinstance(kind, GraphQLEnumType)
    return list(kind.values)


# The domain's words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("FeatureStatus", FeatureStatus.__value__),
        ("FeatureOrderField", FeatureOrderField.__value__),
        ("OrderDirection", Direction.__value__),
        ("FeaturePermission", Permission.__value__),
        ("AuditAction", AuditAction.__value__),
        ("Role", Role.__value__),
        ("ValidationIssue", Issue.__value__),
        ("UserAction", UserAction.__value__),
        ("SecurityEventKind", SecurityEventKind.__value__),
        ("TokenKind", TokenKind.__value__),
    ],
)
def test_an_enum_has_the_words_of_the_domain_in_their_order(name: str, words: object) -> None:
    assert enum_values(name) == list(get_args(words))


def test_error_codes_of_user_errors_are_some_of_the_domains_and_each_has_a_type() -> None:
    assert set(enum_values("ErrorCode")) < set(get_args(ErrorCode.__value__))
    of_items = {"FORBIDDEN", "UNDONE", "UNAVAILABLE"}  # one type for all three: ItemRefusedError
    assert len(set(enum_values("ErrorCode")) - of_items) == len(ERROR_TYPES) - 1


def test_the_scopes_are_the_names_of_the_permissions_in_their_order() -> None:
    scopes = get_args(Scope.__value__)
    assert enum_values("TokenScope") == [scope.upper().replace(":", "_") for scope in scopes]
    assert [SCOPE_OF[name] for name in enum_values("TokenScope")] == list(scopes)


def test_every_enum_of_the_schema_is_checked_here() -> None:
    assert {kind.name for kind in OURS if isinstance(kind, GraphQLEnumType)} == {
        "FeatureStatus",
        "FeatureOrderField",
        "OrderDirection",
        "FeaturePermission",
        "AuditAction",
        "Role",
        "ValidationIssue",
        "ErrorCode",
        "UserAction",
        "SecurityEventKind",
        "TokenKind",
        "TokenScope",
    }


# Descriptions


def described(kind: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """(coordinate, description) of the type and all that is in it."""
    yield kind.name, kind.description
    if isinstance(kind, GraphQLEnumType):
        yield from ((f"{kind.name}.{name}", value.description) for name, value in kind.values.items())
    if isinstance(kind, GraphQLInputObjectType):
        yield from ((f"{kind.name}.{name}", field.description) for name, field in kind.fields.items())
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in kind.fields.items():
            yield f"{kind.name}.{name}", field.description
            for argument, found in field.args.items():
                yield f"{kind.name}.{name}({argument}:)", found.description


def test_everything_in_the_schema_has_a_description() -> None:
    coordinates = [found for kind in OURS for found in described(kind)]
    assert len(coordinates) > 200
    bare = [coordinate for coordinate, description in coordinates if not (description or "").strip()]
    assert bare == []


def test_descriptions_are_sentences() -> None:
    found = [pair for kind in OURS for pair in described(kind) if not (pair[1] or "").rstrip().endswith((".", "?"))]
    assert found == []


# The contract


def test_everything_in_the_contract_is_in_the_schema_with_its_type() -> None:
    assert missing(build_schema(CONTRACT).type_map, core.type_map) == []


def missing(asked: dict[str, GraphQLNamedType], kept: dict[str, GraphQLNamedType]) -> list[str]:
    """What the schema lacks, or has with another type; it may have more."""
    faults: list[str] = []
    for name, kind in asked.items():
        if is_introspection_type(kind):
            continue
        found = kept.get(name)
        if not isinstance(found, type(kind)):
            faults.append(name)
            continue
        wanted, there = members(kind), members(found)
        faults += [f"{name}.{member}: {how}" for member, how in wanted.items() if there.get(member) != how]
    return faults


def members(kind: GraphQLNamedType | None) -> dict[str, str]:
    """By the name of each field, argument, enum value and interface, its type."""
    if isinstance(kind, GraphQLEnumType):
        return dict.fromkeys(kind.values, "")
    if isinstance(kind, GraphQLInputObjectType):
        return {name: str(field.type) for name, field in kind.fields.items()}
    if isinstance(kind, GraphQLUnionType):
        return {member.name: "" for member in kind.types}
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        return {}
    found = {f"implements {interface.name}": "" for interface in kind.interfaces}
    for name, field in kind.fields.items():
        found[name] = str(field.type)
        found |= {f"{name}({argument}:)": str(given.type) for argument, given in field.args.items()}
    return found


def test_a_field_that_is_missing_or_of_another_type_would_be_found() -> None:
    asked = build_schema("type Query { a(b: Int): String c: Int } enum E { F }").type_map
    kept = build_schema("type Query { a(b: String): String c: Int! more: Int }").type_map
    assert missing(asked, kept) == ["Query.a(b:): Int", "Query.c: Int", "E"]


# The published file


def test_the_published_schema_is_current() -> None:
    SCHEMA.check(PUBLISHED)


def test_a_published_schema_that_differs_is_stale_and_the_difference_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "schema.graphql"
    file.write_text(schema_text().replace("  viewer: User\n", "  viewer: User!\n"), "utf-8")
    with pytest.raises(StaleSchemaError, match=r"(?s)-  viewer: User!\n\+  viewer: User\n") as refusal:
        SCHEMA.check(file)
    assert "feature-api schema export" in str(refusal.value)


def test_a_published_schema_that_is_missing_is_stale(tmp_path: Path) -> None:
    with pytest.raises(StaleSchemaError):
        SCHEMA.check(tmp_path / "schema.graphql")
