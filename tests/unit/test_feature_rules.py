"""What makes a feature's name, description and metadata valid, and who may do what with a feature (R1, R23)."""

from typing import get_args
from uuid import UUID

import pytest

from app.domain.feature.model import FeatureStatus
from app.domain.feature.rules import (
    MAX_METADATA,
    TRANSITIONS,
    clean_description,
    clean_metadata,
    permissions,
)
from app.kernel.actor import GUEST, Actor, Role
from app.kernel.cleaning import clean_name
from app.kernel.errors import Problem
from app.kernel.ids import UserId

ME, OTHER = UserId(UUID(int=1)), UserId(UUID(int=2))
CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]  # the 65 of Unicode's category Cc


def fault_of_name(name: str | None) -> tuple[str, int | None] | None:
    problems: list[Problem] = []
    clean_name(name, problems)
    assert all(problem.path == ("name",) for problem in problems) and len(problems) < 2
    return (problems[0].issue, problems[0].limit) if problems else None


def faults_of_metadata(metadata: object) -> list[tuple[tuple[str, ...], str, int | None]]:
    problems: list[Problem] = []
    clean_metadata(metadata, problems)
    return [(problem.path, problem.issue, problem.limit) for problem in problems]


def nested(levels: int) -> dict[str, object]:
    """An object that is `levels` deep, itself included."""
    found: dict[str, object] = {}
    for _ in range(levels - 1):
        found = {"a": found}
    return found


# Names


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a", None),
        ("a" * 255, None),
        ("é" * 255, None),
        ("😀" * 255, None),
        ("e\u0301" * 255, None),
        (" \t\n" + "a" * 255 + "\u00a0\u2003", None),
        (None, ("REQUIRED", None)),
        ("", ("MIN_LENGTH", 1)),
        (" \t\r\n\u00a0\u2003\u3000", ("MIN_LENGTH", 1)),
        ("a" * 256, ("MAX_LENGTH", 255)),
        ("😀" * 256, ("MAX_LENGTH", 255)),
        ("\u0958" * 128, ("MAX_LENGTH", 255)),  # NFC writes it in two characters
    ],
)
def test_a_name_has_1_to_255_characters_once_it_is_trimmed_and_in_nfc(
    name: str | None, fault: tuple[str, int | None] | None
) -> None:
    assert fault_of_name(name) == fault


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: f"U+{ord(control):04X}")
def test_a_name_with_a_control_character_inside_is_refused(control: str) -> None:
    assert fault_of_name(f"a{control}b") == ("FORMAT", None)


def test_a_name_is_kept_trimmed_and_composed_and_otherwise_as_it_is() -> None:
    problems: list[Problem] = []
    assert clean_name("  Cafe\u0301  au  lait ", problems) == "Café  au  lait"
    assert clean_name("ﬁ Ⅸ ＡＢ", problems) == "ﬁ Ⅸ ＡＢ"
    assert problems == []


# Descriptions


@pytest.mark.parametrize("description", [None, "", "a" * 2000, "😀" * 2000, "two\nlines\tand \x7f"])
def test_a_description_of_at_most_2000_characters_is_kept_as_it_is(description: str | None) -> None:
    problems: list[Problem] = []
    assert clean_description(description, problems) == description
    assert problems == []


@pytest.mark.parametrize(
    ("description", "issue", "limit"), [("a" * 2001, "MAX_LENGTH", 2000), ("a\0b", "FORMAT", None)]
)
def test_a_description_that_is_too_long_or_has_nul_is_refused(description: str, issue: str, limit: int | None) -> None:
    problems: list[Problem] = []
    clean_description(description, problems)
    assert [(p.path, p.issue, p.limit) for p in problems] == [(("description",), issue, limit)]


# Metadata


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"a": "x" * (MAX_METADATA - 8)},
        {"é": "é" * ((MAX_METADATA - 9) // 2)},
        nested(8),
        {"a": [[[[[[["as deep as may be"]]]]]]]},
        {"a": [2**64 - 1, -(2**63), 0.1, -0.0, True, None, "", [], {}]},
        {"category": "", "tags": []},
        {"category": "c" * 255, "tags": ["t" * 255, ""]},
    ],
)
def test_metadata_within_its_bounds_is_kept_as_it_is(metadata: dict[str, object]) -> None:
    problems: list[Problem] = []
    assert clean_metadata(metadata, problems) is metadata
    assert problems == []


