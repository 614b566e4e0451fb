"""`make audit`: dangerous calls in our code, and known vulnerabilities in what we depend on.

The first needs nothing. The second asks PyPI and npm; what they could not be asked about is listed as not known, which
is neither good nor bad, and does not fail.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
TOOLS = Path(sys.executable).parent
REQUIREMENTS = "requirements/run.txt"
PAGES = ("web",)
PATIENCE = 300  # seconds for each tool

# What bandit finds of middle severity or more, and why it may stay.
ACCEPTED: Mapping[tuple[str, str], str] = {
    ("app/db/seed.py", "B608"): "the pieces of SQL are constants of the file",
    ("app/embedded/home.py", "B108"): "folders that their user must enter, and that nobody else may",
    ("app/engine/leaf.py", "B102"): "the generated code is built of names that the schema has checked",
}


def main() -> int:
    failed = [check() for check in (our_code, packages, pages)]
    return int(any(failed))


def our_code() -> bool:
    found = _json([TOOLS / "bandit", "--quiet", "--recursive", "--severity-level", "medium", "-f", "json", "app"])
    if found is None:
        return _say("bandit: it did not run", True)
    new = [
        f"{result['filename']}:{result['line_number']} {result['test_id']} {result['issue_text']}"
        for result in found["results"]
        if (result["filename"], result["test_id"]) not in ACCEPTED
    ]
    return _say(f"bandit: {len(new) or 'nothing'} new in app/", bool(new), new)


def packages() -> bool:
    command: list[str | Path] = [
        TOOLS / "pip-audit",
        "--require-hashes",
        "--disable-pip",
        "--progress-spinner",
        "off",
        "-f",
        "json",
    ]
    found = _json([*command, "--vulnerability-service", "pypi", "-r", REQUIREMENTS])
    if found is None:
        return _say("pip-audit: PyPI could not be asked: nothing is known of the packages", False)
    known = [package for package in found["dependencies"] if "skip_reason" not in package]
    bad = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {vulnerability['fix_versions']}"
        for package in known
        for vulnerability in package["vulns"]
    ]
    unknown = len(found["dependencies"]) - len(known)
    return _say(
        f"pip-audit: {len(bad)} vulnerabilities; {len(known)} packages asked, {unknown} not known", bool(bad), bad
    )


def pages() -> bool:
    failed = False
    for page in PAGES:
        found = _json(["npm", "--prefix", page, "audit", "--omit=dev", "--json"])
        if found is None or "vulnerabilities" not in found:
            _say(f"npm audit: {page}: the registry could not be asked: nothing is known of its packages", False)
            continue
        bad = [f"{name}: {about['severity']}" for name, about in found["vulnerabilities"].items()]
        failed |= _say(f"npm audit: {page}: {len(bad)} vulnerable packages", bool(bad), bad)
    return failed


def _json(command: Sequence[str | Path]) -> Any:
    """None where it did not run, or said something else."""
    path = f"{os.environ['PATH']}{os.pathsep}{TOOLS}{os.pathsep}{ROOT / '.venv' / 'bin'}"
    try:
        done = subprocess.run(
            command, cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, timeout=PATIENCE, check=False
        )
        return json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def _say(line: str, failed: bool, details: Sequence[str] = ()) -> bool:
    sys.stdout.write("\n  ".join((line, *details)) + "\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
