"""How changes are told: to people, to a pull request, to programs, and as annotations."""

import json

from app.contract.change import Change, Severity, in_order
from app.contract.report import report

HOSTILE = "web|`1`<b> (%0A::error::x\n)"
CHANGES = in_order(
    [
        Change(Severity.SAFE, "FIELD_ADDED", "A.c", "Field A.c was added."),
        Change(Severity.DANGEROUS, "VALUE_ADDED_TO_ENUM", "E.X", "Enum value E.X was added.", "Who knows."),
        Change(
            Severity.BREAKING, "FIELD_REMOVED", "A.b", "Field A.b was removed.", "Refused.", users=(HOSTILE, "ios 2")
        ),
    ]
)


def line_of(where: str) -> int:
    return {"A.b": 7, "E.X": 9}[where]


def test_text_has_a_line_for_each_the_worst_first_and_those_that_it_breaks() -> None:
    assert report(CHANGES, "text", "s.graphql", line_of).split("\n", 3)[-1].splitlines() == [
        "           breaks ios 2",
        "dangerous  E.X: Enum value E.X was added. Who knows.",
        "safe       A.c: Field A.c was added.",
        "1 breaking, 1 dangerous, 1 safe.",
    ]
    assert report([], "text", "s.graphql", line_of) == "No changes."


def test_markdown_is_a_table_for_each_severity_in_which_names_of_clients_are_only_text() -> None:
    told = report(CHANGES, "markdown", "s.graphql", line_of)
    assert told.startswith("**1 breaking, 1 dangerous, 1 safe.**\n\n### Breaking (1)\n\n| where |")
    assert r"| `A.b` | Field A.b was removed. Refused. | web\|\`1\`&lt;b> (%0A::error::x ), ios 2 |" in told
    assert "<details><summary>Safe (1)</summary>" in told


def test_json_says_all_of_it() -> None:
    told = json.loads(report(CHANGES, "json", "s.graphql", line_of))
    assert (told["verdict"], told["counts"]) == ("breaking", {"breaking": 1, "dangerous": 1, "safe": 1})
    assert told["changes"][0] == {
        "severity": "breaking",
        "code": "FIELD_REMOVED",
        "where": "A.b",
        "message": "Field A.b was removed.",
        "why": "Refused.",
        "clients": [HOSTILE, "ios 2"],
    }
    assert json.loads(report([], "json", "s.graphql", line_of)) == {
        "verdict": "safe",
        "counts": {"breaking": 0, "dangerous": 0, "safe": 0},
        "changes": [],
    }


def test_annotation_points_into_the_file_and_no_text_can_make_another() -> None:
    first, second, last = report(CHANGES, "github", "a,b.graphql", line_of).splitlines()
    assert first == (
        "::error file=a%2Cb.graphql,line=7,title=Breaking%3A A.b::Field A.b was removed. Refused."
        "%0ABreaks web|`1`<b> (%250A::error::x%0A)%0ABreaks ios 2"
    )
    assert second == "::warning file=a%2Cb.graphql,line=9,title=Dangerous%3A E.X::Enum value E.X was added. Who knows."
    assert last == "1 breaking, 1 dangerous, 1 safe."
