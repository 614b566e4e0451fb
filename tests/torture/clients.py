"""Clients that create, update and archive at once, over GraphQL and REST, and write down what they are told."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import httpx

from app.kernel.ids import global_id
from tests.fixtures.production import PLAIN
from tests.torture.history import Act, Kind, Outcome

NAMES: Mapping[Kind, str] = {"CREATE": "createFeature", "UPDATE": "updateFeature", "ARCHIVE": "archiveFeature"}
PATH = "/api/v2/features"
PATIENCE = 60.0  # seconds after the end for what has a key and no answer yet
NO_ANSWER = (503, 409)  # with the code of UNAVAILABLE or of a key in progress
NO_ANSWER_CODES = ("UNAVAILABLE", "IDEMPOTENCY_KEY_IN_PROGRESS")
LATEST = 12  # features that all meet at

type Answer = tuple[Outcome, str, int]  # the feature's id and version, where it is done


class Clients:
    """`token` mints one; `urls` are the servers'."""

    def __init__(self, urls: Sequence[str], token: Callable[[], str], chance: random.Random) -> None:
        self._urls, self._token, self._chance = urls, token, chance
        self.acts: list[Act] = []
        self.strange: list[str] = []  # answers that there should not be
        self._versions: dict[str, int] = {}  # of features that are not archived, by what was heard last
        self._over = asyncio.Event()

    def stop(self) -> None:
        self._over.set()

    async def run(self, number: int) -> None:
        async with httpx.AsyncClient(verify=PLAIN, timeout=30) as http:
            count = 0
            while not self._over.is_set():
                count += 1
                act = self._next(f"{number}-{count}")
                self.acts.append(act)
                await self._do(http, act, self._chance.random() < 0.5, self._chance.random() < 0.7)

    def _next(self, mark: str) -> Act:
        latest = list(self._versions)[-LATEST:]
        if len(latest) < LATEST // 2 or self._chance.random() < 0.25:
            return Act("CREATE", mark)
        feature = self._chance.choice(latest)
        kind: Kind = "ARCHIVE" if self._chance.random() < 0.1 else "UPDATE"
        return Act(kind, mark, feature, self._versions[feature])

    async def _do(self, http: httpx.AsyncClient, act: Act, graphql: bool, keyed: bool) -> None:
        headers = {"authorization": f"Bearer {self._token()}"}
        if keyed:
            headers["idempotency-key"] = f"key-{act.mark}"
        give_up: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            request = _graphql(act) if graphql else _rest(act)
            url = self._chance.choice(self._urls)
            try:
                sent = {**headers, **request.pop("headers", {})}
                response = await http.request(url=url + request.pop("path"), headers=sent, **request)
                outcome, feature, version = self._read(response)
            except httpx.TransportError:
                outcome, feature, version = "unknown", "", 0
            if outcome != "unknown":
                break
            if not keyed:
                await asyncio.sleep(0.02)
                return
            if self._over.is_set():
                give_up = give_up or loop.time() + PATIENCE
                if loop.time() > give_up:
                    self.strange.append(f"no answer at last: {act}")
                    return
            await asyncio.sleep(self._chance.uniform(0.02, 0.2))
        act.outcome = outcome
        if outcome == "done":
            act.feature, act.version = feature, version
            self._heard(act, feature, version)
        elif act.feature is not None:
            await self._look(http, headers, act.feature)

    def _heard(self, act: Act, feature: str, version: int) -> None:
        if act.kind == "ARCHIVE":
            self._versions.pop(feature, None)
        elif act.kind == "CREATE" or feature in self._versions:
            self._versions[feature] = max(version, self._versions.get(feature, 0))

    async def _look(self, http: httpx.AsyncClient, headers: Mapping[str, str], feature: str) -> None:
        """Somebody was faster: what is there now is no older than anybody was told before."""
        heard = self._versions.get(feature)
        try:
            response = await http.get(f"{self._chance.choice(self._urls)}{PATH}/{feature}", headers=headers)
        except httpx.TransportError:
            return
        if response.status_code != 200 or heard is None:
            return
        found = response.json()["data"]
        if found["version"] < heard:
            self.strange.append(f"{feature} was read at version {found['version']}, after {heard} was told of")
        if found["status"] == "archived":
            self._versions.pop(feature, None)
        elif feature in self._versions:
            self._versions[feature] = max(found["version"], self._versions[feature])

    def _read(self, response: httpx.Response) -> Answer:
        body: dict[str, Any] = response.json()
        if "code" in body:  # a problem of REST's
            return self._refused(response, body["code"])
        if body.get("errors"):
            return self._refused(response, body["errors"][0]["extensions"]["code"])
        found: dict[str, Any] = body["data"]
        if "version" not in found:
            [payload] = found.values()
            if payload["userErrors"]:
                return "refused", "", 0
            found = {"id": payload["feature"]["databaseId"], "version": payload["feature"]["version"]}
        return "done", found["id"], found["version"]

    def _refused(self, response: httpx.Response, code: str) -> Answer:
        if code in NO_ANSWER_CODES:
            return "unknown", "", 0
        if not 400 <= response.status_code < 500 or response.status_code in (400, 401, 403, 422, 429):
            self.strange.append(f"{response.status_code} {response.text[:300]}")
        return "refused", "", 0


def _graphql(act: Act) -> dict[str, Any]:
    name, given = NAMES[act.kind], dict[str, object]()
    if act.feature is not None:
        given = {"id": global_id("Feature", UUID(act.feature)), "expectedVersion": act.expected}
    if act.kind == "CREATE":
        given["name"] = act.mark
    elif act.kind == "UPDATE":
        given["description"] = act.mark
    kind = f"{name[0].upper()}{name[1:]}Input!"
    fields = "feature { databaseId version } userErrors { code }"
    query = f"mutation($input: {kind}) {{ {name}(input: $input) {{ {fields} }} }}"
    return {"method": "POST", "path": "/graphql", "json": {"query": query, "variables": {"input": given}}}


def _rest(act: Act) -> dict[str, Any]:
    if act.kind == "CREATE":
        return {"method": "POST", "path": PATH, "json": {"name": act.mark}}
    sent = {"path": f"{PATH}/{act.feature}", "headers": {"if-match": f'"{act.expected}"'}}
    if act.kind == "UPDATE":
        return {**sent, "method": "PATCH", "json": {"description": act.mark}}
    return {**sent, "method": "POST", "path": f"{sent['path']}/archive"}
