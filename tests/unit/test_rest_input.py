"""What REST makes of paths, query strings, bodies and conditions, before anybody is asked."""

import json
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from app.config.rest import V1_DEPRECATED
from app.http.catalogue import CATALOGUE
from app.http.refused import Refused
from app.kernel.cursor import encode_cursor
from app.kernel.errors import ErrorCode, NotFound
from app.kernel.ids import FeatureId
from app.kernel.json import merge_patch
from app.kernel.page import window
from app.rest.conditions import NEVER, expected_version, not_modified
from app.rest.feature_body import CreateV1, CreateV2, PatchV2, read_body
from app.rest.feature_v1 import ListV1
from app.rest.feature_v2 import ListV2
from app.rest.page_v2 import PageInfo, links
from app.rest.read import Invalid, read_json, read_query
from app.rest.route import Call
from app.rest.version import current_version, legacy_version, version_of
from tests.fixtures.examples import examples

VERSIONS = (legacy_version(V1_DEPRECATED, None), current_version())


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_does_what_the_examples_of_rfc_7396_say(target: object, patch: object, merged: object) -> None:
    assert merge_patch(target, patch) == merged


def test_merge_patch_alters_nothing_that_it_is_given() -> None:
    target, patch = {"a": {"b": 1}}, {"a": {"c": {"d": None}}}
    assert merge_patch(target, patch) == {"a": {"b": 1, "c": {}}}
    assert (target, patch) == ({"a": {"b": 1}}, {"a": {"c": {"d": None}}})


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({b"if-match": "*"}, None),
        ({b"if-match": '"3"'}, 3),
        ({b"if-match": '"3", "12","7"'}, 12),
        ({b"if-match": 'W/"3"'}, NEVER),  # strong comparison (RFC 9110 §13.1.1)
        ({b"if-match": 'W/"3", "2"'}, 2),
        ({b"if-match": "3"}, NEVER),
        ({b"if-match": '"x"'}, NEVER),
        ({b"if-match": '"²"'}, NEVER),
        ({b"if-match": f'"{"9" * 30}"'}, NEVER),
        ({b"if-match": ""}, NEVER),
        ({b"if-none-match": "*"}, NEVER),
        ({b"if-none-match": '"1"'}, None),
        ({b"if-match": '"1"', b"if-none-match": "*"}, 1),
    ],
)
def test_version_that_a_write_must_find(headers: dict[bytes, str], expected: int | None) -> None:
    assert expected_version(headers) == expected


@pytest.mark.parametrize(
    ("header", "tag", "known"),
    [
        (None, '"1"', False),
        ('"1"', '"1"', True),
        ('W/"1"', '"1"', True),
        ('"1"', 'W/"1"', True),
        ('"2", W/"1"', '"1"', True),
        ("*", '"1"', True),
        ("1", '"1"', False),
        ('"11"', '"1"', False),
    ],
)
def test_what_is_known_already_by_weak_comparison(header: str | None, tag: str, known: bool) -> None:
    assert not_modified({} if header is None else {b"if-none-match": header}, tag) is known


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1},"a":{"b":1}}',
        b'{"":"","":""}',
        b'{"a":1,"a":"\\u0022\\u0022"}',  # as many quotation marks as without the first
        b'{"a":"b\xc3\xa9","c":[{"d":null,"d":"\x7f"}]}',
        b'{"a":' * 300 + b'{"b":1,"b":1}' + b"}" * 300,  # more deeply than orjson writes
        b'[{"b":{"c":1,"\\u0063":2}}]',  # the same key, written in two ways
        b'{"a":NaN}',
        b'{"a":"\\ud800"}',
        b'"\xff"',
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        "{}".encode("utf-16"),
    ],
)
def test_body_that_is_no_json_or_has_a_key_twice_is_refused(text: bytes) -> None:
    with pytest.raises(Refused) as caught:
        read_json(text)
    assert (caught.value.status, caught.value.code) == (400, "INVALID_JSON")
    assert len(caught.value.message) < 200


def test_same_key_in_two_objects_is_json() -> None:
    assert read_json(b'{"a":[{"b":1},{"b":2}]}') == {"a": [{"b": 1}, {"b": 2}]}


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
documents = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | keys,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, min_size=1, max_size=3),
    max_leaves=8,
)


