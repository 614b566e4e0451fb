"""Changes of openapi.json: what may be sent may only grow, what is received may only shrink (R80)."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.contract.change import NotComparable
from app.contract.openapi_changes import openapi_changes, read_openapi

DOCUMENT = Path(__file__).parents[2] / "openapi.json"
TODAY = date(2026, 11, 20)
LIST, ONE, V1 = "/api/v2/features", "/api/v2/features/{id}", "/api/v1/features"

type Json = Any
type Edit = Callable[[Json], object]


def document() -> Json:
    return read_openapi(DOCUMENT.read_text("utf-8"))


def found(edit: Edit, *, back: bool = False) -> list[str]:
    """Of our own document, and what the edit makes of it."""
    old, new = document(), document()
    edit(new)
    if back:
        old, new = new, old
    changes = openapi_changes(old, new, TODAY)
    return [f"{change.severity.label} {change.code} {change.where}" for change in changes]


def schema(document: Json, name: str) -> Json:
    return document["components"]["schemas"][name]


def parameter(document: Json, name: str) -> Json:
    return next(one for one in document["paths"][LIST]["get"]["parameters"] if one.get("name") == name)


def status_values(document: Json) -> Json:
    return parameter(document, "status")["schema"]["items"]["enum"]


BOTH: list[tuple[str, Edit, list[str], list[str]]] = [  # there, and back
    (
        "operation",
        lambda d: d["paths"][LIST].pop("post"),
        [f"breaking OPERATION_REMOVED POST {LIST}"],
        [f"safe OPERATION_ADDED POST {LIST}"],
    ),
    (
        "optional parameter",
        lambda d: d["paths"][LIST]["get"]["parameters"].append({"name": "x", "in": "query"}),
        [f"safe PARAMETER_ADDED GET {LIST} query x"],
        [f"breaking PARAMETER_REMOVED GET {LIST} query x"],
    ),
    (
        "required parameter",
        lambda d: d["paths"][LIST]["get"]["parameters"].append({"name": "x", "in": "query", "required": True}),
        [f"breaking REQUIRED_PARAMETER_ADDED GET {LIST} query x"],
        [f"breaking PARAMETER_REMOVED GET {LIST} query x"],
    ),
    (
        "parameter that becomes required",
        lambda d: parameter(d, "q").update(required=True),
        [f"breaking BECAME_REQUIRED GET {LIST} query q"],
        [f"safe BECAME_OPTIONAL GET {LIST} query q"],
    ),
    (
        "bound of a parameter",
        lambda d: parameter(d, "first")["schema"].update(maximum=50),
        [f"breaking BOUND_CHANGED GET {LIST} query first"],
        [f"safe BOUND_CHANGED GET {LIST} query first"],
    ),
    (
        "value that is taken",
        lambda d: status_values(d).remove("archived"),
        [f"breaking VALUE_REMOVED GET {LIST} query status[]"],
        [f"safe VALUE_ADDED GET {LIST} query status[]"],
    ),
    (
        "type of a parameter",
        lambda d: parameter(d, "first")["schema"].update(type=["integer", "string"]),
        [f"safe TYPE_CHANGED GET {LIST} query first"],
        [f"breaking TYPE_CHANGED GET {LIST} query first"],
    ),
    (
        "property that is sent",
        lambda d: (
            schema(d, "FeatureV2")["properties"].pop("category"),
            schema(d, "FeatureV2")["required"].remove("category"),
        ),
        ["breaking PROPERTY_REMOVED FeatureV2 (sent).category"],
        ["safe PROPERTY_ADDED FeatureV2 (sent).category"],
    ),
    (
        "property that may be missing",
        lambda d: schema(d, "FeatureV2")["required"].remove("tags"),
        ["breaking PROPERTY_OPTIONAL FeatureV2 (sent).tags"],
        ["safe PROPERTY_REQUIRED FeatureV2 (sent).tags"],
    ),
    (
        "property that must be given",
        lambda d: schema(d, "CreateV2")["required"].append("description"),
        ["breaking PROPERTY_REQUIRED CreateV2 (taken).description"],
        ["safe PROPERTY_OPTIONAL CreateV2 (taken).description"],
    ),
    (
        "status",
        lambda d: d["paths"][LIST]["post"]["responses"].pop("201"),
        [f"breaking RESPONSE_REMOVED POST {LIST} 201"],
        [f"dangerous RESPONSE_ADDED POST {LIST} 201"],
    ),
    (
        "header",
        lambda d: d["paths"][LIST]["post"]["responses"]["201"]["headers"].pop("Location"),
        [f"breaking HEADER_REMOVED POST {LIST} 201"],
        [f"safe HEADER_ADDED POST {LIST} 201"],
    ),
    (
        "media type",
        lambda d: d["paths"][LIST]["post"]["requestBody"]["content"].update({"text/csv": {}}),
        [f"safe MEDIA_TYPE_ADDED POST {LIST} body text/csv"],
        [f"breaking MEDIA_TYPE_REMOVED POST {LIST} body text/csv"],
    ),
    (
        "body",
        lambda d: d["paths"][LIST]["post"].pop("requestBody"),
        [f"breaking BODY_REMOVED POST {LIST} body"],
        [f"breaking BODY_ADDED POST {LIST} body"],
    ),
    (
        "who may call",
        lambda d: d["paths"][LIST]["post"].update(security=[]),
        [f"dangerous SECURITY_CHANGED POST {LIST}"],
        [f"dangerous SECURITY_CHANGED POST {LIST}"],
    ),
    (
        "pattern",
        lambda d: parameter(d, "q")["schema"].update(pattern="^a"),
        [f"dangerous SCHEMA_CHANGED GET {LIST} query q"],
        [f"dangerous SCHEMA_CHANGED GET {LIST} query q"],
    ),
    (
        "deprecation with a day",
        lambda d: d["paths"][LIST]["post"].update({"deprecated": True, "x-removal-after": "2027-01-01"}),
        [f"safe DEPRECATED POST {LIST}"],
        [f"safe DEPRECATION_REMOVED POST {LIST}"],
    ),
    (
        "deprecation without a day",
        lambda d: d["paths"][LIST]["post"].update(deprecated=True),
        [f"dangerous DEPRECATED_WITHOUT_DATE POST {LIST}"],
        [f"safe DEPRECATION_REMOVED POST {LIST}"],
    ),
]


@pytest.mark.parametrize(("edit", "there", "back"), [case[1:] for case in BOTH], ids=[case[0] for case in BOTH])
def test_change_and_its_opposite(edit: Edit, there: list[str], back: list[str]) -> None:
    assert (found(edit), found(edit, back=True)) == (there, back)


@pytest.mark.parametrize(
    ("until", "severity"),
    [
        ("2026-11-19", "dangerous OPERATION_REMOVED"),
        ("2026-11-20", "breaking REMOVED_BEFORE_ITS_DAY"),
        (None, "breaking OPERATION_REMOVED"),
    ],
)
def test_deprecated_operation_may_go_when_its_day_is_over(until: str | None, severity: str) -> None:
    old, new = document(), document()
    if until is not None:
        old["paths"][V1]["post"]["x-removal-after"] = until
    assert old["paths"][V1]["post"]["deprecated"] is True
    del new["paths"][V1]["post"]
    [change] = openapi_changes(old, new, TODAY)
    assert f"{change.severity.label} {change.code} {change.where}" == f"{severity} POST {V1}"


def test_changes_behind_a_reference_and_in_a_combination_are_found_and_told_once() -> None:
    def edit(document: Json) -> None:
        schemas = document["components"]["schemas"]
        schemas["FeatureV2"]["properties"]["version"]["type"] = "string"

    assert found(edit) == ["breaking TYPE_CHANGED FeatureV2 (sent).version"]


def test_document_is_the_same_as_itself() -> None:
    assert found(lambda document: None) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"paths": 1}', "type Query { a: Int }"])
def test_text_that_is_no_document_is_one_line(text: str) -> None:
    with pytest.raises(NotComparable) as raised:
        read_openapi(text)
    assert str(raised.value).startswith("No OpenAPI document: ") and "\n" not in str(raised.value)


def test_schema_that_contains_itself_is_compared() -> None:
    def made(type_: str) -> Json:
        node = {"properties": {"next": {"$ref": "#/components/schemas/Node"}, "value": {"type": type_}}}
        answer = {"200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}}}}
        return json.loads(
            json.dumps({"paths": {"/": {"get": {"responses": answer}}}, "components": {"schemas": {"Node": node}}})
        )

    [change] = openapi_changes(made("integer"), made("string"), TODAY)
    assert (change.code, change.where) == ("TYPE_CHANGED", "Node (sent).value")
    assert openapi_changes(made("number"), made("integer"), TODAY)[0].severity.label == "safe"
