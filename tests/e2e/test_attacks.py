"""Attacks on the server as it runs in production: each is refused in our form, harms nothing, and learns nothing (R28,
R29). What single parts do is proved elsewhere; here they stand together."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import httpx
import orjson
import pytest
from graphql import build_schema, get_introspection_query

from app.kernel.ids import global_id
from tests.fixtures.injection import Operation, operations
from tests.fixtures.production import PLAIN, Production, Serving
from tests.fixtures.server import ROOT
from tests.fixtures.world import CREATE, PEOPLE

MODERN = "application/graphql-response+json"
LEAKS = re.compile(
    r"traceback|asyncpg|sqlalchemy|psycopg|postgresql://|redis://|site-packages|/app/|syntax error at|SQLSTATE|root:x:",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def server(production: Production) -> Iterator[Serving]:
    limits = {"USER_POINTS": "1000000000", "GUEST_POINTS": "1000000000", "LOGIN_ATTEMPTS_PER_ADDRESS": "1000000"}
    with production.serving(**limits) as serving:
        yield serving


@pytest.fixture(scope="module")
def feature(server: Serving) -> str:
    """The id of a feature of `user`."""
    made = server.ask(CREATE, "user", variables={"input": {"name": "theirs"}}).json()["data"]["createFeature"]
    assert made["userErrors"] == []
    return str(made["feature"]["id"])


@pytest.fixture(autouse=True)
def _nothing_is_harmed(server: Serving) -> Iterator[None]:
    """The server is well, and its log has no failure of ours and no secret."""
    size = server.log.stat().st_size
    yield
    assert server.ask("{ viewer { name } }", "admin").json() == {"data": {"viewer": {"name": "admin"}}}
    with server.log.open() as log:
        log.seek(size)
        said = log.read()
    password = server.production.environment["DATABASE_URL"].split("@")[0].rsplit(":", 1)[1]
    assert not [word for word in ('"level":"error"', "Traceback", "Bearer ", "eyJ", password) if word in said]


def harmless(answer: httpx.Response) -> httpx.Response:
    """Refused or answered, but not with a fault of ours, and nothing of the inside is told."""
    assert answer.status_code < 500, answer.text
    assert not LEAKS.search(answer.text), answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.headers.get("content-type", "").startswith((MODERN, "application/json")) and answer.content:
        body = answer.json()
        failures = body.get("errors", []) if isinstance(body, dict) else []
        assert all(error["extensions"]["code"] != "INTERNAL" for error in failures), body
    return answer


def codes(answer: httpx.Response) -> set[str]:
    return {error["extensions"]["code"] for error in answer.json()["errors"]}


FRAGMENTS = " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(40))
BOMBS = {
    "deep": ("{ features { nodes { owner " * 20 + "{ id }" + " }" * 60, "QUERY_TOO_COMPLEX"),
    "unclosed": ("{" * 10_000, "GRAPHQL_PARSE_FAILED"),
    "lists": ("{ a(x: " + "[" * 5_000 + "]" * 5_000 + ") }", "GRAPHQL_PARSE_FAILED"),
    "aliases": ("{ " + " ".join(f"a{n}: __typename" for n in range(500)) + " }", "QUERY_TOO_COMPLEX"),
    "fields": ("{ " + "__typename " * 2_500 + "}", "QUERY_TOO_COMPLEX"),
    "directives": ("{ __typename " + "@skip(if: false) " * 400 + "}", "QUERY_TOO_COMPLEX"),
    "unknown directives": ("{ __typename " + "@a " * 1_000 + "}", "QUERY_TOO_COMPLEX"),
    "fragments": (f"{{ ...F0 }} {FRAGMENTS} fragment F40 on Query {{ __typename }}", "QUERY_TOO_COMPLEX"),
    "cycle": ("{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }", "GRAPHQL_VALIDATION_FAILED"),
    "roots": ("{ " + " ".join(f"a{n}: viewer {{ id }}" for n in range(30)) + " }", "QUERY_TOO_COMPLEX"),
    "pages": ("{ features(first: 100) { nodes { auditEntries(first: 100) { nodes { actor { name } } } } } }",) * 1
    + ("QUERY_TOO_COMPLEX",),
    "tokens": ("{ __typename " + "# \n, " * 10 + "a " * 4_000 + "}", "GRAPHQL_PARSE_FAILED"),
    "long": ("{ __typename } #" + "x" * 200_000, "QUERY_TOO_COMPLEX"),
    "operations": (" ".join(f"query Q{n} {{ __typename }}" for n in range(2_000)), "GRAPHQL_PARSE_FAILED"),
    "introspection in a circle": (
        "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "surrogate": ('{ node(id: "\\ud800") { id } }', "GRAPHQL_PARSE_FAILED"),
    "null": ("{ __typename \0 }", "GRAPHQL_PARSE_FAILED"),
    "huge number": ("{ features(first: " + "9" * 5_000 + ") { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_before_it_goes_off(server: Serving, name: str) -> None:
    query, _ = BOMBS[name]
    answer = harmless(server.ask(query, "admin"))
    if name == "introspection in a circle":
        assert harmless(server.ask(query)).status_code in (400, 422)
        return
    assert answer.status_code in (400, 422)
    assert codes(answer) <= {"QUERY_TOO_COMPLEX", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"}


def test_guest_learns_nothing_of_the_schema(server: Serving) -> None:
    assert codes(server.ask(get_introspection_query())) == {"INTROSPECTION_REFUSED"}
    assert codes(server.ask('{ __type(name: "User") { name } }')) == {"INTROSPECTION_REFUSED"}
    guess = server.ask("{ featurez { nodez } }", "admin")
    assert guess.status_code == 422 and "Did you mean" not in guess.text
    for path in ("/graphql", "/graphiql", "/openapi", "/playground", "/voyager", "/altair"):
        assert "<html" not in httpx.get(f"{server.url}{path}", verify=PLAIN, headers={"accept": "text/html"}).text


STRINGS = (
    "'; DROP TABLE users; --",
    "\\'; SELECT pg_sleep(10); --",
    "%' OR '1'='1' UNION SELECT $1 --",
    '{"$gt": ""} & | ! <-> :* \'',
)


@pytest.mark.parametrize("payload", STRINGS)
def test_string_of_sql_is_a_string_in_every_argument(
    server: Serving, production: Production, feature: str, payload: str
) -> None:
    schema = build_schema((ROOT / "schema.graphql").read_text())
    ids = {"User": global_id("User", production.users["user"]), "Feature": feature}
    found = list(operations(schema, ids, payload))
    assert len({operation.place for operation in found}) > 40
    before = asyncio.run(_census(production))
    with httpx.Client(
        headers={"authorization": f"Bearer {production.token('admin')}", "accept": MODERN}, timeout=60, verify=PLAIN
    ) as client:
        for operation in found:
            _unimpressed(client, server, operation)
    after = asyncio.run(_census(production))
    assert after["users"] >= before["users"] and after["features"] >= before["features"]
    assert set(after) == set(before)


def _unimpressed(client: httpx.Client, server: Serving, operation: Operation) -> None:
    answer = client.post(
        f"{server.url}/graphql", json={"query": operation.text, "variables": dict(operation.variables)}, timeout=30
    )
    try:
        harmless(answer)
    except AssertionError as error:
        raise AssertionError(f"{operation.place}: {error}") from None


async def _census(production: Production) -> dict[str, int]:
    """Rows by table."""
    owner = await asyncpg.connect(production.owner_url)
    try:
        tables = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [str(table["tablename"]) for table in tables]
        return {name: int(await owner.fetchval(f'SELECT count(*) FROM "{name}"')) for name in names}
    finally:
        await owner.close()


MUTATION = 'mutation { createFeature(input: {name: "forged"}) { feature { id } } }'


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "text/plain; application/json",
        "",
    ],
)
def test_page_of_another_site_changes_nothing_by_a_form(server: Serving, kind: str) -> None:
    headers = {"origin": "https://evil.example", "authorization": f"Bearer {server.production.token('admin')}"}
    if kind:
        headers["content-type"] = kind
    answer = httpx.post(
        f"{server.url}/graphql", verify=PLAIN, content=orjson.dumps({"query": MUTATION}), headers=headers
    )
    assert harmless(answer).status_code == 415
    link = httpx.get(
        f"{server.url}/graphql", verify=PLAIN, params={"query": MUTATION}, headers={"accept": MODERN, **headers}
    )
    assert harmless(link).status_code in (405, 415)
    assert not [name for name in (*answer.headers, *link.headers) if name.startswith("access-control-")]
    found = server.ask('{ features(filter: {search: "forged"}) { totalCount } }', "admin").json()
    assert found["data"]["features"]["totalCount"] == 0


def _post(*lines: bytes, body: bytes = b'{"query":"{ __typename }"}') -> bytes:
    head = (b"POST /graphql HTTP/1.1", b"Host: x", b"Content-Type: application/json", b"Connection: close", *lines)
    return b"\r\n".join(head) + b"\r\n\r\n" + body


SMUGGLED = {
    "two lengths": _post(b"Content-Length: 26", b"Content-Length: 3"),
    "length and chunks": _post(
        b"Content-Length: 4", b"Transfer-Encoding: chunked", body=b"0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n"
    ),
    "chunks twice": _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "odd chunks": _post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "negative chunk": _post(b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n"),
    "huge chunk": _post(b"Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n\r\n"),
    "folded": _post(b"Content-Length: 26", b"X: a\r\n b"),
    "space before colon": _post(b"Content-Length : 26"),
    "null": _post(b"Content-Length: 26", b"X: a\0b"),
    "bare return": _post(b"Content-Length: 26", b"X: a\rY: b"),
    "signed length": _post(b"Content-Length: +26"),
    "two tokens": _post(b"Content-Length: 26", b"Authorization: Bearer a", b"Authorization: Bearer b"),
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_request_that_two_readers_read_differently_is_refused(server: Serving, name: str) -> None:
    answer = server.raw(SMUGGLED[name])
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"x-request-id": "a\tb<script>"},
        {"x-request-id": "x" * 5_000},
        {"x-http-method-override": "DELETE"},
        {"host": "evil.example"},
        {"x-forwarded-host": "evil.example"},
        {"x-forwarded-for": "127.0.0.1"},
        {"x-original-url": "/metrics", "x-rewrite-url": "/metrics"},
        {"traceparent": "00-" + "f" * 5_000},
        {"accept": ",".join(["*/*;q=0.1"] * 1_000)},
        {"content-encoding": "gzip"},
        {"range": "bytes=0-0,1-1,2-2"},
        {"if-none-match": '"' * 5_000},
        {"authorization": "Bearer " + "A" * 10_000},
        {"authorization": "Basic YWRtaW46YWRtaW4="},
        {"authorization": "Bearer null"},
        {"cookie": "session=admin; role=ADMIN"},
        {"upgrade": "websocket", "connection": "upgrade"},
        {"expect": "100-continue"},
    ],
)
def test_header_is_believed_in_nothing_that_it_should_not_be(server: Serving, headers: dict[str, str]) -> None:
    answer = harmless(server.ask("{ viewer { name } }", headers=headers))
    assert '"name"' not in answer.text
    assert "evil.example" not in str(answer.headers) and "<script>" not in str(answer.headers)


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../../etc/passwd",
        "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/static/..%2f..%2f..%2fetc%2fpasswd",
        "/static/....//....//etc/passwd",
        "/static//etc/passwd",
        "/static/%00",
        "/static/graphiql/%2e%2e/%2e%2e/graphiql.py",
        "/graphql/../metrics/..",
        "//graphql",
        "/GRAPHQL",
        "/graphql/",
        "/graphql%2f..%2fmetrics",
        "/.env",
        "/.git/config",
        "/admin",
        "/%ff%fe",
        "/%",
        "/" + "a/" * 2_000,
        "http://evil.example/metrics/x",
        "*",
    ],
)
def test_path_leads_nowhere(server: Serving, path: str) -> None:
    answer = server.raw(b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path.encode())
    status, text = answer.split(b" ")[1], answer.decode("latin-1")
    assert status in (b"404", b"400", b"405"), answer
    assert not LEAKS.search(text)


@pytest.mark.parametrize("kind", ["Feature", "User", "AuditEntry"])
@pytest.mark.parametrize("who", ["guest", "user", "other"])
def test_what_one_may_not_see_is_answered_like_what_is_not_there(
    server: Serving, production: Production, kind: str, who: str
) -> None:
    made = server.ask(CREATE, "manager", variables={"input": {"name": f"hidden from {who} {uuid4()}"}}).json()
    id = str(made["data"]["createFeature"]["feature"]["id"])
    if kind == "User":
        id = global_id("User", production.users["manager"])
    if kind == "AuditEntry":
        trail = "query($id: ID!) { feature(id: $id) { auditEntries { nodes { id } } } }"
        found = server.ask(trail, "manager", variables={"id": id}).json()
        id = str(found["data"]["feature"]["auditEntries"]["nodes"][0]["id"])
    nobodys = global_id(kind, UUID(int=7))
    asked = "query($id: ID!) { node(id: $id) { __typename id } nodes(ids: [$id]) { id } }"
    real, unreal = (server.ask(asked, who, variables={"id": given}) for given in (id, nobodys))
    assert (real.status_code, real.content) == (unreal.status_code, unreal.content)
    assert kind == "Feature" or real.json().get("data") in (None, {"node": None, "nodes": [None]})
    if kind == "Feature":
        act = (
            "mutation($id: ID!) { deleteFeature(input: {id: $id}) { feature { id } userErrors { code message path } } }"
        )
        real, unreal = (server.ask(act, who, variables={"id": given}) for given in (id, nobodys))
        assert (real.status_code, real.content) == (unreal.status_code, unreal.content)


def test_people_cannot_be_listed_by_who_may_not(server: Serving) -> None:
    for who in ("guest", "user", "viewer"):
        text = server.ask("{ users(first: 100) { totalCount nodes { name email } } }", who).text
        assert not [name for name in PEOPLE if name != who and f"{name}@example.com" in text]


def test_guests_limit_cannot_be_outrun(production: Production) -> None:
    address = {"x-forwarded-for": f"198.51.100.{uuid4().int % 250}, 2001:db8:{uuid4().hex[:4]}::1"}
    with production.serving(GUEST_POINTS="10", TRUSTED_PROXIES="127.0.0.1") as server:
        asked = [server.ask("{ viewer { name } }", headers=address).status_code for _ in range(8)]
    assert asked == [200] * 5 + [429] * 3


def test_no_file_of_the_project_is_served(server: Serving) -> None:
    for name in ("pyproject.toml", "app/main.py", "schema.graphql", "Makefile"):
        assert Path(ROOT, name).exists()
        assert httpx.get(f"{server.url}/{name}", verify=PLAIN).status_code == 404
        assert httpx.get(f"{server.url}/static/{name}", verify=PLAIN).status_code == 404