@given(documents, st.booleans(), st.booleans())
@examples(300)
def test_key_that_stands_twice_is_found_wherever_it_stands(document: object, twice: bool, ascii: bool) -> None:
    """Written by the json module: with escapes, or with every character as it is, but for those that must be."""

    def written(found: object) -> str:
        nonlocal twice
        if isinstance(found, list):
            return f"[{', '.join(map(written, found))}]"
        if not isinstance(found, dict):
            return json.dumps(found, ensure_ascii=ascii)
        members = [f"{json.dumps(key, ensure_ascii=ascii)}: {written(value)}" for key, value in found.items()]
        if twice:
            members, twice = [*members, members[0]], False
        return f"{{{', '.join(members)}}}"

    planted = twice
    text = written(document).encode()
    if planted and not twice:
        with pytest.raises(Refused, match="stands twice"):
            read_json(text)
    else:
        read_json(text)


@pytest.mark.parametrize("text", [b"9" * 5_000, b"1e400", b"[" * 900 + b"]" * 900])
def test_extreme_of_json_is_read_or_refused(text: bytes) -> None:
    with suppress(Refused):
        read_json(text)


def details(call: object) -> list[tuple[str, str]]:
    assert isinstance(call, Invalid)
    return [(detail["field"], detail["issue"]) for detail in call.details]


@pytest.mark.parametrize(
    ("query", "bad"),
    [
        (b"limit=0", [("limit", "range")]),
        (b"limit=101&offset=10001", [("limit", "range"), ("offset", "range")]),
        (b"limit=1_0", [("limit", "type")]),
        (b"limit=%2B1&offset=+1", [("limit", "type"), ("offset", "type")]),
        (b"limit=%D9%A3", [("limit", "type")]),
        (b"limit=1e1", [("limit", "type")]),
        (b"limit=99999999999999999999", [("limit", "type")]),
        (b"sort=created_at", [("sort", "format")]),
        (b"status=DELETED", [("status", "format")]),
        (b"tag=a&tag=b", [("tag", "format")]),
        (b"q=%ff", [("", "format")]),
        (b"a=1&" * 101, [("", "format")]),
        (b"q=" + b"x" * 501, [("q", "max_length")]),
    ],
)
def test_query_of_v1_is_refused_parameter_by_parameter(query: bytes, bad: list[tuple[str, str]]) -> None:
    with pytest.raises(Invalid) as caught:
        read_query(query, ListV1)
    assert details(caught.value) == bad


def test_query_of_v1_ignores_what_it_does_not_know_and_what_is_empty() -> None:
    found = read_query(b"limit=100&offset=10000&utm=1&category=&tag=x", ListV1)
    assert (found.limit, found.offset, found.category, found.tag, found.status) == (100, 10_000, None, "x", "active")


def test_query_of_v2_takes_lists_and_refuses_what_it_does_not_know() -> None:
    found = read_query(b"status=active&status=archived&tag=a&first=0", ListV2)
    assert (found.status, found.tag, found.first) == (("active", "archived"), ("a",), 0)
    with pytest.raises(Invalid) as caught:
        read_query(b"limit=1&first=101&owner_id=x&status=gone", ListV2)
    assert sorted(details(caught.value)) == [
        ("first", "range"),
        ("limit", "unknown"),
        ("owner_id", "format"),
        ("status.0", "format"),
    ]


def test_body_of_v1_ignores_what_it_does_not_know_and_that_of_v2_refuses_it() -> None:
    document = {"name": "x", "colour": "red", "status": "archived"}
    assert read_body(document, CreateV1).name == "x"
    with pytest.raises(Invalid) as caught:
        read_body(document, CreateV2)
    assert details(caught.value) == [("colour", "unknown"), ("status", "unknown")]


def test_wrong_types_and_broken_rules_are_told_together_in_the_order_of_the_fields() -> None:
    with pytest.raises(Invalid) as caught:
        read_body({"zzz": 1, "metadata": {"tags": [1]}, "description": 1, "name": ""}, CreateV2)
    assert details(caught.value) == [
        ("name", "min_length"),
        ("description", "type"),
        ("metadata.tags", "type"),
        ("zzz", "unknown"),
    ]


