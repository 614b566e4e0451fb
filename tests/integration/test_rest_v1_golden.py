"""Every call, status and error of REST v1, byte for byte (R4): what callers parse is in tests/golden/v1.

GOLDEN=write pytest tests/integration/test_rest_v1_golden.py      writes the files anew; the diff is the review
"""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.domain.idempotency.rules import keyed_request
from app.http.catalogue import CATALOGUE
from app.kernel.actor import Actor
from app.kernel.errors import Unavailable
from tests.fixtures.endpoint import world_with
from tests.fixtures.reading import opened_world
from tests.fixtures.rest import PLENTY, V1, call, made
from tests.fixtures.servers import Servers
from tests.fixtures.world import Who, World

pytestmark = pytest.mark.asyncio(loop_scope="module")

FILES = Path(__file__).parents[1] / "golden" / "v1"
NOWHERE = "01890a5d-ac96-774b-bcce-b302099a8057"
MASKS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"), "<time>"),
    (re.compile(r"\b(req_)?[0-9a-f]{32}\b"), r"\1<request>"),
    (re.compile(r"r=\d+;t=\d+"), "r=<left>;t=<seconds>"),
    (re.compile(r'"version":"\d+\.\d+\.\d+"'), '"version":"<version>"'),
)
PROBLEM = {"accept": "application/problem+json"}
FULL = {
    "name": "  Dark mode ",
    "description": "Näher am Schwarz – 暗い",
    "metadata": {"category": "CSS", "tags": ["a", "b"], "n": 1.5, "deep": {"null": None, "list": [1, True]}},
    "unknown": 1,
}


@dataclass(frozen=True)
class Case:
    """`{id}` in the path stands for a feature of the user's; `settings` are of the server's."""

    method: str
    path: str = V1
    who: Who = "user"
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    settings: dict[str, object] = field(default_factory=dict)


