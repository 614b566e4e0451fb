"""The load of ops/load, which is not run here: it is the one that was asked for, it asks for what there is, and what is
measured under it is judged rightly."""

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import orjson
import psutil
import pytest

from bench.artillery import FOLDER, Held, Played, Point, held, played, read_config, scaled
from bench.figures import Figures
from bench.histogram import Look, between, quantile
from bench.load_picture import FOOT, HEAD, PANEL, draw
from bench.load_report import LoadRun, overload_rows, profile_rows, section, verdicts
from bench.loaded import Try, until_well
from bench.mix import CRUD, LISTS
from bench.open_loop import Answer, Seen
from bench.overload import AFTER, BEFORE, CALM, FACTOR, TRIES, Overload, judged
from bench.page import LOAD, replaced
from bench.page import section as section_of
from bench.report import PAGE
from bench.watch import Share, Sight, share, watching

ROOT = Path(__file__).parents[2]
FILE = read_config()
CONFIG: dict[str, Any] = FILE["config"]
OPENAPI: dict[str, Any] = orjson.loads((ROOT / "openapi.json").read_bytes())
TEMPLATE = re.compile(r"\{\{ ([$\w]+) \}\}")


def requests() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Each as (scenario, method, what it says)."""
    for scenario in FILE["scenarios"]:
        for step in scenario["flow"]:
            [(method, said)] = step.items()
            yield scenario["name"], method, said


def operation(method: str, said: Mapping[str, Any]) -> dict[str, Any]:
    path = re.sub(TEMPLATE, r"{\1}", said["url"].partition("?")[0])
    found: dict[str, Any] = OPENAPI["paths"][path][method]
    return found


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = OPENAPI
    for name in schema["$ref"].removeprefix("#/").split("/") if "$ref" in schema else ():
        found = found[name]
    return found if "$ref" in schema else schema


def test_seven_of_ten_create_get_and_put_and_three_list_twenty() -> None:
    shapes: dict[str, tuple[int, list[str]]] = {
        scenario["name"]: (scenario["weight"], []) for scenario in FILE["scenarios"]
    }
    for name, method, said in requests():
        shapes[name][1].append(f"{method} {said['url']}")
    path = "/api/v2/features"
    assert shapes == {
        "create, get, put": (70, [f"post {path}", f"get {path}/{{{{ id }}}}", f"put {path}/{{{{ id }}}}"]),
        "list": (30, [f"get {path}?first=20"]),
    }
    assert (CRUD, LISTS) == (7, 3)


def test_callers_come_as_often_as_was_asked_for_and_all_of_it_takes_six_minutes_at_the_most() -> None:
    phases = {name: profile["phases"] for name, profile in CONFIG["environments"].items()}
    rates = {name: [phase["arrivalRate"] for phase in listed] for name, listed in phases.items()}
    assert rates == {"baseline": [10, 50, 100, 10], "burst": [10, 50, 100, 50, 100, 10], "sustained": [10, 50, 10]}
    assert [phase["name"] for phase in phases["baseline"]] == ["warm-up", "load", "spike", "cool-down"]
    longest = max(phases["sustained"], key=lambda phase: int(phase["duration"]))
    assert (longest["name"], longest["duration"]) == ("load", 120)
    assert sum(phase["duration"] for listed in phases.values() for phase in listed) <= 360


def test_thresholds_are_the_targets() -> None:
    assert CONFIG["ensure"] == {
        "thresholds": [
            {"http.response_time.median": 50},
            {"http.response_time.p95": 100},
            {"http.response_time.p99": 500},
        ],
        "maxErrorRate": 0.1,
    }
    assert CONFIG["plugins"]["expect"]["reportFailuresAsErrors"] is True and "ensure" in CONFIG["plugins"]


def test_every_request_and_its_status_is_in_the_contract() -> None:
    asked = list(requests())
    assert len(asked) == 4
    for _, method, said in asked:
        described = operation(method, said)
        [expected] = said["expect"]
        assert str(expected["statusCode"]) in described["responses"] and 200 <= expected["statusCode"] < 300
        known = {(each["in"], each["name"].lower()) for each in map(resolved, described.get("parameters", []))}
        query = {("query", pair.partition("=")[0]) for pair in said["url"].partition("?")[2].split("&") if pair}
        headers = {("header", name) for name in said["headers"] if name != "authorization"}
        assert query | headers <= known
        if "json" in said:
            [content] = [
                kind["schema"]
                for name, kind in described["requestBody"]["content"].items()
                if name == "application/json"
            ]
            assert said["json"].keys() <= resolved(content)["properties"].keys()


def test_what_a_request_needs_was_learnt_before_it() -> None:
    known: dict[str, set[str]] = {}
    for name, _, said in requests():
        learnt = known.setdefault(name, {*CONFIG["payload"]["fields"], "$uuid"})
        assert set(TEMPLATE.findall(repr({**said, "capture": None}))) <= learnt
        assert said["headers"]["authorization"] == "Bearer {{ token }}"
        learnt |= {each["as"] for each in said.get("capture", [])}
    assert {"id", "tag"} <= known["create, get, put"]


def test_artillery_is_pinned_and_its_lock_names_no_address() -> None:
    lock = orjson.loads((FOLDER / "package-lock.json").read_bytes())
    [(name, version)] = orjson.loads((FOLDER / "package.json").read_bytes())["dependencies"].items()
    assert lock["packages"][f"node_modules/{name}"]["version"] == version
    packages = [package for path, package in lock["packages"].items() if path]
    assert len(packages) > 400 and all("integrity" in package and "resolved" not in package for package in packages)


def test_a_part_of_the_time_leaves_the_rates() -> None:
    phases = CONFIG["environments"]["baseline"]["phases"]
    assert [(phase["duration"], phase["arrivalRate"]) for phase in scaled(phases, 0.05)] == [
        (1, 10), (3, 50), (1, 100), (1, 10),
    ]  # fmt: skip


def report(times: Mapping[str, float], done: int = 1_000) -> dict[str, Any]:
    """As Artillery writes it, of a thousand callers."""
    summaries = {"http.response_time": times}
    counters = {"vusers.created": 1_000, "vusers.completed": done, "http.requests": 2_400}
    period = {
        "period": "1700000010000",
        "firstMetricAt": 1700000010000,
        "lastMetricAt": 1700000020000,
        "counters": counters,
        "summaries": summaries,
    }
    return {"aggregate": {"counters": counters, "summaries": summaries}, "intermediate": [period]}


WELL = {"p50": 49.9, "median": 49.9, "p95": 99.9, "p99": 499.9}


def missed(seen: Played) -> list[str]:
    return [line.what for line in held(FILE, seen) if not line.met]


def test_a_run_within_all_thresholds_is_well() -> None:
    seen = played("baseline", report(WELL, 999))
    assert (missed(seen), seen.callers, seen.requests, seen.rate) == ([], 1_000, 2_400, 240)
    assert seen.points == [Point(0, 240, 49.9, 99.9, 499.9)]


@pytest.mark.parametrize(
    ("name", "value"),
    [("median", 50), ("p95", 100), ("p99", 500)],
)
def test_each_threshold_can_be_missed(name: str, value: float) -> None:
    assert missed(played("baseline", report({**WELL, name: value}))) == [f"http.response_time.{name}"]


def test_more_than_one_in_a_thousand_who_fails_is_too_many() -> None:
    assert missed(played("baseline", report(WELL, 998))) == ["errors"]


def test_what_was_not_measured_is_not_met() -> None:
    nothing = {"aggregate": {"counters": {}, "summaries": {}}, "intermediate": []}
    assert list(profile_rows([played("burst", nothing)])) == [("burst", "0", "0", "0", "–", "–", "–", "100 %")]
    assert list(held(FILE, played("burst", nothing))) == [
        Held("http.response_time.median", 50, None, False),
        Held("http.response_time.p95", 100, None, False),
        Held("http.response_time.p99", 500, None, False),
        Held("errors", 0.1, 100.0, False),
    ]


def test_quantile_of_what_came_between_two_looks_is_that_of_promql() -> None:
    first = Look({"a": {0.01: 5, 0.1: 5, float("inf"): 5}})
    last = Look({"a": {0.01: 55, 0.1: 65, float("inf"): 65}, "b": {0.01: 30, 0.1: 40, float("inf"): 40}})
    found = between(first, last)
    assert found == {0.01: 80, 0.1: 100, float("inf"): 100}
    assert quantile(0.4, found) == pytest.approx(0.005)
    assert quantile(0.95, found) == pytest.approx(0.01 + 0.09 * 15 / 20)
    assert quantile(0.95, {0.01: 1, float("inf"): 10}) == 0.01
    assert quantile(0.95, between(first, first)) is None and quantile(0.95, {}) is None


BEGUN, END = 5_000.0, BEFORE + 10


def sights() -> Iterator[Sight]:
    """Of a server that works half of the time on its core, and another program a fifth, from the overload on."""
    for second in range(int(END + AFTER) + 1):
        memory = 130 if BEFORE < second < END else 100 if second < END else 120
        yield Sight(BEGUN + second, memory, 7 + second / 2, 9 + second / 2 + max(0, second - BEFORE) / 5)


def overloaded(*more: Answer, unsent: int = 0) -> Overload:
    during = [Answer(BEFORE + number / 10, 0.2, 200, False) for number in range(100)]
    refused = [Answer(BEFORE + number / 10, 0.01, 503, True) for number in range(100)]
    calm = [Answer(0.5, 0.01, 201, False), Answer(END + 1, 0.02, 200, False)]
    return judged(100, 10, Seen([*calm, *during, *refused, *more], unsent, begun=BEGUN), list(sights()))


def test_overload_is_told_by_what_became_of_whom() -> None:
    seen = overloaded(Answer(END + 1.25, 0.05, 503, True))
    assert (seen.admitted.rate, seen.refused.rate) == (10, 10)
    assert (seen.admitted.p99, seen.refused.p99) == (200, 10)
    assert (seen.before.rate, seen.after.rate) == (1 / BEFORE, 2 / AFTER)
    assert (seen.memory, seen.failed) == ((100, 130, 120), 0)
    assert seen.recovered == pytest.approx(1.3)
    assert overloaded().recovered == 0
    assert overloaded(Answer(END + 0.5, 0.6, 200, False)).recovered == pytest.approx(1.1)


def test_it_is_told_who_had_the_server_s_core_and_how_late_we_were_ourselves() -> None:
    seen = overloaded(*[Answer(BEFORE + 1, 0.2, 200, False, 0.04)] * 3)
    assert [share.server for share in seen.shares] == pytest.approx([50] * 3)
    assert [share.others for share in seen.shares] == pytest.approx([0, 20, 20])
    assert (seen.late, overloaded().late) == (40, 0)
    before, admitted, refused, after = overload_rows(seen)
    assert [row[-2:] for row in (before, admitted, refused, after)] == [
        ("50 %", "0 %"), ("50 %", "20 %"), ("", ""), ("50 %", "20 %"),
    ]  # fmt: skip


def test_nobody_s_core_and_a_time_without_two_looks_are_told_of_as_unknown() -> None:
    seen = [Sight(second, 1, second / 4, None) for second in (0.0, 1.0, 2.0)]
    assert share(seen, 0, 2) == Share(25, None)
    assert share(seen, 0.5, 1.5) == share([], 0, 1) == Share(0, None)
    assert share([Sight(0, 1, 0, 0), Sight(1, 1, 0.5, 0.49)], 0, 1) == Share(50, 0)  # both are counted in ticks


def test_a_watch_sees_what_a_process_and_its_core_do() -> None:
    allowed = os.sched_getaffinity(0)
    core = min(allowed)
    os.sched_setaffinity(0, {core})
    try:
        with watching(os.getpid(), core) as seen:
            until = time.process_time() + 0.4
            while time.process_time() < until:
                sum(range(100_000))  # a user's time, not the system's
    finally:
        os.sched_setaffinity(0, allowed)
    first, last = seen[0], seen[-1]
    assert last.server - first.server >= 0.35 and len(seen) > 2
    assert first.core is not None and last.core is not None and last.core - first.core >= 0.2
    assert 0 < first.memory == pytest.approx(psutil.Process().memory_info().rss / 2**20, rel=0.2)


REFUSED, SLOWLY, NOT_QUICK = (0.01, 503), (0.6, 200), (0.06, 200)


@pytest.mark.parametrize("was", [REFUSED, SLOWLY, NOT_QUICK])
def test_what_was_no_better_before_does_not_recover_and_its_target_is_not_met(was: tuple[float, int]) -> None:
    took, status = was
    seen = overloaded(*[Answer(BEFORE - 0.1, took, status, status == 503)] * 2)
    assert seen.recovered is None
    assert run(Figures(0.3, 0.2, 1_001, 5, 10), seen)["twice as many", "recovery"] is None
    assert "cannot be told" in told(seen) and "cannot be told" not in told(overloaded())


POOR = overloaded(*[Answer(BEFORE - 0.1, 0.3, 503, True)] * 2)


@pytest.mark.parametrize(
    ("seen", "measured"), [([overloaded(), POOR], 1), ([POOR, overloaded(), POOR], 2), ([POOR] * (TRIES + 1), TRIES)]
)
def test_it_is_measured_again_until_it_was_well_before_but_not_for_ever(seen: list[Overload], measured: int) -> None:
    tries = until_well(lambda number: Try(Figures(1, 1, 1, 1, 1), {}, seen[number - 1]))
    assert [each.overload for each in tries] == seen[:measured]


def test_section_has_all_tables_and_takes_the_place_of_the_one_in_the_page() -> None:
    run = LoadRun(
        [played("baseline", report(WELL))], Figures(0.3, 0.2, 1_001, 5, 10), [overloaded()], (0.002, None), 1, 0
    )
    tables = ["| of profiles |", "| of the mix |", "| of the overload |", "| of targets |"]
    new = section(run, *tables)
    assert [new.count(each) for each in tables] == [1] * 4 and "![" in new and "](load.svg)" in new
    assert "100 MiB before, 130 at the most, 120 at the end" in new and "at full length, with 0.0 programs" in new
    assert "at 0.25 times its length" in section(replace(run, scale=0.25), *tables)
    page = PAGE.read_text("utf-8")
    old = section_of(page, LOAD)
    assert new.startswith(f"{LOAD}\n") and old.startswith(f"{LOAD}\n") and new.endswith("\n\n")
    written = replaced(page, LOAD, new)
    assert section_of(written, LOAD) == new and replaced(written, LOAD, old) == page


def test_that_it_was_tried_before_is_told_with_what_others_took_then() -> None:
    assert "took 2; how long half of them waited before, in those that did not count, and what others had of " in (
        " ".join(told(POOR, overloaded()).split())
    )
    assert ": 300 ms and 0 %." in told(POOR, overloaded()) and "did not count" not in told(overloaded())


@pytest.mark.parametrize("status", [0, 500, 429, 503])
def test_who_was_neither_served_nor_told_when_to_come_again_counts(status: int) -> None:
    assert overloaded(Answer(BEFORE + 1, 0.1, status, False), unsent=2).failed == 3


def run(mix: Figures, seen: Overload, sql: float | None = 0.2) -> dict[tuple[str, str], bool | None]:
    profile = played("baseline", report(WELL))
    found = verdicts(LoadRun([profile], mix, [overloaded(), seen], (sql, sql), 1, 0))
    return {(line.workload, line.what): line.met for line in found}


def told(*tries: Overload) -> str:
    return section(LoadRun([], Figures(0.3, 0.2, 1_001, 5, 10), tries, (None, None), 1, 0), "", "", "", "")


def test_targets_are_met_or_missed_by_themselves() -> None:
    quick, slow = Figures(0.3, 0.2, 1_001, 5, 10), Figures(0.3, 0.2, 1_000, 5, 10)
    assert set(run(quick, overloaded()).values()) == {True}
    assert run(slow, overloaded())["the same mix", "requests/s of one process"] is False
    assert run(quick, overloaded(), 50)["all three", "SQL, P95"] is False
    assert run(quick, overloaded(), None)["all three", "SQL, P95"] is None
    late = overloaded(*[Answer(BEFORE + 1, 0.5, 200, False)] * 5, Answer(END + 1, 0.05, 503, False))
    assert {what for (_, what), met in run(quick, late).items() if not met} == {
        "P99 of what is let in",
        "neither done nor told when to come again",
    }
    assert (FACTOR, CALM) == (2, 0.5)


def test_the_picture_has_a_panel_and_three_lines_for_each_profile() -> None:
    points = [Point(0, 10, 1, 2, 3), Point(10, 120, 5, 50, 90)]
    profiles = [Played(name, 1, 1, 120, {}, 0, points) for name in ("one", "two <&>")]
    drawn = ElementTree.fromstring(draw([*profiles, Played("none", 0, 0, 0, {}, 100, [])]))  # noqa: S314 our own
    lines = [part for part in drawn if part.tag.endswith("polyline")]
    assert len(lines) == 6 and all(part.get("points", "").count(",") == 2 for part in lines)
    assert [part.text for part in drawn if part.text in ("one", "two <&>", "none")] == ["one", "two <&>", "none"]
    rates = [part for part in drawn if part.tag.endswith("polygon")]
    feet = [HEAD + PANEL, 2 * (HEAD + PANEL) + FOOT]
    assert [[heights(line, foot) for line in lines[at : at + 3]] for at, foot in ((0, feet[0]), (3, feet[1]))] == [
        [pytest.approx([value / 90 for value in of], abs=0.001) for of in ((1, 5), (2, 50), (3, 90))]
    ] * 2
    assert [heights(rate, foot) for rate, foot in zip(rates, feet, strict=True)] == [
        pytest.approx([0, 10 / 120, 1, 0], abs=0.001)
    ] * 2
    labels = [part.text for part in drawn if str(part.text).endswith((" ms", "/s"))]
    assert labels == ["0 ms", "0/s", "45 ms", "60/s", "90 ms", "120/s"] * 2


def heights(shape: ElementTree.Element, foot: float) -> list[float]:
    """Of its points above the foot of their panel, as parts of the panel's height."""
    return [(foot - float(point.partition(",")[2])) / PANEL for point in str(shape.get("points")).split()]
