"""Documents that clients register themselves: Apollo's persisted queries, and the draft's `documentId`."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.adapters.documents import KEY, LONGEST, RegisteredDocuments
from tests.fixtures.endpoint import LEGACY, MODERN, get, hash_of, persisted, refusal, world_with
from tests.fixtures.server import free_port
from tests.fixtures.servers import Servers
from tests.fixtures.world import CREATE, World

NOT_FOUND = (404, "PERSISTED_QUERY_NOT_FOUND")


@pytest.fixture
def text(world: World) -> str:
    """A document that no server has seen yet."""
    return f"# {world.users['admin']}\n{{ viewer {{ name }} }}"


@pytest.fixture
async def redis(servers: Servers) -> AsyncIterator[Redis]:
    connected = Redis.from_url(servers.redis_url)
    yield connected
    await connected.aclose()


def by_hash(text: str) -> dict[str, object]:
    return {"extensions": persisted(text)}


def with_text(text: str) -> dict[str, object]:
    return {"query": text, **by_hash(text)}


def counted(world: World, outcome: str) -> float | None:
    return world.wiring.observing.registry.get_sample_value(
        "feature_api_registered_documents_total", {"outcome": outcome}
    )


async def test_document_is_asked_for_then_told_then_known(world: World, text: str) -> None:
    assert refusal(await world.post(by_hash(text), accept=MODERN)) == NOT_FOUND
    assert refusal(await world.post(by_hash(text), accept=LEGACY)) == (200, NOT_FOUND[1])
    told = await world.post(with_text(text))
    assert told.json() == {"data": {"viewer": {"name": "admin"}}}
    for body in (by_hash(text), {"documentId": f"sha256:{hash_of(text)}"}, {"documentId": hash_of(text)}):
        assert (await world.post(body)).json() == told.json()
    assert counted(world, "registered") == 1
    assert counted(world, "memory") == 3
    assert counted(world, "missing") == 2


async def test_other_processes_know_it_too_for_as_long_as_the_setting_says(
    world: World, text: str, redis: Redis
) -> None:
    await world.post(with_text(text))
    assert 86_300 < await redis.ttl(KEY + hash_of(text)) <= 86_400
    async with world_with(world, persisted_query_ttl=7) as other:
        answer = await other.post(by_hash(text))
        assert answer.json() == {"data": {"viewer": {"name": "admin"}}}
        assert counted(other, "redis") == 1
        assert 0 < await redis.ttl(KEY + hash_of(text)) <= 7
        await other.post(by_hash(text))
        assert counted(other, "redis") == 1


async def test_hash_of_another_text_is_refused_and_nothing_is_kept(world: World, text: str, redis: Redis) -> None:
    body = {"query": text + " ", **by_hash(text)}
    for accept in (MODERN, LEGACY):
        assert refusal(await world.post(body, accept=accept)) == (400, "PERSISTED_QUERY_HASH_MISMATCH")
    assert await redis.get(KEY + hash_of(text)) is None
    assert refusal(await world.post(by_hash(text), accept=MODERN)) == NOT_FOUND


@pytest.mark.parametrize("query", ["{", "{ nope }", "{ viewer" * 20 + "}" * 20])
async def test_document_that_cannot_be_run_is_not_kept(world: World, text: str, redis: Redis, query: str) -> None:
    bad = f"{text.splitlines()[0]}\n{query}"
    assert "errors" in (await world.post(with_text(bad))).json()
    assert await redis.get(KEY + hash_of(bad)) is None
    assert refusal(await world.post(by_hash(bad), accept=MODERN)) == NOT_FOUND


async def test_text_in_redis_that_has_another_hash_is_never_run(world: World, text: str, redis: Redis) -> None:
    await redis.set(KEY + hash_of(text), "{ users { nodes { email } } }")
    assert refusal(await world.post(by_hash(text), accept=MODERN)) == NOT_FOUND


async def test_guest_registers_nothing_and_is_served_what_others_did(world: World, text: str, redis: Redis) -> None:
    assert (await world.post(with_text(text), "guest")).json() == {"data": {"viewer": None}}
    assert await redis.get(KEY + hash_of(text)) is None
    assert refusal(await world.post(by_hash(text), "guest", accept=MODERN)) == NOT_FOUND
    await world.post(with_text(text), "viewer")
    assert (await world.post(by_hash(text), "guest")).json() == {"data": {"viewer": None}}


async def test_dry_run_costs_nothing_and_so_registers_nothing(world: World, text: str, redis: Redis) -> None:
    dry = f"{text.splitlines()[0]}\n{{ rateLimit(dryRun: true) {{ cost }} viewer {{ name }} }}"
    assert (await world.post(with_text(dry))).json() == {"data": {"rateLimit": {"cost": 3}}}
    assert await redis.get(KEY + hash_of(dry)) is None


async def test_longer_document_is_run_and_not_kept(world: World, text: str, redis: Redis) -> None:
    long = text + "#" * LONGEST
    assert (await world.post(with_text(long))).status_code == 200
    assert await redis.get(KEY + hash_of(long)) is None


@pytest.mark.parametrize(
    "extension",
    [
        1,
        [],
        {},
        {"version": 2, "sha256Hash": "0" * 64},
        {"version": True, "sha256Hash": "0" * 64},
        {"version": 1},
        {"version": 1, "sha256Hash": 1},
        {"version": 1, "sha256Hash": "0" * 63},
        {"version": 1, "sha256Hash": "G" * 64},
        {"version": 1, "sha256Hash": "0" * 64 + "\n"},
    ],
)
async def test_extension_that_is_none_is_bad(world: World, text: str, extension: object) -> None:
    body = {"query": text, "extensions": {"persistedQuery": extension}}
    assert refusal(await world.post(body)) == (400, "BAD_REQUEST")


@pytest.mark.parametrize("id", [1, "", "a b", "é", "a" * 201, [], "a\n"])
async def test_document_id_that_is_none_is_bad(world: World, id: object) -> None:
    assert refusal(await world.post({"documentId": id})) == (400, "BAD_REQUEST")


async def test_id_and_document_together_are_bad(world: World, text: str) -> None:
    id = f"sha256:{hash_of(text)}"
    assert refusal(await world.post({"documentId": id, "query": text})) == (400, "BAD_REQUEST")
    assert refusal(await world.post({"documentId": id, **by_hash(text)})) == (400, "BAD_REQUEST")


async def test_mutation_by_its_hash_needs_post(world: World) -> None:
    await world.post({**with_text(CREATE), "variables": {"input": {"name": "a"}}})
    response = await get(world, extensions=persisted(CREATE), variables={"input": {"name": "b"}})
    assert refusal(response) == (405, "METHOD_NOT_ALLOWED")
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 1


async def test_without_a_time_to_live_nothing_can_be_registered(world: World, text: str) -> None:
    async with world_with(world, persisted_query_ttl=0) as other:
        for accept, status in ((MODERN, 400), (LEGACY, 200)):
            found = refusal(await other.post(by_hash(text), accept=accept))
            assert found == (status, "PERSISTED_QUERY_NOT_SUPPORTED")
        assert (await other.post(with_text(text))).json() == {"data": {"viewer": {"name": "admin"}}}
        assert refusal(await other.post({"documentId": hash_of(text)}, accept=MODERN)) == NOT_FOUND


async def test_while_redis_is_away_memory_serves_and_the_rest_is_not_found(text: str) -> None:
    outcomes: list[str] = []
    now = 0.0
    away = Redis.from_url(f"redis://127.0.0.1:{free_port()}/0", socket_connect_timeout=1)
    documents = RegisteredDocuments(away, 60, outcomes.append, lambda: now)
    with capture_logs() as logs:
        await documents.put(hash_of(text), text)
        assert await documents.get(hash_of(text)) == text
        assert await documents.get("0" * 64) is None
    assert [line["event"] for line in logs] == ["registered documents: no redis"]
    assert outcomes == ["registered", "unavailable", "memory", "missing"]
    now = 5.0  # asked again
    assert await documents.get("0" * 64) is None
    assert outcomes[4:] == ["unavailable", "missing"]
    await away.aclose()


async def test_memory_is_bounded_and_forgets_what_was_not_used(redis: Redis) -> None:
    outcomes: list[str] = []
    documents = RegisteredDocuments(redis, 60, outcomes.append, capacity=30)
    texts = [f"{n}" * 10 for n in range(4)]
    for text in texts[:3]:
        await documents.put(hash_of(text), text)
    await documents.get(hash_of(texts[0]))
    await documents.put(hash_of(texts[3]), texts[3])
    outcomes.clear()
    assert [await documents.get(hash_of(text)) for text in (texts[0], texts[3], texts[1])] == [
        texts[0],
        texts[3],
        texts[1],
    ]
    assert outcomes == ["memory", "memory", "redis"]
