"""The checker of histories finds what it is for."""

from dataclasses import replace

import pytest

from tests.torture.history import Act, Entry, faults

CREATED = Act("CREATE", "a", "1", None, "done", 1)
UPDATED = Act("UPDATE", "b", "1", 1, "done", 2)
ARCHIVED = Act("ARCHIVE", "c", "1", 2, "done", 3)
LOST = Act("UPDATE", "d", "1", 1)
REFUSED = Act("UPDATE", "e", "1", 1, "refused")
ACTS = [CREATED, UPDATED, ARCHIVED, LOST, REFUSED]
ENTRIES = [
    Entry("1", 1, "CREATE", "a", None),
    Entry("1", 2, "UPDATE", "a", "b"),
    Entry("1", 3, "ARCHIVE", "a", "b"),
]
ANOTHER = Act("CREATE", "x", None)


def test_what_fits_has_no_fault() -> None:
    assert faults(ACTS, ENTRIES) == []
    assert faults([*ACTS, ANOTHER], [*ENTRIES, Entry("2", 1, "CREATE", "x", None)]) == []  # unknown, and done


@pytest.mark.parametrize(
    ("acts", "entries", "told"),
    [
        (ACTS, ENTRIES[:1] + ENTRIES[2:], "acknowledged, and 0 times there"),
        (ACTS, ENTRIES[1:], "acknowledged, and 0 times there"),
        (ACTS, [*ENTRIES, Entry("2", 1, "CREATE", "a", None)], "acknowledged, and 2 times there"),
        (ACTS, [*ENTRIES[:2], replace(ENTRIES[2], version=4)], "acknowledged, and 1 times there"),
        ([*ACTS, ANOTHER], [*ENTRIES, *(Entry(n, 1, "CREATE", "x", None) for n in "23")], "2 times there"),
        (ACTS, [*ENTRIES, Entry("1", 4, "UPDATE", "a", "e")], "refused, and there"),
        (ACTS, [*ENTRIES, Entry("1", 4, "UPDATE", "a", "d")], "done on another version than it was to be"),
        (ACTS, [*ENTRIES, Entry("1", 4, "UPDATE", "a", "?")], "there, and nobody did it"),
        (ACTS, [*ENTRIES, Entry("1", 4, "DELETE", "a", "b")], "there, and nobody did it"),
        ([*ACTS, replace(UPDATED, mark="f")], ENTRIES, "2 acts were told that they made it"),
    ],
    ids=["lost", "creation lost", "twice", "other version", "key made two", "refused", "stale", "alone", "act", "same"],
)
def test_fault_is_told(acts: list[Act], entries: list[Entry], told: str) -> None:
    assert any(fault.startswith(told) for fault in faults(acts, entries))