# GraphQL's alone, v2's, and those of /auth.
OF_OTHERS = {
    "BAD_REQUEST",
    "BAD_USER_INPUT",
    "DUPLICATE_EMAIL",
    "LAST_ADMIN",
    "PRECONDITION_REQUIRED",
    "QUERY_TOO_COMPLEX",
    "TOKEN_LIMIT_EXCEEDED",
    "UNDONE",
}
ONE = f"{V1}/{{id}}"
CASES: dict[str, Case] = {
    "create": Case("POST", body=FULL),
    "create_with_a_name_alone": Case("POST", body={"name": "minimal", "description": None, "metadata": None}),
    "create_replayed": Case("POST", body={"name": "replayed"}, headers={"idempotency-key": "replayed"}),
    "400_key": Case("POST", body={"name": "x"}, headers={"idempotency-key": "two words"}),
    "list": Case("GET", f"{V1}?q=zebra"),
    "list_of_nothing": Case("GET", who="other"),
    "list_of_a_slice": Case("GET", f"{V1}?limit=1&offset=1&status=inactive&sort=name:asc&unknown=1", "manager"),
    "list_of_deleted_ones": Case("GET", f"{V1}?status=deleted", "manager"),
    "get": Case("GET", ONE),
    "get_head": Case("HEAD", ONE),
    "get_not_modified": Case("GET", ONE, headers={"if-none-match": 'W/"7", "1"'}),
    "get_with_the_sunset_set": Case("GET", ONE, settings={"rest_v1_sunset": date(2027, 6, 30)}),
    "put": Case("PUT", ONE, body={"name": "put: all of it", "description": "new", "metadata": {"k": []}}),
    "put_with_a_name_alone": Case("PUT", ONE, body={"name": "put: a name alone"}),
    "put_with_a_status": Case("PUT", ONE, body={"name": "put: a status", "status": "archived"}),
    "put_with_the_current_tag": Case("PUT", ONE, body={"name": "put: a tag"}, headers={"if-match": '"1"'}),
    "delete": Case("DELETE", ONE),
    "options": Case("OPTIONS"),
    "options_of_one": Case("OPTIONS", ONE),
    "400_without_a_name": Case("POST", body={}),
    "400_wrong_types": Case("POST", body={"name": 1, "description": [], "metadata": "x"}),
    "400_wrong_type_and_broken_rules": Case("POST", body={"name": "", "description": 1, "metadata": {"tags": [1]}}),
    "400_too_long": Case("POST", body={"name": "x" * 256, "description": "x" * 2001, "metadata": {"k": "x" * 17_000}}),
    "400_too_short": Case("POST", body={"name": "   "}),
    "400_format": Case("POST", body={"name": "a\u0007b", "description": "a\0b", "metadata": {"k": "\0"}}),
    "400_range": Case("POST", body=b'{"name":"x","metadata":{"k":1e300}}'),
    "400_status_of_put": Case("PUT", ONE, body={"name": "x", "status": "deleted"}),
    "400_no_object": Case("POST", body=[]),
    "400_parameters": Case("GET", f"{V1}?limit=0&offset=10001&status=ACTIVE&sort=name&q={'x' * 501}"),
    "400_parameters_twice": Case("GET", f"{V1}?limit=1&limit=2&offset=x&category=a&category=b"),
    "400_query_string": Case("GET", f"{V1}?q=%ff"),
    "400_search": Case("GET", f"{V1}?q={'x' * 501}"),
    "400_json": Case("POST", body=b'{"name": }'),
    "400_json_empty": Case("POST", body=b""),
    "400_json_key_twice": Case("POST", body=b'{"name":"a","metadata":{"k":1,"k":2}}'),
    "401_without_a_token": Case("GET", who="guest"),
    "401_with_a_bad_token": Case("GET", headers={"authorization": "Bearer nonsense"}),
    "403_create": Case("POST", who="viewer", body={"name": "x"}),
    "403_put": Case("PUT", ONE, who="viewer", body={"name": "x"}),
    "404_get": Case("GET", f"{V1}/{NOWHERE}"),
    "404_get_a_bad_id": Case("GET", f"{V1}/17"),
    "404_get_what_one_may_not_see": Case("GET", ONE, who="other"),
    "404_put": Case("PUT", f"{V1}/{NOWHERE}", body={"name": "x"}),
    "404_delete": Case("DELETE", f"{V1}/{NOWHERE}"),
    "404_path": Case("GET", f"{V1}/"),
    "405": Case("PATCH", ONE, body={}),
    "406": Case("GET", headers={"accept": "text/html"}),
    "409_duplicate_name": Case("PUT", ONE, body={"name": "zebra"}),
    "409_limit": Case("POST", body={"name": "one too many"}, settings={"active_feature_limit": 1}),
    "409_transition": Case("PUT", f"{V1}/{{archived}}", body={"name": "x", "status": "inactive"}),
    "412_put": Case("PUT", ONE, body={"name": "x"}, headers={"if-match": '"2"'}),
    "412_delete": Case("DELETE", ONE, headers={"if-match": 'W/"1"'}),
    "409_key_in_progress": Case("POST", body={"name": "x"}, headers={"idempotency-key": "running"}),
    "422_key_of_another_request": Case("POST", body={"name": "x"}, headers={"idempotency-key": '"spent"'}),
    "413": Case("POST", body=b" " * 1_000_001),
    "414": Case("GET", f"{V1}?q={'x' * 16_001}"),
    "415": Case("POST", body=b"name=x", headers={"content-type": "application/x-www-form-urlencoded"}),
    "429": Case("GET", who="admin", settings={"rest_get_limit": 1}),
    "431": Case("GET", headers={"x-long": "x" * 40_000}),
    "500": Case("GET", ONE),
    "503": Case("GET", ONE),
    "problem_400": Case("POST", body={"name": ""}, headers=PROBLEM),
    "problem_404": Case(
        "GET", f"{V1}/{NOWHERE}", headers={"accept": "application/json, application/problem+json;q=0.9"}
    ),
    "problem_is_not_what_a_list_is": Case("GET", who="other", headers=PROBLEM),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(servers: Servers, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("data")
    async with opened_world(servers, template, folder) as opened, world_with(opened, **PLENTY) as world:
        await made(world, "zebra", description="The only one.", metadata={"tags": ["animals"]})
        for name in ("b", "a", "c"):
            feature = await made(world, name, "manager")
            await call(world, "POST", f"/api/v2/features/{feature['id']}/deactivate", "manager", if_match="*")
        gone = await made(world, "gone", "manager")
        await call(world, "DELETE", f"{V1}/{gone['id']}", "manager")
        yield world


@pytest.mark.parametrize("name", CASES)
async def test_answer_is_what_it_always_was(shared: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    settings = {**PLENTY, **case.settings, "database_row_security": "off"}  # what fails is the store behind no wall
    async with world_with(shared, **settings) as world:
        path = case.path
        if "{id}" in path or "{archived}" in path:
            feature = await made(shared, f"golden {name}", description="old", metadata={"k": "old"})
            path = path.replace("{id}", feature["id"]).replace("{archived}", feature["id"])
        if "{archived}" in case.path:
            await call(shared, "POST", f"/api/v2/features/{feature['id']}/archive", if_match="*")
        if name == "429":
            await call(world, case.method, path, case.who)
        if name in ("create_replayed", "422_key_of_another_request"):
            body = {"name": "replayed" if name == "create_replayed" else "spent"}
            await call(world, "POST", V1, case.who, body, **case.headers)
        if name in ("500", "503"):
            fails(world, name, monkeypatch)
        async with running(world, name == "409_key_in_progress"):
            answer = await call(world, case.method, path, case.who, case.body, **case.headers)

    found = text_of(answer, case.method)
    file = FILES / f"{name}.http"
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(found)
    assert found == file.read_bytes()


@asynccontextmanager
async def running(world: World, under_way: bool) -> AsyncIterator[None]:
    """Beside a request with the key `running`."""
    if not under_way:
        yield
        return
    request = keyed_request(Actor(world.users["user"], "USER"), "running", [])
    async with world.wiring.kept_answers.attempt(request):
        yield


def fails(world: World, status: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = Unavailable("The database cannot be reached.", 2) if status == "503" else RuntimeError("a secret")

    async def fetch(*given: object) -> None:
        raise error

    monkeypatch.setattr(world.wiring.stores.features, "fetch_by_ids", fetch)


def text_of(answer: httpx.Response, method: str) -> bytes:
    """Status, headers by name and body, with what differs from run to run masked."""
    headers = dict(answer.headers)
    length = headers.pop("content-length", None)
    if answer.status_code in (204, 304):
        assert (length, answer.content) == (None, b"")
    elif method != "HEAD":
        assert length == str(len(answer.content))
    lines = [str(answer.status_code), *(f"{name}: {headers[name]}" for name in sorted(headers)), ""]
    text = "\n".join(lines) + "\n" + answer.content.decode() + "\n"
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return text.encode()


async def test_every_file_is_of_a_case_and_every_error_of_v1_has_one() -> None:
    assert {file.stem for file in FILES.iterdir()} == set(CASES)
    texts = [file.read_text() for file in FILES.iterdir()]
    codes = {code for text in texts for code in re.findall(r'"code":"([A-Z_]+)"', text)}
    assert codes == set(CATALOGUE) - OF_OTHERS
    issues = {issue for text in texts for issue in re.findall(r'"issue":"([a-z_]+)"', text)}
    assert issues == {"required", "type", "min_length", "max_length", "format", "range"}
