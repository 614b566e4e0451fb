"""Of two things that are wrong with a request, which one is told: every pair (RFC 9110 §13.2.1, and what we chose)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio

from tests.fixtures.endpoint import world_with
from tests.fixtures.reading import opened_world
from tests.fixtures.rest import PLENTY, made, refusal
from tests.fixtures.servers import Servers
from tests.fixtures.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"
SOUND: dict[str, Any] = {
    "method": "PUT",
    "id": None,  # a feature of the user's
    "below": "",
    "query": "",
    "tokens": ["user"],
    "spent": False,
    "accept": "application/json",
    "if-match": '"1"',
    "content-type": "application/json",
    "body": {"name": "sound"},
    "x-long": "",
}
# In the order in which they are told: (status, code) and what makes a request wrong.
FAULTS: list[tuple[tuple[int, str], dict[str, Any]]] = [
    ((400, "VALIDATION_ERROR"), {"tokens": ["user", "user"]}),
    ((431, "HEADERS_TOO_LARGE"), {"x-long": "x" * 40_000}),
    ((414, "URI_TOO_LONG"), {"query": "?" + "x" * 20_000}),
    ((404, "NOT_FOUND"), {"below": "/nowhere"}),
    ((405, "METHOD_NOT_ALLOWED"), {"method": "BREW"}),
    ((401, "UNAUTHENTICATED"), {"tokens": []}),
    ((429, "RATE_LIMITED"), {"spent": True}),
    ((406, "NOT_ACCEPTABLE"), {"accept": "image/png"}),
    ((403, "FORBIDDEN"), {"tokens": ["viewer"]}),
    ((428, "PRECONDITION_REQUIRED"), {"if-match": None}),
    ((415, "UNSUPPORTED_MEDIA_TYPE"), {"content-type": "text/plain"}),
    ((413, "PAYLOAD_TOO_LARGE"), {"body": {"name": "x" * 20_000}}),
    ((400, "VALIDATION_ERROR"), {"body": {"name": ""}}),
    ((404, "NOT_FOUND"), {"id": NOWHERE}),
    ((412, "STALE_VERSION"), {"if-match": '"9"'}),
    ((409, "DUPLICATE_NAME"), {"body": {"name": "taken"}}),
]


@dataclass(frozen=True)
class Place:
    """`spent`: the same, but of what one may ask for nothing is left."""

    world: World
    spent: World
    id: str


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    bounds = {**PLENTY, "max_body_bytes": 10_000}
    async with (
        opened_world(servers, template, tmp_path_factory.mktemp("data")) as opened,
        world_with(opened, **bounds) as world,
        world_with(opened, **{**bounds, "rest_put_limit": 1}) as spent,
    ):
        feature = await made(world, "precedence")
        await made(world, "taken")
        found = Place(world, spent, feature["id"])
        yield found


async def send(place: Place, version: str, wrong: dict[str, Any]) -> httpx.Response:
    world = place.spent if wrong["spent"] else place.world
    if wrong["spent"] and wrong["tokens"]:  # each time: the other world fills the same bucket
        sender = {"authorization": f"Bearer {world.token(wrong['tokens'][0])}"}
        await world.client.put(f"/api/v1/features/{NOWHERE}", headers=sender)
    names = ("accept", "if-match", "content-type", "x-long")
    headers = [(name, wrong[name]) for name in names if wrong[name] is not None]
    headers += [("authorization", f"Bearer {world.token(who)}") for who in wrong["tokens"]]
    path = f"/api/{version}/features/{wrong['id'] or place.id}{wrong['below']}{wrong['query']}"
    return await world.client.request(wrong["method"], path, headers=headers, content=orjson.dumps(wrong["body"]))


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_of_two_faults_the_earlier_one_is_told(place: Place, version: str) -> None:
    faults = [fault for fault in FAULTS if version == "v2" or fault[0][0] != 428]
    pairs = [(one, other) for one, other in combinations(faults, 2) if not set(one[1]) & set(other[1])]
    assert len(pairs) > 90
    for (told, one), (_, other) in pairs:
        answer = await send(place, version, {**SOUND, **other, **one})
        assert refusal(answer) == told, (one, other)


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_each_fault_alone_is_told(place: Place, version: str) -> None:
    for told, wrong in FAULTS:
        if version == "v2" or told[0] != 428:
            assert refusal(await send(place, version, {**SOUND, **wrong})) == told


async def test_request_without_a_fault_is_let_through(place: Place) -> None:
    assert (await send(place, "v2", {**SOUND, "body": {"name": "precedence"}})).status_code == 200
