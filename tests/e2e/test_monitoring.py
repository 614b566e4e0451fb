"""Alerts, dashboard and run book: of the metrics that a server really has, and of each other (R67)."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.fixtures.database import execute
from tests.fixtures.production import Production
from tests.fixtures.promtool import check_expressions, promtool
from tests.fixtures.server import PLAIN, ROOT, free_port

OPS = ROOT / "ops" / "prometheus"
RULES = yaml.safe_load((OPS / "feature-api.rules.yml").read_text())["groups"][0]["rules"]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
DASHBOARD = json.loads((ROOT / "ops" / "grafana" / "feature-api.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^ *```{language}\n(.*?)```", RUNBOOK, re.MULTILINE | re.DOTALL)


OPERATORS = {"by", "and", "or", "on", "unless", "bool", "without", "ignoring", "offset"}
OURS = {"up", "cache_hit_ratio"}  # Prometheus's own; and what a rule records
LABELS = {"job", "instance", "le"}  # that Prometheus adds, or a histogram


@pytest.fixture(scope="module")
def families(production: Production) -> dict[str, set[str]]:
    """The labels of each series that a server has, of those that have some; all names."""
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}"}
    with production.serving(**collector) as serving:
        serving.ask("query Named { features { nodes { owner { name } auditEntries { totalCount } } } }", "admin")
        serving.ask("{ nothing }", "admin")
        text = httpx.get(f"{serving.url}/metrics", trust_env=False, timeout=60, verify=PLAIN).text
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(text):
        ends = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(family.type, ("",))
        for end in ends:
            found.setdefault(family.name + end, set())
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


def filled(expression: str) -> str:
    return re.sub(r"\$__rate_interval", "5m", expression).replace("$job", ".*")


def expressions() -> list[str]:
    shown = [filled(target["expr"]) for panel in PANELS for target in panel["targets"]]
    return [*shown, *(rule["expr"] for rule in RULES)]


def bare(expression: str) -> str:
    """Without comments, strings and ranges."""
    text = re.sub(r"#.*", "", expression)
    return re.sub(r"\[[^\]]*\]", "", re.sub(r'"[^"]*"', '""', text))


def names(expression: str) -> set[str]:
    text = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", re.sub(r"\{[^}]*\}", "", bare(expression)))
    return set(re.findall(r"\b[a-z_:][a-z0-9_:]*\b(?!\s*\()", text)) - OPERATORS


def labels(expression: str) -> set[str]:
    text = bare(expression)
    grouped = re.findall(r"\bby\s*\(([^)]*)\)", text)
    matched = re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", " ".join(re.findall(r"\{([^}]*)\}", text)))
    return {label.strip() for group in grouped for label in group.split(",")} | set(matched)


def test_alerts_come_when_they_shall_and_not_otherwise() -> None:
    promtool("test", "rules", *sorted(OPS.glob("*.test.yml")))


def test_every_alert_is_tested() -> None:
    tested = "".join(path.read_text() for path in OPS.glob("*.test.yml"))
    assert {name for name in ALERTS if f"alertname: {name}\n" not in tested} == set()


def test_expressions_are_ones() -> None:
    assert len(expressions()) > 30
    check_expressions(expressions())


@pytest.mark.parametrize("expression", expressions())
def test_expression_asks_for_what_the_server_has(families: dict[str, set[str]], expression: str) -> None:
    found = names(expression)
    assert found and found - families.keys() - OURS == set()
    known = LABELS.union(*(families.get(name, set()) for name in found))
    if all(families.get(name) for name in found):  # a child is there only once something happened
        assert labels(expression) - known == set()


def test_every_alert_has_its_section_and_names_it() -> None:
    sections = re.findall(r"^## (FeatureApi\w+)$", RUNBOOK, re.MULTILINE)
    assert sections == list(ALERTS)
    for name, rule in ALERTS.items():
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{name.lower()}"
        assert rule["annotations"]["summary"] and rule["labels"]["severity"] in ("critical", "warning")


def test_queries_of_the_run_book_are_ones(families: dict[str, set[str]]) -> None:
    asked = [line for block in _blocks("promql") for line in block.splitlines()]
    assert len(asked) >= 7
    check_expressions(asked)
    assert {name for line in asked for name in names(line)} <= families.keys()


@pytest.mark.parametrize("statement", _blocks("sql"))
def test_statement_of_the_run_book_is_one(production: Production, statement: str) -> None:
    execute(production.owner_url, statement)


def test_panels_have_what_grafana_needs_and_do_not_overlap() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    cells: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        for cell in _cells(panel["gridPos"]):
            assert cells.setdefault(cell, panel["title"]) == panel["title"]
    for panel in PANELS:
        assert panel["fieldConfig"]["defaults"]["unit"] and panel["targets"]
        assert {target["datasource"]["uid"] for target in panel["targets"]} == {"${datasource}"}


def _cells(at: dict[str, Any]) -> Iterator[tuple[int, int]]:
    assert at["x"] + at["w"] <= 24
    for x in range(at["x"], at["x"] + at["w"]):
        for y in range(at["y"], at["y"] + at["h"]):
            yield x, y
