"""Bad input over the API: one error per bad field with its path, its issue and its limit, and nothing written."""

from typing import Any

from tests.fixtures.world import World
from tests.fixtures.writes import refused, written

OBJECT = {"a": 1, "b": [True, None, "x"]}
FULL = {"a": "x" * (16 * 1024 - 8)}  # 16 KiB to the byte
DEEP: dict[str, Any] = {"1": {"2": {"3": {"4": {"5": {"6": {"7": {"8": "a value"}}}}}}}}


def invalid(issue: str, limit: int | None, *path: str) -> dict[str, Any]:
    return {
        "__typename": "ValidationError",
        "code": "VALIDATION_ERROR",
        "path": ["input", *path],
        "issue": issue,
        "limit": limit,
    }


BAD: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    ({"name": ""}, [invalid("MIN_LENGTH", 1, "name")]),
    ({"name": " \t\n\u00a0 "}, [invalid("MIN_LENGTH", 1, "name")]),
    ({"name": "a" * 256}, [invalid("MAX_LENGTH", 255, "name")]),
    ({"name": "a\0b"}, [invalid("FORMAT", None, "name")]),
    ({"name": "a\x7fb"}, [invalid("FORMAT", None, "name")]),
    ({"name": "a\x85b"}, [invalid("FORMAT", None, "name")]),
    ({"description": "a" * 2001}, [invalid("MAX_LENGTH", 2000, "description")]),
    ({"description": "a\0"}, [invalid("FORMAT", None, "description")]),
    ({"metadata": []}, [invalid("TYPE", None, "metadata")]),
    ({"metadata": "{}"}, [invalid("TYPE", None, "metadata")]),
    ({"metadata": 7}, [invalid("TYPE", None, "metadata")]),
    ({"metadata": {"a": f"x{FULL['a']}"}}, [invalid("MAX_LENGTH", 16384, "metadata")]),
    ({"metadata": {"0": DEEP}}, [invalid("RANGE", 8, "metadata")]),
    ({"metadata": {"a\0": 1}}, [invalid("FORMAT", None, "metadata")]),
    ({"metadata": {"a": ["\0"]}}, [invalid("FORMAT", None, "metadata")]),
    ({"metadata": {"a": 1e308}}, [invalid("RANGE", None, "metadata")]),
    ({"metadata": {"category": 7}}, [invalid("TYPE", None, "metadata", "category")]),
    ({"metadata": {"category": "c" * 256}}, [invalid("MAX_LENGTH", 255, "metadata", "category")]),
    ({"metadata": {"tags": "a"}}, [invalid("TYPE", None, "metadata", "tags")]),
    ({"metadata": {"tags": ["a", 7]}}, [invalid("TYPE", None, "metadata", "tags")]),
    ({"metadata": {"tags": ["t" * 256]}}, [invalid("MAX_LENGTH", 255, "metadata", "tags")]),
    (
        {"name": "", "description": "a" * 2001, "metadata": {"category": 7, "tags": [7]}},
        [
            invalid("MIN_LENGTH", 1, "name"),
            invalid("MAX_LENGTH", 2000, "description"),
            invalid("TYPE", None, "metadata", "category"),
            invalid("TYPE", None, "metadata", "tags"),
        ],
    ),
]


async def test_every_bad_field_is_refused_when_a_feature_is_created(world: World) -> None:
    for input, errors in BAD:
        assert await refused(world, "createFeature", **{"name": "Fine", **input}) == errors, str(input)[:100]


async def test_every_bad_field_is_refused_when_a_feature_is_changed(world: World) -> None:
    feature = await world.create("Fine")
    null: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
        ({"name": None}, [invalid("REQUIRED", None, "name")]),
        ({"metadata": None}, [invalid("TYPE", None, "metadata")]),
    ]
    for input, errors in [*BAD, *null]:
        found = await refused(world, "updateFeature", id=feature["id"], expectedVersion=1, **input)
        assert found == errors, str(input)[:100]


async def test_values_at_their_bounds_are_written_as_they_are(world: World) -> None:
    inputs: tuple[dict[str, Any], ...] = (
        {"name": "a"},
        {"name": "é" * 255, "description": "é" * 2000},
        {"name": "😀" * 255, "description": "", "metadata": FULL},
        {"name": "deep", "metadata": {"category": "漢" * 255, "tags": ["字" * 255, ""], **DEEP}},
        {"name": "numbers", "metadata": {"a": [2**64 - 1, -(2**63), 0.1, 5e-9, 1.5e10]}},
    )
    for number, input in enumerate(inputs):
        feature = await written(world, "createFeature", **input)
        assert {field: feature[field] for field in input} == input
        assert await world.owner.fetchval("SELECT count(*) FROM audit_entries") == number + 1


async def test_names_that_look_alike_are_one_name(world: World) -> None:
    first = await world.create("Cafe\u0301")
    assert first["name"] == "Caf\u00e9"
    duplicate = {
        "__typename": "DuplicateNameError",
        "code": "DUPLICATE_NAME",
        "path": ["input", "name"],
        "existingId": first["id"],
    }
    for twin in ("Caf\u00e9", "Cafe\u0301", "  Café\t"):
        assert await refused(world, "createFeature", name=twin) == [duplicate]
    for other in ("café", "Cafe", "Caf\u00e9\u200b", "Ｃafé"):
        await world.create(other)


# Absent, null, value


async def test_a_field_that_is_absent_stays_and_one_that_is_null_is_cleared(world: World) -> None:
    feature = await world.create("Fine", description="Old", metadata=OBJECT)
    id, version = feature["id"], 1
    for patch, expected in (
        ({"name": "New"}, ("New", "Old", OBJECT)),
        ({"description": None}, ("New", None, OBJECT)),
        ({"description": "New"}, ("New", "New", OBJECT)),
        ({"metadata": {}}, ("New", "New", {})),
        ({"name": "Fine", "description": None, "metadata": OBJECT}, ("Fine", None, OBJECT)),
    ):
        changed = await written(world, "updateFeature", id=id, expectedVersion=version, **patch)
        version += 1
        assert (changed["name"], changed["description"], changed["metadata"]) == expected
        assert changed["version"] == version


async def test_a_variable_that_is_not_sent_leaves_its_field_absent(world: World) -> None:
    feature = await world.create("Fine", description="Old")
    text = """mutation($id: ID!, $name: String, $description: String, $metadata: JSON) {
      updateFeature(input: {id: $id, expectedVersion: 1, name: $name, description: $description, metadata: $metadata})
      { feature { name description version } userErrors { message } } }"""
    answer = await world.data(text, "user", id=feature["id"])
    assert answer["updateFeature"] == {
        "feature": {"name": "Fine", "description": "Old", "version": 1},
        "userErrors": [],
    }


async def test_optional_fields_of_a_new_feature_may_be_null_or_absent(world: World) -> None:
    absent = await written(world, "createFeature", name="absent")
    null: dict[str, Any] = {"description": None, "metadata": None, "ownerId": None, "clientMutationId": None}
    for feature in (absent, await written(world, "createFeature", name="null", **null)):
        assert (feature["description"], feature["metadata"], feature["category"], feature["tags"]) == (
            None,
            {},
            None,
            [],
        )
        assert feature["owner"]["id"] == world.id_of("user")
