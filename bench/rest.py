"""`python -m bench.rest`: CPU per request of three typical calls over REST, beside the same over GraphQL, in one run.

It is the server process's own time, as in `bench.profile`; rounds alternate, so that what else the machine does meets
both alike.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
import orjson
import psutil

from app.db.migrations import migrate
from app.embedded.postgres import Postgres
from app.embedded.valkey import Valkey
from app.seed.seed import seed
from bench.profile import CATALOGUE, CONCURRENCY, PORT, people, server, token, wait_until_ready

SCALE = 4  # times the catalogue
ROUNDS = 5
FIELDS = "databaseId name description status metadata createdAt updatedAt"
SLICE = f"""query R2($owner: ID!) {{ features(first: 20, filter: {{status: [ACTIVE], ownerId: $owner}}) {{
  totalCount pageInfo {{ hasNextPage }} nodes {{ {FIELDS} }} }} }}"""
PAGE = """query P2($owner: ID!) { features(first: 20, filter: {status: [ACTIVE], ownerId: $owner}) {
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  nodes { databaseId name description status metadata category tags version createdAt updatedAt deletedAt } } }"""
ONE = f"query R1($id: ID!) {{ feature(id: $id) {{ {FIELDS} }} }}"
CREATE = f"""mutation R3($input: CreateFeatureInput!) {{ createFeature(input: $input) {{ feature {{ {FIELDS} }}
  userErrors {{ message }} }} }}"""


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: bytes | None = None


@dataclass(frozen=True)
class Pair:
    """The same call, both ways; each takes the request's number."""

    name: str
    rest: Callable[[int], Request]
    graphql: Callable[[int], Request]
    requests: int


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        postgres, valkey = Postgres(Path(folder) / "postgres"), Valkey(Path(folder) / "valkey")
        postgres.start()
        valkey.start()
        try:
            migrate(postgres.owner_url)
            asyncio.run(seed(postgres.owner_url, CATALOGUE, SCALE))
            unlimited = {f"REST_{act}_LIMIT": "1000000000" for act in ("GET", "POST", "PUT", "DELETE")}
            unlimited["USER_REQUESTS"] = "1000000000"
            with server(postgres, valkey, Path(folder), unlimited):
                asyncio.run(_measure(postgres, valkey, Path(folder)))
        finally:
            valkey.stop()
            postgres.stop()


async def _measure(postgres: Postgres, valkey: Valkey, folder: Path) -> None:
    bearer = await token(postgres, valkey, folder)
    headers = {"authorization": f"Bearer {bearer}", "content-type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{PORT}", headers=headers, timeout=30) as client:
        await wait_until_ready(client)
        process = psutil.Process(int((folder / "pid").read_text()))
        made = [await _made(client, number) for number in range(100)]
        viewer = (await client.post("/graphql", json={"query": "{ viewer { id databaseId } }"})).json()["data"][
            "viewer"
        ]
        people.print("server CPU per request in ms, median of rounds: REST, GraphQL, ratio")
        for pair in _pairs(made, viewer["id"], viewer["databaseId"]):
            rest, graphql = await _both(client, process, pair)
            people.print(f"{pair.name:16} {rest:.3f} {graphql:.3f} {rest / graphql:.2f}")


async def _made(client: httpx.AsyncClient, number: int) -> dict[str, str]:
    query = "mutation($input: CreateFeatureInput!) { createFeature(input: $input) { feature { id databaseId } } }"
    body = {"query": query, "variables": {"input": _fields(f"made {number}")}}
    answer = (await client.post("/graphql", content=orjson.dumps(body))).json()
    feature: dict[str, str] = answer["data"]["createFeature"]["feature"]
    return feature


def _fields(name: str) -> dict[str, object]:
    return {"name": name, "description": "What it does.", "metadata": {"category": "CSS", "tags": ["a", "b"]}}


def _pairs(made: list[dict[str, str]], owner: str, owner_key: str) -> list[Pair]:
    def graphql(query: str, variables: Callable[[int], dict[str, object]]) -> Callable[[int], Request]:
        return lambda n: Request("POST", "/graphql", orjson.dumps({"query": query, "variables": variables(n)}))

    def posted(path: str) -> Callable[[int], Request]:
        return lambda n: Request("POST", path, orjson.dumps(_fields(f"{path} {time.monotonic_ns()} {n}")))

    def of_owner(n: int) -> dict[str, object]:
        return {"owner": owner}

    one = graphql(ONE, lambda n: {"id": made[n % 100]["id"]})
    create = graphql(CREATE, lambda n: {"input": _fields(f"graphql {time.monotonic_ns()} {n}")})
    v2_page = f"/api/v2/features?first=20&status=active&owner_id={owner_key}"
    return [
        Pair("R1 get one, v1", lambda n: Request("GET", f"/api/v1/features/{made[n % 100]['databaseId']}"), one, 800),
        Pair("R1 get one, v2", lambda n: Request("GET", f"/api/v2/features/{made[n % 100]['databaseId']}"), one, 400),
        Pair("R2 list 20, v1", lambda n: Request("GET", "/api/v1/features"), graphql(SLICE, of_owner), 400),
        Pair("R2 list 20, v2", lambda n: Request("GET", v2_page), graphql(PAGE, of_owner), 400),
        Pair("R3 create, v1", posted("/api/v1/features"), create, 400),
        Pair("R3 create, v2", posted("/api/v2/features"), create, 400),
    ]


async def _both(client: httpx.AsyncClient, process: psutil.Process, pair: Pair) -> tuple[float, float]:
    """Medians, in milliseconds."""
    await _run(client, process, pair.rest, pair.requests // 4)  # warm
    await _run(client, process, pair.graphql, pair.requests // 4)
    rest, graphql = [], []
    for _ in range(ROUNDS):
        rest.append(await _run(client, process, pair.rest, pair.requests))
        graphql.append(await _run(client, process, pair.graphql, pair.requests))
    return median(rest), median(graphql)


async def _run(
    client: httpx.AsyncClient, process: psutil.Process, request_of: Callable[[int], Request], requests: int
) -> float:
    numbers = iter(range(requests))

    async def work() -> None:
        for number in numbers:
            request = request_of(number)
            response = await client.request(request.method, request.path, content=request.body)
            assert response.status_code in (200, 201), response.text
            assert b'"errors"' not in response.content, response.text

    before = process.cpu_times()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    after = process.cpu_times()
    return 1000 * (after.user + after.system - before.user - before.system) / requests


if __name__ == "__main__":
    main()
