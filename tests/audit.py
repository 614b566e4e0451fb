"""`make audit`: dangerous calls in our code, and known vulnerabilities in what we depend on.

The first needs nothing. The second asks PyPI and npm. What they could not be asked about is said to be not known at the
end, which is neither good nor bad. Status 0: nothing bad was found; 1: something was, or our own code could not be
looked at; 2, with --strict alone: nothing bad, but something is not known.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

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


type Verdict = Literal["good", "bad", "not known"]


def main(strict: bool) -> int:
    found = {
        "our code": our_code(),
        "Python packages": packages(),
        **{f"npm packages of {page}": npm(page) for page in PAGES},
    }
    unknown = [what for what, verdict in found.items() if verdict == "not known"]
    if unknown:
        _say(f"NOT KNOWN: no database of vulnerabilities could be asked about: {', '.join(unknown)}.")
        _say("This run says nothing about them; run it where PyPI and npm can be reached.")
    if "bad" in found.values():
        return 1
    return 2 if unknown and strict else 0


def our_code() -> Verdict:
    found = _json([TOOLS / "bandit", "--quiet", "--recursive", "--severity-level", "medium", "-f", "json", "app"])
    if found is None:
        return _say("bandit: it did not run", "bad")
    new = [
        f"{result['filename']}:{result['line_number']} {result['test_id']} {result['issue_text']}"
        for result in found["results"]
        if (result["filename"], result["test_id"]) not in ACCEPTED
    ]
    return _say(f"bandit: {len(new) or 'nothing'} new in app/", _verdict(new), new)


def packages() -> Verdict:
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
        return _say("pip-audit: PyPI could not be asked: nothing is known of the packages", "not known")
    known = [package for package in found["dependencies"] if "skip_reason" not in package]
    bad = [
        f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {vulnerability['fix_versions']}"
        for package in known
        for vulnerability in package["vulns"]
    ]
    unknown = len(found["dependencies"]) - len(known)
    if not known:
        return _say(f"pip-audit: PyPI could tell of none of {unknown} packages", "not known")
    line = f"pip-audit: {len(bad)} vulnerabilities in {len(known)} packages; {unknown} not known"
    return _say(line, "bad" if bad else "not known" if unknown else "good", bad)


def npm(page: str) -> Verdict:
    found = _json(["npm", "--prefix", page, "audit", "--omit=dev", "--json"])
    if found is None or "vulnerabilities" not in found:
        return _say(
            f"npm audit: {page}: the registry could not be asked: nothing is known of its packages", "not known"
        )
    bad = [f"{name}: {about['severity']}" for name, about in found["vulnerabilities"].items()]
    return _say(f"npm audit: {page}: {len(bad)} vulnerable packages", _verdict(bad), bad)


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


def _verdict(bad: Sequence[str]) -> Verdict:
    return "bad" if bad else "good"


def _say(line: str, verdict: Verdict = "good", details: Sequence[str] = ()) -> Verdict:
    sys.stdout.write("\n  ".join((line, *details)) + "\n")
    return verdict


if __name__ == "__main__":
    sys.exit(main("--strict" in sys.argv[1:]))
