"""Types for front ends, made of schema.graphql by others' programs, hold in TypeScript; docs/frontend.md shows them."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.fixtures.node import CLIENTS, find_node

TYPED = CLIENTS / "typed"
GUIDE = Path(__file__).parents[2] / "docs" / "frontend.md"
SAMPLES = [TYPED / client / "features.ts" for client in ("apollo", "urql", "relay")]
ERROR = re.compile(r"^(\w+)/features\.ts\(\d+,\d+\): error (TS\d+)", re.MULTILINE)


@pytest.fixture(scope="module")
def generated() -> None:
    done = subprocess.run(
        [find_node(), TYPED / "generate.mjs"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def type_errors() -> list[tuple[str, str]]:
    """By client, with TypeScript's number."""
    compiler = CLIENTS / "node_modules" / "typescript" / "bin" / "tsc"
    done = subprocess.run(
        [find_node(), compiler, "-p", "tsconfig.json"],
        cwd=TYPED,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    found = ERROR.findall(done.stdout)
    assert bool(found) == bool(done.returncode), done.stdout
    return found


def test_samples_of_apollo_urql_and_relay_have_the_types_of_the_schema(generated: None) -> None:
    """What must not compile is marked in them, and would be told of if it did."""
    assert type_errors() == []


def test_every_sample_marks_what_must_not_compile() -> None:
    for sample in SAMPLES:
        assert sample.read_text("utf-8").count("@ts-expect-error") >= 3, sample


def test_guide_shows_what_is_tested() -> None:
    samples = "\n".join(sample.read_text("utf-8") for sample in SAMPLES)
    shown = re.findall(r"^```ts\n(.*?)^```", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(shown) == 5
    assert [block for block in shown if block not in samples] == []
