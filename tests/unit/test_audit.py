"""What `make audit` says, and how it ends: what could not be asked about is never passed off as good."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests import audit

CLEAN: Mapping[str, Any] = {
    "bandit": {"results": []},
    "pip-audit": {"dependencies": [{"name": "a", "version": "1", "vulns": []}]},
    "npm": {"vulnerabilities": {}},
}
NEW = {"filename": "app/x.py", "line_number": 7, "test_id": "B608", "issue_text": "SQL"}
ACCEPTED = {**NEW, "filename": "app/db/seed.py"}
WEAK = {"name": "b", "version": "2", "vulns": [{"id": "CVE-1", "fix_versions": ["3"]}]}
UNASKED = {"name": "c", "skip_reason": "Could not be reached"}


@pytest.mark.parametrize(
    ("told", "status", "strictly", "says"),
    [
        ({}, 0, 0, "pip-audit: 0 vulnerabilities in 1 packages; 0 not known"),
        ({"bandit": {"results": [ACCEPTED]}}, 0, 0, "bandit: nothing new"),
        ({"bandit": {"results": [NEW]}}, 1, 1, "app/x.py:7 B608 SQL"),
        ({"bandit": None}, 1, 1, "bandit: it did not run"),
        ({"pip-audit": {"dependencies": [WEAK]}}, 1, 1, "b 2: CVE-1, fixed in ['3']"),
        ({"pip-audit": {"dependencies": [WEAK, UNASKED]}}, 1, 1, "1 vulnerabilities in 1 packages; 1 not known"),
        ({"pip-audit": {"dependencies": [UNASKED]}}, 0, 2, "could be asked about: Python packages."),
        ({"pip-audit": None}, 0, 2, "could be asked about: Python packages."),
        ({"npm": None}, 0, 2, "could be asked about: npm packages of web."),
        ({"npm": {"error": "away"}}, 0, 2, "could be asked about: npm packages of web."),
        ({"npm": {"vulnerabilities": {"d": {"severity": "high"}}}}, 1, 1, "d: high"),
        ({"pip-audit": None, "npm": None}, 0, 2, "about: Python packages, npm packages of web."),
        ({"pip-audit": None, "bandit": {"results": [NEW]}}, 1, 1, "NOT KNOWN"),
    ],
)
def test_it_ends_well_only_where_nothing_bad_was_found_and_strictly_where_all_is_known(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    told: Mapping[str, Any],
    status: int,
    strictly: int,
    says: str,
) -> None:
    def answer(command: Sequence[str | Path]) -> Any:
        return {**CLEAN, **told}[Path(command[0]).name]

    monkeypatch.setattr(audit, "_json", answer)
    assert (audit.main(strict=False), audit.main(strict=True)) == (status, strictly)
    out = capsys.readouterr().out
    assert says in out
    assert ("NOT KNOWN" in out) == (strictly == 2 or says == "NOT KNOWN")