@pytest.mark.parametrize("metadata", [None, [], [{}], "{}", 1, 1.5, True])
def test_metadata_that_is_no_object_is_refused(metadata: object) -> None:
    assert faults_of_metadata(metadata) == [(("metadata",), "TYPE", None)]


@pytest.mark.parametrize(
    ("metadata", "issue", "limit"),
    [
        ({"a": "x" * (MAX_METADATA - 7)}, "MAX_LENGTH", 16384),
        ({"a": "é" * (MAX_METADATA // 2)}, "MAX_LENGTH", 16384),
        ({"a": [5e-324] * 60}, "MAX_LENGTH", 16384),  # 60 × 326 digits in the database
        (nested(9), "RANGE", 8),
        ({"a": [[[[[[[["one too deep"]]]]]]]]}, "RANGE", 8),
        (nested(100_000), "RANGE", 8),
        ({"a\0": 1}, "FORMAT", None),
        ({"a": ["\0"]}, "FORMAT", None),
        ({"a": {"b": {"\0": 1}}}, "FORMAT", None),
        ({"a": float("inf")}, "RANGE", None),
        ({"a": float("-inf")}, "RANGE", None),
        ({"a": [float("nan")]}, "RANGE", None),
        ({"a": 2**64}, "RANGE", None),
        ({"a": -(2**63) - 1}, "RANGE", None),
        ({"a": -(2.0**63)}, "RANGE", None),  # as a parser reads the integer before it
        ({"a": 1e20}, "RANGE", None),  # what an integer of 21 digits becomes on its way here
    ],
)
def test_metadata_beyond_its_bounds_is_refused_with_one_problem(
    metadata: object, issue: str, limit: int | None
) -> None:
    assert faults_of_metadata(metadata) == [(("metadata",), issue, limit)]


@pytest.mark.parametrize(
    ("metadata", "faults"),
    [
        ({"category": 1}, [("category", "TYPE", None)]),
        ({"category": None}, [("category", "TYPE", None)]),
        ({"category": "c" * 256}, [("category", "MAX_LENGTH", 255)]),
        ({"tags": "a"}, [("tags", "TYPE", None)]),
        ({"tags": None}, [("tags", "TYPE", None)]),
        ({"tags": ["a", 1]}, [("tags", "TYPE", None)]),
        ({"tags": ["a", "t" * 256]}, [("tags", "MAX_LENGTH", 255)]),
        ({"category": [], "tags": {}}, [("category", "TYPE", None), ("tags", "TYPE", None)]),
    ],
)
def test_a_category_is_a_short_string_and_tags_are_a_list_of_them(
    metadata: object, faults: list[tuple[str, str, int | None]]
) -> None:
    assert faults_of_metadata(metadata) == [(("metadata", field), issue, limit) for field, issue, limit in faults]


# Status and permissions


def test_the_transitions_are_those_of_the_behaviour_and_no_others() -> None:
    assert set(TRANSITIONS) == set(get_args(FeatureStatus.__value__))
    assert {(old, new) for old, targets in TRANSITIONS.items() for new in targets} == {
        ("ACTIVE", "INACTIVE"),
        ("INACTIVE", "ACTIVE"),
        ("ACTIVE", "ARCHIVED"),
        ("INACTIVE", "ARCHIVED"),
        ("ARCHIVED", "ACTIVE"),
    }


ALL = ["READ", "UPDATE", "ARCHIVE", "DELETE", "RESTORE", "REVERT"]


@pytest.mark.parametrize(
    ("role", "own", "others"),
    [("VIEWER", ["READ"], ["READ"]), ("USER", ALL, []), ("MANAGER", ALL, ALL), ("ADMIN", ALL, ALL)],
)
def test_a_role_may_do_what_the_matrix_says_with_its_own_and_with_others_features(
    role: Role, own: list[str], others: list[str]
) -> None:
    assert permissions(Actor(ME, role), ME) == own
    assert permissions(Actor(ME, role), OTHER) == others


def test_a_guest_may_do_nothing() -> None:
    assert permissions(GUEST, ME) == []
