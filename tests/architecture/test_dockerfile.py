"""The Dockerfile by its linter, and what its build may see; the image itself is tried by `make image-test`."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()


def test_dockerfile_has_no_lint() -> None:
    program = Path(sys.executable).with_name("hadolint")
    found = subprocess.run([program, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_base_is_pinned_and_packages_are_taken_by_their_hashes() -> None:
    assert re.search(r"^ARG BASE=\S+:[0-9.]+-slim@sha256:[0-9a-f]{64}$", TEXT, re.MULTILINE)
    assert set(re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE)) == {"${BASE}", "packages"}
    installs = re.findall(r"pip(?: --python \S+)? install[^&]+", TEXT)
    assert len(installs) == 3 and all("--require-hashes" in one for one in installs)


def test_image_runs_as_a_number_and_never_as_root() -> None:
    assert re.findall(r"^USER (.+)$", TEXT, re.MULTILINE) == ["10001:10001"]
    last = TEXT.rpartition("FROM ${BASE}")[2]
    assert "USER" in last and "HEALTHCHECK" in last and "STOPSIGNAL SIGTERM" in last


def test_build_sees_what_it_needs_and_no_more() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    wanted = {line[1:] for line in lines if line.startswith("!")}
    assert all((ROOT / path).exists() for path in wanted)
    copied = {path for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE) for path in line.split()[:-1]}
    assert {path.rstrip("/") for path in copied if not path.startswith("--")} == wanted
