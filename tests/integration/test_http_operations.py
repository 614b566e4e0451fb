"""Operations that cannot be run, hostile ones among them: refused with a status and a code, before any statement."""

from typing import Any

from tests.fixtures.http import ADMIN, LEGACY, MODERN, NAME, errors, refusal
from tests.fixtures.world import World

TWO = "query A { viewer { name } } query B { viewer { id } }"


CANNOT_BE_RUN: list[tuple[dict[str, Any], int, str]] = [
    ({"query": "{"}, 400, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ viewer { name } } \N{SNOWMAN}"}, 400, "GRAPHQL_PARSE_FAILED"),
    ({"query": '{ features(filter: {search: "\\ud800"}) { totalCount } }'}, 400, "GRAPHQL_PARSE_FAILED"),
    ({"query": "{ viewer { nope } }"}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "{ viewer }"}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "fragment A on Query { viewer { name } }"}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "type A { b: Int }"}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "query A { viewer { name } } query A { viewer { id } }"}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": "subscription { x }"}, 422, "GRAPHQL_VALIDATION_FAILED"),
    ({"query": TWO}, 400, "BAD_USER_INPUT"),
    ({"query": TWO, "operationName": "C"}, 400, "BAD_USER_INPUT"),
    ({"query": NAME, "operationName": "C"}, 400, "BAD_USER_INPUT"),
    ({"query": "query($f: Int!) { features(first: $f) { totalCount } }"}, 422, "BAD_USER_INPUT"),
    (
        {"query": "query($f: Int!) { features(first: $f) { totalCount } }", "variables": {"f": "1"}},
        422,
        "BAD_USER_INPUT",
    ),
]


async def test_operation_that_cannot_be_run_has_its_status_in_the_modern_form_and_200_in_the_legacy_one(
    world: World,
) -> None:
    for body, status, code in CANNOT_BE_RUN:
        assert (body, refusal(await world.post(body, accept=MODERN))) == (body, (status, code))
        assert (body, refusal(await world.post(body, accept=LEGACY))) == (body, (200, code))
    assert world.statements == ["user.role"]


async def test_syntax_error_says_where_it_is(world: World) -> None:
    [error] = errors(await world.post({"query": "{ viewer {\n  name\n"}))
    assert error["locations"] == [{"line": 3, "column": 1}]


async def test_named_operation_is_the_one_that_runs(world: World) -> None:
    assert (await world.post({"query": TWO, "operationName": "A"})).json() == ADMIN
    answer = (await world.post({"query": TWO, "operationName": "B"})).json()
    assert answer == {"data": {"viewer": {"id": world.id_of("admin")}}}


def nested(open: str, inner: str, close: str, times: int) -> str:
    return open * times + inner + close * times


BOMB = "query { ...f0 } " + " ".join(f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60))


TOO_DEEP_OR_TOO_LONG = {
    "braces": nested("{a", "", "}", 10_000),
    "open": "{" * 10_000,
    "inline": nested("{...", "{a}", "}", 3_000),
    "list": "{ nodes(ids: " + nested("[", "", "]", 4_000) + ") { id } }",
    "open list": "{ nodes(ids: " + "[" * 9_000 + ") { id } }",
    "object": "{ features(filter: " + nested("{a:", "1", "}", 2_000) + ") { totalCount } }",
    "type": "query($a: " + nested("[", "Int", "]", 4_000) + ") { viewer { name } }",
    "tokens": "{" + "a " * 20_000 + "}",
    "comments": "#" + "\n#" * 40_000,
    "ignored": "{ viewer { name } }" + " \ufeff," * 15_000 + "}",
}


async def test_document_nested_too_deep_or_too_long_is_a_parse_error(world: World) -> None:
    for kind, query in TOO_DEEP_OR_TOO_LONG.items():
        response = await world.post({"query": query}, accept=MODERN)
        assert (kind, refusal(response)) == (kind, (400, "GRAPHQL_PARSE_FAILED"))


TOO_COMPLEX = {
    "bytes": NAME + " " * 100_000,
    "depth": nested("{viewer", "{name}", "}", 16),
    "bomb": BOMB + " fragment f60 on Query { viewer { name } }",
    "aliases": "{" + " ".join(f"a{n}: viewer {{ name }}" for n in range(101)) + "}",
    "repeated": "{" + "viewer{name}" * 21 + "}",
    "directives": "{ viewer " + "@skip(if:false)" * 51 + " { name } }",
    "unknown directives": "{ viewer " + "@x" * 500 + " { name } }",
}


async def test_operation_beyond_the_limits_is_too_complex(world: World) -> None:
    for kind, query in TOO_COMPLEX.items():
        response = await world.post({"query": query}, accept=MODERN)
        codes = {error["extensions"]["code"] for error in errors(response)}
        assert (kind, response.status_code, codes) == (kind, 422, {"QUERY_TOO_COMPLEX"})
    assert world.statements == ["user.role"]


async def test_fragments_in_a_circle_are_invalid(world: World) -> None:
    query = "query { ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
    assert refusal(await world.post({"query": query}, accept=MODERN)) == (422, "GRAPHQL_VALIDATION_FAILED")


async def test_variables_nested_too_deep_are_no_json(world: World) -> None:
    for open, close in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = open * 100_000 + b"1" + close * 100_000
        response = await world.post(b'{"query": "{ viewer { name } }", "variables": {"a": ' + deep + b"}}")
        assert refusal(response) == (400, "BAD_REQUEST")


async def test_variables_as_deep_as_json_may_be_are_refused_where_they_are_used(world: World) -> None:
    deep = nested("[", "1", "]", 1_000).encode()
    query = b'{"query": "query($f: FeatureFilter) { features(filter: $f) { totalCount } }", "variables": {"f": '
    response = await world.post(query + deep + b"}}", accept=MODERN)
    assert refusal(response) == (422, "BAD_USER_INPUT")


async def test_number_of_too_many_digits_is_refused_wherever_it_stands(world: World) -> None:
    for digits in ("1" * 5_000, "-" + "1" * 5_000, "1" * 4_300, "9" * 30, "1e999"):
        await refuse_number(world, digits)
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 0


async def refuse_number(world: World, digits: str) -> None:
    literal = await world.post({"query": "{ features(first: " + digits + ") { totalCount } }"}, accept=MODERN)
    assert refusal(literal) == (422, "GRAPHQL_VALIDATION_FAILED")
    asked = b'{"query": "query($f: Int) { features(first: $f) { totalCount } }", "variables": {"f": '
    variable = await world.post(asked + digits.encode() + b"}}", accept=MODERN)
    assert refusal(variable) in ((400, "BAD_REQUEST"), (422, "BAD_USER_INPUT"))
    made = 'mutation { createFeature(input: {name: "n", metadata: {n: ' + digits + "}}) { userErrors { code path } } }"
    answer = (await world.post({"query": made})).json()
    assert answer["data"]["createFeature"]["userErrors"] == [
        {"code": "VALIDATION_ERROR", "path": ["input", "metadata"]}
    ]


async def test_refused_document_is_refused_again_from_memory(world: World) -> None:
    for query, code in (("{", "GRAPHQL_PARSE_FAILED"), ("{ nope }", "GRAPHQL_VALIDATION_FAILED")):
        first, second = [(await world.post({"query": query})).json() for _ in range(2)]
        assert first == second
        assert first["errors"][0]["extensions"]["code"] == code
