"""The benchmark's judgement: when two answers are alike, and what the figures are worth. It is not run here."""

from uuid import UUID

import pytest

from app.kernel.ids import global_id
from bench.check import Checked, compare, normalised
from bench.contenders import BenchError
from bench.figures import Figures, Results, budget, medians
from bench.workloads import W2, W4

KEY = "00000000-0005-7002-a000-000000000005"


def figures(server: float, postgres: float = 0.0) -> Figures:
    return Figures(server, postgres, 100, 1, 2)


def test_forms_of_ids_times_and_cursors_do_not_matter() -> None:
    ours = {"id": global_id("Feature", UUID(KEY)), "createdAt": "2024-01-01T00:05:00.000000Z", "endCursor": "a"}
    theirs = {"endCursor": "b", "createdAt": "2024-01-01T01:05:00.000+01:00", "id": KEY}
    assert normalised(ours, anew=False) == normalised(theirs, anew=False)


def test_what_a_server_makes_anew_does_not_matter_but_its_owner_does() -> None:
    one = {"feature": {"id": "1", "createdAt": "2024-01-01T00:05:00Z", "name": "a", "owner": {"id": KEY}}}
    assert normalised(one, anew=True) == {"feature": {"name": "a", "owner": {"id": KEY}}}


@pytest.mark.parametrize(
    ("other", "where"),
    [
        ({"nodes": [{"name": "b"}, {"name": "a"}]}, r"data.nodes\[0\].name is 'a' and 'b'"),
        ({"nodes": [{"name": "a"}]}, "data.nodes has 2 and 1 members"),
        ({"nodes": [{"name": "a", "id": KEY}, {"name": "b"}]}, r"data.nodes\[0\] has the keys name and name, id"),
    ],
)
def test_another_order_length_or_field_is_told(other: object, where: str) -> None:
    one = {"nodes": [{"name": "a"}, {"name": "b"}]}
    with pytest.raises(BenchError, match=where):
        compare({"one": Checked(one, 1, 1), "other": Checked(other, 1, 1)}, W2)


def test_figures_are_medians_and_the_widest_spread_is_told() -> None:
    found, spread = medians({("ours", "W4"): [figures(1), figures(2), figures(5)]})
    assert found == {("ours", "W4"): figures(2)}
    assert spread == 1.5


def test_a_budget_is_met_up_to_its_bound_and_unknown_where_nothing_was_measured() -> None:
    measured = {
        ("ours", W4.name): figures(0.8, 0.7),
        ("mercurius", W4.name): figures(1),
        ("limit", W4.name): figures(1),
    }
    verdicts = {
        (line.workload, line.what): line.met for line in budget(Results(measured, {("ours", W4.name): 4}, spread=0))
    }
    assert verdicts["W4", "server CPU, of mercurius's"] is True
    assert verdicts["W4", "server + PostgreSQL CPU, of limit's"] is True
    assert verdicts["W4", "SQL statements"] is False
    assert verdicts["W4", "server CPU of strawberry, over ours"] is None
    assert verdicts["W1", "server CPU, of mercurius's"] is None
