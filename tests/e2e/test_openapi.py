"""The server against its own OpenAPI document: schemathesis makes requests of it, and holds the answers to it."""

import os
import subprocess
import sys
from pathlib import Path

from tests.fixtures.server import Server, free_port, serving

BOUNDS = Path(__file__).with_name("schemathesis.toml")
LIMITS = ("USER_REQUESTS", "REST_GET_LIMIT", "REST_POST_LIMIT", "REST_PUT_LIMIT", "REST_DELETE_LIMIT")


def test_schemathesis_finds_nothing(server: Server, tmp_path: Path) -> None:
    """What it leaves out, and why, is in schemathesis.toml."""
    plenty = {**dict.fromkeys(LIMITS, "1000000"), "ACTIVE_FEATURE_LIMIT": "1000000"}
    with serving({**server.environment, **plenty, "PORT": str(free_port())}) as url:
        command = ["-m", "schemathesis.cli", "--config-file", str(BOUNDS), "run", f"{url}/openapi.json", "--checks=all"]
        environment = {**os.environ, "TOKEN": server.token("manager"), "PYTHONPATH": str(BOUNDS.parent)}
        found = subprocess.run(
            [sys.executable, *command],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
    assert found.returncode == 0, found.stdout[-20_000:] + found.stderr
    assert "Tested: 26" in found.stdout
