"""REST against the server as a process: the caller of old, the guide's examples, and what HTTP itself does."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.fixtures.server import PLAIN, ROOT, Server, feature_api, free_port, serving

CALLER = Path(__file__).with_name("legacy_caller.py")
GUIDE = ROOT / "docs" / "rest.md"


def test_caller_of_old_works_unchanged(server: Server) -> None:
    command = [sys.executable, str(CALLER), server.url, server.token("manager")]
    found = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert found.returncode == 0, found.stderr


def test_examples_of_the_guide_do_what_it_says(server: Server, tmp_path: Path) -> None:
    """All of its shell blocks, one after the other in one shell: each `# 201` is the status of the curl above it."""
    blocks = re.findall(r"```sh\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    expected = re.findall(r"# (\d{3})\b", "".join(blocks))
    assert len(expected) > 10
    script = "set -eu\n" + "".join(blocks)
    environment = {**os.environ, "URL": server.url, "TOKEN": server.token("manager")}
    found = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120
    )
    assert found.returncode == 0, found.stderr
    assert re.findall(r"^HTTP/1.1 (\d{3})", found.stdout, re.MULTILINE) == expected


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_head_options_and_not_modified_have_no_body_and_the_connection_goes_on(server: Server, version: str) -> None:
    headers = {"authorization": f"Bearer {server.token('admin')}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60, verify=PLAIN) as client:
        path = f"/api/{version}/features"
        made = client.post(path, json={"name": f"head of {version}"})
        one = made.headers["location"]
        for _ in range(2):
            head, got = client.head(one), client.get(one)
            assert (head.status_code, head.content) == (200, b"")
            assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content))
            known = client.get(one, headers={"if-none-match": got.headers["etag"]})
            assert (known.status_code, known.content) == (304, b"")
            options = client.options(one)
            assert (options.status_code, options.content) == (204, b"")
        assert client.delete(one, headers={"if-match": "*"}).content == b""
        assert client.get(one).status_code == 404


def test_path_is_decoded_once_and_never_into_another_path(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.token('admin')}"}
    for path in ("/api/v1/features%2F", "/api/v1/features/%252e", "/api/v1/features/a%0d%0ab", "/api/v1/features/%ff"):
        answer = httpx.get(f"{server.url}{path}", headers=headers, timeout=60, verify=PLAIN)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_report_names_who_called_v1_once_the_server_has_ended(server: Server) -> None:
    headers = {"authorization": f"Bearer {server.token('manager')}"}
    with serving({**server.environment, "PORT": str(free_port())}) as url:
        for _ in range(3):
            assert httpx.head(f"{url}/api/v1/features", headers=headers, timeout=60, verify=PLAIN).status_code == 200
    found = feature_api(server.environment, "legacy-report", "--days", "2")
    assert found.returncode == 0, found.stderr
    assert re.search(r"^\S+Z +\d+  .+ <.+>  .*HEAD /api/v1/features", found.stdout, re.MULTILINE), found.stdout
