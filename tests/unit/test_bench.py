"""The benchmark's judgement: when two answers are alike, and what the figures are worth. It is not run here."""

from uuid import UUID

import pytest

from app.kernel.ids import global_id
from bench.check import Checked, compare, normalised
from bench.contenders import BenchError
from bench.figures import Figures, Results, budget, medians
from bench.page import LAST, LOAD, REST, replaced, section
from bench.request import COUNTER, Request
from bench.rest import LANES
from bench.rest_report import rest_budget
from bench.workloads import W4

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
        compare({"one": Checked(one, 1, 1), "other": Checked(other, 1, 1)}, "W2")


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


def test_status_in_small_and_in_capitals_is_one_but_another_is_not() -> None:
    assert normalised({"status": "active"}, anew=False) == normalised({"status": "ACTIVE"}, anew=False)
    assert normalised({"status": "active"}, anew=False) != normalised({"status": "ARCHIVED"}, anew=False)


def test_a_request_is_a_line_with_its_number_in_its_body_alone() -> None:
    request = Request("POST", "/a", b'{"name":"' + COUNTER + b'"}', "Bearer b")
    assert request.numbered(7).line == b'POST\t/a\tBearer b\t{"name":"000000007"}'
    assert Request("GET", "/a").line == b"GET\t/a\t\t"


@pytest.mark.parametrize(
    ("lane", "answer", "compared"),
    [
        ("v1", [{"id": "1"}], [{"id": "1"}]),
        ("v2", [{"id": "1", "owner_id": "2"}], [{"id": "1"}]),
        ("v2", {"id": "1", "owner_id": "2"}, {"id": "1"}),
        ("v2-graphql", {"features": {"pageInfo": {}, "nodes": [{"id": "1"}]}}, [{"id": "1"}]),
        ("v2-graphql", {"feature": {"id": "1"}}, {"id": "1"}),
        ("v2-graphql", {"createFeature": {"feature": {"id": "1"}}}, {"id": "1"}),
    ],
)
def test_rest_and_graphql_are_compared_by_their_features_alone(lane: str, answer: object, compared: object) -> None:
    [found] = [each.found for each in LANES if each.name == lane]
    assert found(answer) == compared


def test_rest_may_cost_a_tenth_more_than_graphql_and_no_more() -> None:
    measured = {
        ("v1", "R1"): figures(1.1),
        ("v1-graphql", "R1"): figures(1),
        ("v2", "R1"): figures(1.2),
        ("v2-graphql", "R1"): figures(1),
    }
    verdicts = {(line.workload, line.what): line.met for line in rest_budget(Results(measured, {}, spread=0))}
    assert verdicts["R1", "server CPU, REST v1 of GraphQL's"] is True
    assert verdicts["R1", "server CPU, REST v2 of GraphQL's"] is False
    assert verdicts["R2", "server CPU, REST v1 of GraphQL's"] is None


def test_a_section_takes_the_place_of_the_old_one_and_no_other_words() -> None:
    page = f"one\n\n{LAST}\n\nlast\n"
    first, load, second = f"{REST}\n\nfirst\n\n### part\n\n", f"{LOAD}\n\nload\n\n", f"{REST}\n\nsecond\n\n"
    both = replaced(replaced(page, REST, first), LOAD, load)
    assert both == f"one\n\n{first}{load}{LAST}\n\nlast\n"
    assert (section(both, REST), section(both, LOAD), section(page, LOAD)) == (first, load, "")
    assert replaced(both, REST, second) == f"one\n\n{second}{load}{LAST}\n\nlast\n"
    assert replaced(page, LOAD, "") == page
