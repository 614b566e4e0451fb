"""The contracts on imports hold, and each of them catches a violation that is planted in a copy of the code."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LONGEST = 250  # lines of a file
PLANTED: Mapping[str, tuple[str, str]] = {  # by contract: (the module that must not, what it imports)
    "Layers: each may import what stands below it; a new module must take its place": (
        "app.schema.feature",
        "app.resolvers.root",
    ),
    "Acts of the command line: the server, what compares, what is on its own": (
        "app.commands.against",
        "app.commands.serving",
    ),
    "The engine knows nothing of features": ("app.engine.limits", "app.domain.feature.model"),
    "Slices lean one way: feature on audit, audit on user": ("app.domain.user.rules", "app.domain.feature.model"),
    "Inside a slice: service, ports, rules and events, model": (
        "app.domain.feature.model",
        "app.domain.feature.service",
    ),
    "Only db/ speaks to PostgreSQL": ("app.web.health", "asyncpg"),
    "Domain and kernel know no framework": ("app.kernel.page", "starlette"),
    "What clients reach gets to data through services": ("app.resolvers.user", "app.db.user"),
    "REST does not lean on GraphQL": ("app.rest.endpoint", "strawberry"),
    "Settings are read by the entry points alone": ("app.auth.tokens", "app.config"),
}


def lint(folder: Path) -> tuple[int, str]:
    """(status, report); every line of the code is read anew."""
    program = Path(sys.executable).with_name("lint-imports")
    found = subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False)
    return found.returncode, found.stdout + found.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code alone, with its contracts."""
    shutil.copytree(ROOT / "app", tmp_path / "app", ignore=shutil.ignore_patterns("static", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def section(report: str, contract: str) -> str:
    """What the report says of a broken contract."""
    _, _, rest = report.partition(f"\n{contract}\n{'-' * len(contract)}\n")
    return re.split(r"\n[^\n]+\n-+\n", rest)[0]


def test_every_contract_has_a_violation_planted_here() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert [contract["name"] for contract in project["tool"]["importlinter"]["contracts"]] == list(PLANTED)


def test_code_keeps_every_contract() -> None:
    status, report = lint(ROOT)
    assert status == 0, report
    assert f"Contracts: {len(PLANTED)} kept, 0 broken." in report


def test_planted_violation_of_each_contract_is_caught(copy: Path) -> None:
    for module, imported in PLANTED.values():
        file = copy.joinpath(*module.split(".")).with_suffix(".py")
        file.write_text(f"{file.read_text()}\nimport {imported}\n")
    status, report = lint(copy)
    assert status == 1
    assert f"Contracts: 0 kept, {len(PLANTED)} broken." in report
    for contract, (module, imported) in PLANTED.items():
        assert f"{module} -> {imported} (l." in section(report, contract), (contract, report)


def test_new_module_without_a_place_is_caught(copy: Path) -> None:
    (copy / "app" / "newcomer.py").write_text('"""Nobody said where it stands."""\n')
    status, report = lint(copy)
    assert status == 1
    assert f"Contracts: {len(PLANTED) - 1} kept, 1 broken." in report
    assert "newcomer" in section(report, next(iter(PLANTED)))


def test_no_file_is_longer_than_one_idea_may_be() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in (ROOT / "app").rglob("*.py")}
    assert len(lengths) > 100
    assert {file: length for file, length in lengths.items() if length > LONGEST} == {}