@pytest.mark.parametrize("field", ["metadata", "status"])
def test_patch_cannot_take_away_what_a_feature_must_have(field: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_body({field: None}, PatchV2)
    assert details(caught.value) == [(field, "required")]


def test_many_bad_fields_make_no_long_answer() -> None:
    with pytest.raises(Invalid) as caught:
        read_body({"x" * 1000 + str(number): 1 for number in range(1000)}, CreateV2)
    assert max(len(detail["field"]) for detail in caught.value.details) <= 100


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/v1/features", "/api/v1/features"),
        ("/api/v1/features/", None),
        ("/api/v1/features/x", "/api/v1/features/{id}"),
        ("/api/v1/features/x/", None),
        ("/api/v1/features/x/archive", None),
        ("/api/v1", None),
        ("/api/v10/features", None),
        ("/api/v2/features/x/archive", "/api/v2/features/{id}/archive"),
        ("/api/v2/features/x/revisions/1", "/api/v2/features/{id}/revisions/{version}"),
        ("/api/v2//features", None),
        ("/api/v2/Features", None),
    ],
)
def test_path_finds_its_template(path: str, template: str | None) -> None:
    found = version_of(path, VERSIONS).routes.find(path)
    assert (found.template if found else None) == template


def test_every_error_of_the_domain_is_in_the_catalogue() -> None:
    assert set(ErrorCode.__value__.__args__) <= set(CATALOGUE)
    assert all(known.meaning.endswith(".") and known.remedy.endswith(".") for known in CATALOGUE.values())


def test_every_route_says_its_types_in_a_form_that_openapi_takes() -> None:
    routes = [route for version in VERSIONS for route in version.routes.all]
    assert len(routes) == 21
    for route in routes:
        assert route.query.model_json_schema()["type"] == "object"
        if route.body is not None and route.body is not bytes:
            assert {"name", "items", "version"} & set(route.body.model_json_schema()["properties"])
        if route.answer is not None:
            schema = TypeAdapter(route.answer).json_schema(mode="serialization")
            assert schema["type"] in ("object", "array"), route
        assert (route.status == 204) == (route.answer is None)


def test_a_version_of_its_own_prefix_alone_answers() -> None:
    legacy, current = VERSIONS
    assert version_of("/api/v1", VERSIONS) is legacy
    assert version_of("/api/v1x", VERSIONS) is current
    assert version_of("/api", VERSIONS) is current


@pytest.mark.parametrize(
    "query", [b"", b"first=2&after=xyz&last=1", b"sort=name:asc&q=a%20b%26c&tag=%C3%A9&tag=", b"q=" + b"x" * 300]
)
@pytest.mark.parametrize("sort", ["", "a", "zé中/?", "~|"])
def test_links_are_what_the_library_makes_of_their_parameters(query: bytes, sort: str) -> None:
    cursor = encode_cursor("Feature.NAME.ASC", sort, FeatureId(UUID(int=7)))
    kept = [
        (name, value)
        for name, value in parse_qsl(query.decode(), keep_blank_values=True)
        if name in ("sort", "q", "tag")
    ]
    forward = urlencode([("first", 2), ("after", cursor), *kept])
    backward = urlencode([("last", 2), ("before", cursor), *kept])
    info: PageInfo = {"has_next_page": True, "has_previous_page": True, "start_cursor": cursor, "end_cursor": cursor}
    expected = f'</path?{forward}>; rel="next", </path?{backward}>; rel="prev"'
    for _ in range(2):  # what is kept of the query is remembered
        assert links(info, window(2, None, None, None), "/path", query) == [(b"link", expected.encode())]


KEY = "01890a5d-ac96-774b-bcce-b302099a8057"


@pytest.mark.parametrize("text", [KEY, KEY.upper()])
def test_key_in_a_path_is_a_uuid_in_its_usual_form(text: str) -> None:
    assert called(text).id == UUID(KEY)


@pytest.mark.parametrize(
    "text",
    [
        *("", "7", "x" * 36, KEY[:-1] + "g", f"{KEY}\n", KEY.replace("-", ""), "01890a5dac96-774b-bcce-b302-099a8057"),
        *(f"{{{KEY}}}", f"urn:uuid:{KEY}", KEY[:-1] + "\uff17"),
    ],
)
def test_key_in_any_other_form_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        _ = called(text).id


def called(id: str) -> Call[Any, None]:
    context: Any = None
    return Call(context, {"id": id}, {}, b"", None, None)
