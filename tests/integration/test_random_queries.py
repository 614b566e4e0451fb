"""Random queries over the whole schema run the very same statements on two copies of a world as on forty."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, get_named_type, is_leaf_type
from hypothesis import given
from hypothesis import strategies as st

from app.resolvers.root import core
from tests.fixtures.copies import fill_with_copies
from tests.fixtures.examples import examples
from tests.fixtures.reading import OneByOne, Stage, opened_stage
from tests.fixtures.servers import Servers
from tests.fixtures.world import Who

MAX_DEPTH = 11  # levels of fields, and three more where they end; 15 are allowed
WHOLE = ["first: 100", "last: 100", "first: 100, last: 100"]
ANY = ["", "first: 1", "last: 1", "first: 0", "first: 3, last: 2", "first: 30", "last: 15"]
FILTERS = {
    "FeatureConnection": ["", 'filter: {tags: ["a"]}', 'filter: {search: "theirs"}', "filter: {status: [INACTIVE]}"],
    "AuditEntryConnection": ["", "filter: {action: [UPDATE]}", "filter: {action: [CREATE, REVERT]}"],
    "UserConnection": [""],
    "UserAuditEntryConnection": [""],
    "ApiTokenConnection": [""],
}
ORDERS = ["", "orderBy: {field: NAME, direction: ASC}", "orderBy: {field: UPDATED_AT, direction: DESC}"]
OF_ONE = {"node": "id: $id", "nodes": "ids: [$id, $id, $user, $feature]", "feature": "id: $feature"}
ROOTS = ["features", "users", "auditEntries", "node", "nodes", "feature", "viewer"]

type Composite = GraphQLObjectType | GraphQLInterfaceType


@st.composite
def queries(draw: st.DrawFn) -> str:
    """A part of the one list, whose rows belong to different copies, or the whole of some lists."""
    declared = (
        "query($id: ID!, $user: ID!, $feature: ID!) { node(id: $id) { id } more: nodes(ids: [$user, $feature]) { id }"
    )
    if draw(st.booleans()):
        return f"{declared} {draw(fields('features', 0, 1, ANY))} }}"
    roots = draw(st.lists(st.sampled_from(ROOTS), min_size=1, max_size=3))
    return " ".join([declared, *(draw(fields(root, number, 1, WHOLE)) for number, root in enumerate(roots)), "}"])


@st.composite
def fields(draw: st.DrawFn, name: str, number: int, depth: int, windows: list[str]) -> str:
    """A field of the query type; its alias keeps it apart from others."""
    assert core.query_type is not None
    return f"r{number}: {draw(selected(name, core.query_type.fields[name], depth, windows))}"


@st.composite
def selected(draw: st.DrawFn, name: str, field: GraphQLField, depth: int, windows: list[str]) -> str:
    type = get_named_type(field.type)
    if is_leaf_type(type):
        return name
    assert isinstance(type, GraphQLObjectType | GraphQLInterfaceType)
    arguments = [OF_ONE[name]] if "id" in field.args or "ids" in field.args else []
    if "first" in field.args:
        arguments += [draw(st.sampled_from(windows)), draw(st.sampled_from(FILTERS[type.name]))]
    if "orderBy" in field.args:
        arguments.append(draw(st.sampled_from(ORDERS)))
    given = ", ".join(argument for argument in arguments if argument)
    return f"{name}{f'({given})' if given else ''} {{ {draw(selections(type, depth + 1))} }}"


@st.composite
def selections(draw: st.DrawFn, type: Composite, depth: int) -> str:
    """Of an interface: a part for each of its types. Deep down: leaves, and what leads to them."""
    if isinstance(type, GraphQLInterfaceType):
        return " ".join(
            f"... on {one.name} {{ {draw(selections(one, depth))} }}" for one in core.get_possible_types(type)
        )
    leaves = [name for name, field in type.fields.items() if is_leaf_type(get_named_type(field.type))]
    loaded = [name for name in type.fields if name not in leaves or name == "totalCount"]
    if depth >= MAX_DEPTH:
        loaded = [name for name in loaded if name in ("totalCount", "pageInfo")]
    least = int(depth < MAX_DEPTH // 2)  # so that most of them lead somewhere
    chosen = draw(st.lists(st.sampled_from(loaded), min_size=least, max_size=2, unique=True)) if loaded else []
    chosen += draw(st.lists(st.sampled_from(leaves), max_size=1)) if leaves else []
    names = dict.fromkeys(chosen or ["__typename"])
    return " ".join(
        draw(selected(name, type.fields[name], depth, ANY)) if name in type.fields else name for name in names
    )


@dataclass
class Pair:
    small: Stage
    large: Stage
    ids: dict[int, dict[str, str]]


@pytest.fixture(scope="module")
def pair(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    with ExitStack() as opened:
        small, large = (
            opened.enter_context(opened_stage(servers, template, tmp_path_factory.mktemp("data"), OneByOne))
            for _ in range(2)
        )
        ids = {n: stage.run(fill_with_copies(stage.world, n)) for n, stage in ((2, small), (40, large))}
        yield Pair(small, large, ids)


@examples(40)
@given(queries(), st.sampled_from(["user", "feature", "entry"]), st.sampled_from(["admin", "manager", "viewer"]))
def test_statements_never_grow_with_rows(pair: Pair, query: str, noun: str, who: Who) -> None:
    few, many = (
        stage.run(stage.world.count(query, who, id=ids[noun], user=ids["user"], feature=ids["feature"]))
        for stage, ids in ((pair.small, pair.ids[2]), (pair.large, pair.ids[40]))
    )

    assert many == few
    assert sum(few.values()) > 0
