"""What CI runs is what a contributor runs, by actions of others that cannot change under us."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40}")


def jobs() -> dict[str, Any]:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
    assert workflow["permissions"] == {"contents": "read"}
    found: dict[str, Any] = workflow["jobs"]
    return found


def test_every_action_is_pinned_to_a_commit_and_leaves_no_credentials() -> None:
    used = [step for job in jobs().values() for step in job["steps"] if "uses" in step]
    assert [step["uses"] for step in used if not PINNED.fullmatch(step["uses"])] == []
    checkouts = [step for step in used if step["uses"].startswith("actions/checkout@")]
    assert len(checkouts) == 2 and all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_text_of_a_pull_request_becomes_a_part_of_a_script() -> None:
    scripts = [step["run"] for job in jobs().values() for step in job["steps"] if "run" in step]
    assert [script for script in scripts if "${{" in script] == []


def test_workflow_runs_what_a_contributor_runs_and_both_contracts_are_compared() -> None:
    assert ".ci/run" in [step.get("run") for step in jobs()["test"]["steps"]]
    last = jobs()["contract"]["steps"][-1]
    assert last["run"].count("for contract in schema openapi; do") == 2 and "origin/" in last["env"]["AGAINST"]
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    assert "for contract in schema.graphql openapi.json; do" in run and "tests/golden/released/$contract" in run
