"""An API token against the server as a process in production mode: it works, and no line of the log ever holds it."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from joserfc.jwk import KeySet, OKPKey

from app.auth.tokens import Tokens
from app.kernel.clock import new_id, utc_now
from app.kernel.ids import UserId, global_id
from app.kernel.secret import make_secret
from tests.fixtures.database import drop, execute, in_database
from tests.fixtures.server import PLAIN, ROOT, free_port, wait_until_ready
from tests.fixtures.servers import Servers
from tests.fixtures.tokens import draft
from tests.fixtures.writes import document


def test_a_token_works_in_production_and_is_in_no_line_of_the_log(
    servers: Servers, template: str, tmp_path: Path
) -> None:
    name, port, user_id = f"tokens_{uuid4().hex}", free_port(), UserId(new_id())
    execute(servers.owner_url, f"CREATE DATABASE {name} TEMPLATE {template}")
    owner_url = in_database(servers.owner_url, name)
    execute(owner_url, f"INSERT INTO users (id, name, role, created_at) VALUES ('{user_id}', 'ci', 'ADMIN', now())")
    key = OKPKey.generate_key("Ed25519", auto_kid=True)
    jwt = Tokens(KeySet([key]), "feature-api", "feature-api").mint(user_id, utc_now(), timedelta(hours=1))
    environment = {
        **os.environ,
        "ENVIRONMENT": "production",
        "DATABASE_URL": in_database(servers.app_url, name),
        "REDIS_URL": servers.redis_url,
        "JWT_KEYS": json.dumps(KeySet([key]).as_dict(private=False)),
        "LOG_LEVEL": "debug",
        "LOG_FORMAT": "json",
        "PORT": str(port),
    }
    log, url = tmp_path / "server.log", f"http://127.0.0.1:{port}"
    with log.open("w") as stream:
        command = [sys.executable, "-m", "app", "serve"]
        process = subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stderr=stream)
        try:
            wait_until_ready(url, process)
            secrets = used(url, jwt, user_id)
            process.send_signal(signal.SIGTERM)  # writes last uses, too
            process.wait(120)
            assert_kept(owner_url)
        finally:
            process.kill()
            process.wait(120)
            drop(servers, name)
    text = log.read_text()
    events = [line for line in map(json.loads, text.splitlines()) if line["event"] == "security event"]
    assert [event["kind"] for event in events] == ["TOKEN_CREATED", "TOKEN_REVOKED"]
    assert len(secrets) == 3
    for secret in secrets:
        assert secret not in text and secret[12:40] not in text


def used(url: str, jwt: str, user_id: UserId) -> list[str]:
    """The texts that were sent or answered."""

    def send(bearer: str, query: str, variables: dict[str, Any] | None = None) -> httpx.Response:
        headers = {"authorization": f"Bearer {bearer}"}
        return httpx.post(
            f"{url}/graphql", json={"query": query, "variables": variables}, headers=headers, timeout=60, verify=PLAIN
        )

    input = draft(kind="SERVICE", userId=global_id("User", user_id), scopes=["FEATURES_CREATE", "TOKENS_OWN"])
    answer = send(jwt, document("createApiToken"), {"input": input}).json()["data"]["createApiToken"]
    secret = answer["secret"]
    assert send(secret, document("createFeature"), {"input": {"name": "by CI"}}).json()["data"]["createFeature"]
    assert send(secret, "{ features { totalCount } }").json() == {"data": {"features": {"totalCount": 0}}}
    unknown, cut = make_secret("p", b"\1" * 32), secret[:-1]
    for bad in (unknown, cut):
        refused = send(bad, "{ __typename }")
        assert refused.status_code == 401 and bad not in refused.text
    assert send(secret, secret).status_code == 200  # a document that does not parse
    assert send(secret, document("revokeApiToken"), {"input": {"id": secret}}).json()["errors"]
    revoked = send(secret, document("revokeApiToken"), {"input": {"id": answer["apiToken"]["id"]}}).json()
    assert revoked["data"]["revokeApiToken"]["apiToken"]["revokedAt"]
    return [secret, unknown, cut]


def assert_kept(owner_url: str) -> None:
    """The last use was written when the process ended."""
    execute(
        owner_url,
        "DO $$ BEGIN ASSERT (SELECT last_used_at BETWEEN created_at AND now() FROM api_tokens), 'not used'; END $$",
    )
