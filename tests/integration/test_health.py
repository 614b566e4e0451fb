"""Health and metrics: what a probe learns when all is well and when each thing that the server needs is away."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from app.wiring import Wiring
from tests.fixtures.http import ADMIN, NAME
from tests.fixtures.lifespan import started
from tests.fixtures.server import free_port
from tests.fixtures.servers import Servers
from tests.fixtures.world import World, settings_for

WELL = {"database": "ok", "migrations": "ok", "redis": "ok"}


@asynccontextmanager
async def elsewhere(app_url: str, redis_url: str, folder: Path, **given: Any) -> AsyncIterator[httpx.AsyncClient]:
    """The application with its servers at those addresses."""
    wiring = Wiring(settings_for(app_url, redis_url, folder, **given))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(create_app(wiring)), base_url="http://test") as client:
        yield client
    await wiring.close()


async def look(client: httpx.AsyncClient, path: str) -> tuple[int, object]:
    response = await client.get(path)
    assert response.headers["cache-control"] == "no-store"
    return response.status_code, response.json()


async def test_all_is_well(world: World) -> None:
    assert await look(world.client, "/health/live") == (200, {"status": "ok"})
    assert world.statements == []  # a server whose database is away is not to be restarted
    assert await look(world.client, "/health/ready") == (200, {"status": "ok", "checks": WELL})
    assert await look(world.client, "/health") == (200, {"status": "ok", "checks": WELL})


async def test_startup_is_over_when_the_application_has_started(world: World, collector: None) -> None:
    app = create_app(world.wiring)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        assert await look(client, "/health/startup") == (503, {"status": "starting"})
        async with started(app):
            assert await look(client, "/health/startup") == (200, {"status": "ok"})
    assert world.wiring.database.pool.open == 0  # closed with the application


async def test_without_postgresql_the_server_lives_and_is_not_ready(
    app_url: str, servers: Servers, tmp_path: Path
) -> None:
    away = app_url.replace(app_url.rsplit(":", 1)[1].split("/")[0], str(free_port()))
    checks = {"database": "failed", "migrations": "failed", "redis": "ok"}
    async with elsewhere(away, servers.redis_url, tmp_path) as client:
        assert await look(client, "/health/live") == (200, {"status": "ok"})
        assert await look(client, "/health/ready") == (503, {"status": "unavailable", "checks": checks})
        assert await look(client, "/health") == (200, {"status": "unavailable", "checks": checks})


async def test_without_redis_the_server_is_degraded_and_ready(app_url: str, tmp_path: Path) -> None:
    checks = {"database": "ok", "migrations": "ok", "redis": "failed"}
    async with elsewhere(app_url, f"redis://127.0.0.1:{free_port()}/0", tmp_path) as client:
        assert await look(client, "/health/ready") == (200, {"status": "degraded", "checks": checks})
        assert await look(client, "/health") == (200, {"status": "degraded", "checks": checks})


async def test_with_the_wrong_redis_password_the_server_is_degraded(
    app_url: str, servers: Servers, tmp_path: Path
) -> None:
    port = servers.redis_url.rsplit(":", 1)[1]
    async with elsewhere(app_url, f"redis://:wrong@127.0.0.1:{port}", tmp_path) as client:
        status, body = await look(client, "/health/ready")
    assert (status, body) == (200, {"status": "degraded", "checks": {**WELL, "redis": "failed"}})


async def test_without_the_newest_migration_the_server_is_not_ready(world: World) -> None:
    checks = {**WELL, "migrations": "failed"}
    newest = await world.owner.fetchval("SELECT version_num FROM alembic_version")
    await world.owner.execute("UPDATE alembic_version SET version_num = '0001'")
    assert await look(world.client, "/health/ready") == (503, {"status": "unavailable", "checks": checks})
    await world.owner.execute("DELETE FROM alembic_version")
    assert await look(world.client, "/health/ready") == (503, {"status": "unavailable", "checks": checks})
    await world.owner.execute("INSERT INTO alembic_version VALUES ($1)", newest)
    assert await look(world.client, "/health/ready") == (200, {"status": "ok", "checks": WELL})


async def test_servers_that_never_answer_fail_their_check(
    app_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.web.health.TIMEOUT", 0.2)
    silent = socket.create_server(("127.0.0.1", 0))  # the kernel takes connections, nobody reads from them
    port = silent.getsockname()[1]
    mute = app_url.replace(app_url.rsplit(":", 1)[1].split("/")[0], str(port))
    async with elsewhere(mute, f"redis://127.0.0.1:{port}", tmp_path, database_connect_timeout=60) as client:
        checks = dict.fromkeys(WELL, "failed")
        async with asyncio.timeout(30):  # half of what a connect may take by itself
            found = await look(client, "/health/ready")
        assert found == (503, {"status": "unavailable", "checks": checks})
        assert await look(client, "/health/live") == (200, {"status": "ok"})
    silent.close()


async def samples(world: World) -> dict[str, dict[tuple[str, ...], float]]:
    """Values by series and by the values of their labels, `le` left out."""
    response = await world.client.get("/metrics")
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            labels = tuple(value for name, value in sorted(sample.labels.items()) if name != "le")
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


async def test_requests_are_counted_by_labels_that_no_client_can_multiply(world: World) -> None:
    for path in (
        "/",
        "/graphql/",
        "/nowhere",
        "/static/x.js",
        "/health/nowhere",
        '/"',
        "/%00",
        "/Graphql",
        "/metrics/x",
    ):
        await world.client.get(path)
    for method in ("BREW", "X" * 1000, "brew"):
        await world.client.request(method, "/graphql")
    assert (await world.post({"query": NAME})).json() == ADMIN
    await world.post({"query": NAME}, authorization="Basic x")

    found = await samples(world)
    expected = {
        ("GET", "other", "404"): 9.0,
        ("other", "/graphql", "405"): 3.0,
        ("POST", "/graphql", "200"): 1.0,
        ("POST", "/graphql", "401"): 1.0,
    }
    assert found["http_requests_total"] == expected
    assert found["http_request_duration_seconds_count"] == expected
    assert all(0 < seconds < 60 for seconds in found["http_request_duration_seconds_sum"].values())
    assert (await samples(world))["http_requests_total"] == {**expected, ("GET", "/metrics", "200"): 1.0}


async def test_statements_are_timed_by_their_names(world: World) -> None:
    world.wiring.database.observe = world.wiring.observing.statement
    for word in ("alpha", "beta", "gamma"):
        await world.data("query($f: FeatureFilter) { features(filter: $f) { nodes { id } } }", filter={"search": word})
        await world.data(f'{{ features(filter: {{search: "{word}"}}, first: {len(word)}) {{ nodes {{ id }} }} }}')

    found = await samples(world)
    assert found["database_query_duration_seconds_count"] == {("user.role",): 1.0, ("feature.page",): 6.0}
    assert found["database_connections"] == {("app", "lent"): 0.0, ("app", "open"): 1.0, ("app", "max"): 16.0}
    assert found["database_connection_waiters"] == {("app",): 0.0}


async def test_statement_that_fails_is_timed_as_well(world: World) -> None:
    world.wiring.database.observe = world.wiring.observing.statement
    await world.owner.execute("ALTER TABLE alembic_version RENAME TO moved")
    assert (await world.client.get("/health/ready")).status_code == 503
    assert (await samples(world))["database_query_duration_seconds_count"] == {("migrations.applied",): 2.0}
