"""REST beside the same over GraphQL, and beside Unleash's own feature API: three calls, on the rows of the others.

REST and GraphQL are asked of one process, in turn, so that what else the machine does meets both alike.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from bench.check import WARM, Checked, check, compare
from bench.contenders import OURS, UNLEASH, Contender
from bench.figures import Figures, Results, medians
from bench.measure import Progress, timed
from bench.request import COUNTER, Request
from bench.serve import serving
from bench.stage import Stage
from bench.unleash import FEATURES, NAME
from bench.workloads import asked

CALLS: Mapping[str, str] = {
    "R1": "GET one feature",
    "R2": "list twenty features",
    "R3": "create a feature, with its audit entry",
}
WRITES = "R3"
CREATORS = 100  # users who create in turn, so that they do not wait for one row
DESCRIPTION = "What it is for, in a sentence of the usual length."

# Aliases give GraphQL's answers the names that REST has.
V1_FIELDS = "id: databaseId name description status metadata created_at: createdAt updated_at: updatedAt"
V2_FIELDS = f"{V1_FIELDS} category tags version deleted_at: deletedAt"
ONE = "query R1($id: ID!) {{ feature(id: $id) {{ {} }} }}"
# What v1 tells of a list: the caller's own, how many in all, and whether there are more.
SLICE = f"""query R2($owner: ID!) {{ features(first: 20, filter: {{status: [ACTIVE], ownerId: $owner}}) {{
  totalCount pageInfo {{ hasNextPage }} nodes {{ {V1_FIELDS} }} }} }}"""
PAGE = f"""query R2 {{ features(first: 20) {{
  pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} nodes {{ {V2_FIELDS} }} }} }}"""
CREATE = "mutation R3($input: CreateFeatureInput!) {{ createFeature(input: $input) {{ feature {{ {} }} }} }}"

type Requests = Callable[[Stage, str], list[Request]]


@dataclass(frozen=True)
class Lane:
    """One way to all calls. `same_as`: the lane of the same calls over GraphQL; `requests` by call; `found` takes what
    is compared out of an answer."""

    name: str
    title: str
    contender: Contender
    requests: Mapping[str, Requests]
    found: Callable[[Any], Any] = lambda data: data
    same_as: str = ""


def _in_rest(version: str, listed: str) -> dict[str, Requests]:
    path = f"/api/{version}/features"

    def gets(stage: Stage, run: str) -> list[Request]:
        bearer = OURS.authorization(stage)
        return [Request("GET", f"{path}/{id}", authorization=bearer) for id in stage.features]

    def lists(stage: Stage, run: str) -> list[Request]:
        return [Request("GET", listed, authorization=OURS.authorization(stage))]

    def creates(stage: Stage, run: str) -> list[Request]:
        body = orjson.dumps(_draft(run))
        return [Request("POST", path, body, bearer) for bearer in _creators(stage)]

    return {"R1": gets, "R2": lists, "R3": creates}


def _in_graphql(one: str, page: str, create: str) -> dict[str, Requests]:
    def gets(stage: Stage, run: str) -> list[Request]:
        bearer = OURS.authorization(stage)
        return [asked(one, "R1", {"id": id}, bearer) for id in OURS.ids(stage).features]

    def lists(stage: Stage, run: str) -> list[Request]:
        admin = OURS.ids(stage).owners[stage.owners.index(stage.admin)]
        variables = {"owner": admin} if "$owner" in page else {}
        return [asked(page, "R2", variables, OURS.authorization(stage))]

    def creates(stage: Stage, run: str) -> list[Request]:
        return [asked(create, "R3", {"input": _draft(run)}, bearer) for bearer in _creators(stage)]

    return {"R1": gets, "R2": lists, "R3": creates}


def _in_unleash() -> dict[str, Requests]:
    path = "/api/admin/projects/default/features"

    def gets(stage: Stage, run: str) -> list[Request]:
        names = [NAME.format(number * 7 % FEATURES) for number in range(1_000)]
        return [Request("GET", f"{path}/{name}", authorization=stage.unleash.token) for name in names]

    def lists(stage: Stage, run: str) -> list[Request]:
        page = "/api/admin/search/features?limit=20&project=IS:default&sortBy=createdAt&sortOrder=desc"
        return [Request("GET", page, authorization=stage.unleash.token)]

    def creates(stage: Stage, run: str) -> list[Request]:
        name = f"bench-{run.replace(' ', '-')}-{COUNTER.decode()}"
        body = orjson.dumps({"name": name, "description": DESCRIPTION, "type": "release"})
        return [Request("POST", path, body, stage.unleash.token)]

    return {"R1": gets, "R2": lists, "R3": creates}


def _draft(run: str) -> dict[str, object]:
    return {
        "name": f"Bench {run} {COUNTER.decode()}",
        "description": DESCRIPTION,
        "metadata": {"category": "bench", "tags": ["load", "write"]},
    }


def _creators(stage: Stage) -> list[str]:
    return [OURS.authorization(stage, user) for user in stage.owners[1 : CREATORS + 1]]


def _without_owner(data: Any) -> Any:
    """GraphQL has the owner as an edge; v2 tells its id alone, which costs nothing that is worth an edge."""
    if isinstance(data, list):
        return [_without_owner(item) for item in data]
    return {name: value for name, value in data.items() if name != "owner_id"}


def _features(data: dict[str, Any]) -> Any:
    """Of an answer of GraphQL."""
    [found] = data.values()
    return found["nodes"] if "nodes" in found else found.get("feature", found)


LANES: Sequence[Lane] = (
    Lane("v1", "REST v1", OURS, _in_rest("v1", "/api/v1/features"), same_as="v1-graphql"),
    Lane(
        "v1-graphql",
        "the same over GraphQL",
        OURS,
        _in_graphql(ONE.format(V1_FIELDS), SLICE, CREATE.format(V1_FIELDS)),
        _features,
    ),
    Lane("v2", "REST v2", OURS, _in_rest("v2", "/api/v2/features?first=20"), _without_owner, "v2-graphql"),
    Lane(
        "v2-graphql",
        "the same over GraphQL",
        OURS,
        _in_graphql(ONE.format(V2_FIELDS), PAGE, CREATE.format(V2_FIELDS)),
        _features,
    ),
    Lane("unleash", UNLEASH.title, UNLEASH, _in_unleash()),
)


def measure_rest(stage: Stage, rounds: int, seconds: int, step: Progress) -> Results:
    """`step` is told what comes next. Raises BenchError where one fails, or REST and GraphQL do not answer alike."""
    step(f"{UNLEASH.title}: its tables and rows")
    with serving(UNLEASH, stage):
        pass  # its first start makes the tables
    asyncio.run(stage.unleash.fill())
    checked = _check_all(stage, step)
    found: Mapping[tuple[str, str], list[Figures]] = defaultdict(list)
    for number in range(rounds):
        turn = number % 2  # neither server is always first
        for contender in (OURS, UNLEASH)[:: -1 if turn else 1]:
            step(f"REST, round {number + 1} of {rounds}: {contender.title}")
            with serving(contender, stage) as running:
                for call in CALLS:
                    lanes = [lane for lane in LANES if lane.contender is contender]
                    for lane in lanes[number % len(lanes) :] + lanes[: number % len(lanes)]:
                        forget = partial(_forget, lane, stage) if call == WRITES else None
                        requests, length = partial(lane.requests[call], stage), checked[lane.name, call].length
                        cell = timed(running, f"{call}: {lane.title}", requests, number, seconds, length, forget)
                        found[lane.name, call].append(cell)
                        step("")
    figures, spread = medians(found)
    return Results(figures, {key: each.statements for key, each in checked.items()}, spread)


def rest_steps(rounds: int) -> int:
    """How often `step` is called."""
    return 3 + rounds * (2 + len(LANES) * len(CALLS))


def _check_all(stage: Stage, step: Progress) -> dict[tuple[str, str], Checked]:
    found: dict[tuple[str, str], Checked] = {}
    stage.log_statements(True)
    for contender in (OURS, UNLEASH):
        step(f"REST, answers and statements: {contender.title}")
        with serving(contender, stage) as running:
            for lane in LANES:
                if lane.contender is contender:
                    for call in CALLS:
                        requests = lane.requests[call](stage, "check")[:WARM]  # so that each user has been seen
                        found[lane.name, call] = check(running, requests, call == WRITES, lane.found)
                    _forget(lane, stage)  # the next one writes the same names
    stage.log_statements(False)
    for call in CALLS:
        for lane in LANES:
            if lane.same_as:
                both = {lane.title: found[lane.name, call], "GraphQL": found[lane.same_as, call]}
                compare(both, call)
    return found


def _forget(lane: Lane, stage: Stage) -> int:
    return asyncio.run(stage.unleash.forget_writes()) if lane.contender is UNLEASH else stage.forget_writes()
