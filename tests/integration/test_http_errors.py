"""Errors as clients see them: always with a code and a place; what nobody foresaw is masked, and logged once."""

import pytest
from structlog.testing import capture_logs

from app.domain.audit.service import AuditService
from app.domain.feature.service import FeatureService
from tests.fixtures.http import LEGACY, MODERN, NAME, errors
from tests.fixtures.world import CREATE, World

SECRET = "password=hunter2 host=db.internal"


def fail(*_: object) -> None:
    raise RuntimeError(SECRET)


async def test_failure_at_a_field_has_its_code_path_and_place_and_blanks_no_neighbour(world: World) -> None:
    response = await world.post({"query": '{ viewer { name } feature(id: "x") { name } }'}, accept=MODERN)
    assert response.status_code == 200
    body = response.json()
    assert body["data"] == {"viewer": {"name": "admin"}, "feature": None}
    [error] = body["errors"]
    assert (error["path"], error["locations"]) == (["feature"], [{"line": 1, "column": 19}])
    assert error["extensions"] == {"code": "BAD_USER_INPUT", "argumentPath": ["id"]}


async def test_guest_is_told_to_send_a_token_at_the_field_that_needs_one(world: World) -> None:
    answer = await world.ask("{ viewer { name } features { totalCount } }", "guest")
    [error] = answer["errors"]
    assert answer["data"] is None
    assert (error["path"], error["extensions"]) == (["features"], {"code": "UNAUTHENTICATED"})


async def test_unforeseen_failure_of_a_service_is_masked_and_logged_once_under_the_request_id(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FeatureService, "get_many", fail)
    id = (await world.create("a"))["id"]
    with capture_logs() as logs:
        response = await world.post(
            {"query": "query($id: ID!) { viewer { name } feature(id: $id) { name } }", "variables": {"id": id}},
            "admin",
            **{"x-request-id": "told-by-the-client"},
        )

    assert response.headers["x-request-id"] == "told-by-the-client"
    body = response.json()
    assert body["data"] == {"viewer": {"name": "admin"}, "feature": None}
    [error] = body["errors"]
    assert error["path"] == ["feature"]
    assert error["extensions"] == {"code": "INTERNAL", "traceId": "told-by-the-client"}
    assert "told-by-the-client" in error["message"]
    assert not any(word in response.text for word in ("hunter2", "db.internal", "RuntimeError", "Traceback", "app/"))
    [logged] = [line for line in logs if line["log_level"] == "error"]
    assert (logged["event"], logged["path"]) == ("resolver failed", ["feature"])
    assert str(logged["exc_info"]) == SECRET


@pytest.mark.parametrize("accept", [MODERN, LEGACY])
@pytest.mark.parametrize(
    "place", ["app.db.user.Actor", "app.wiring.AuditService", "app.web.run.errors.format_failures"]
)
async def test_unforeseen_failure_outside_of_resolvers_is_a_masked_500(
    world: World, monkeypatch: pytest.MonkeyPatch, place: str, accept: str
) -> None:
    monkeypatch.setattr(place, fail)
    with capture_logs() as logs:
        response = await world.post({"query": '{ feature(id: "x") { name } }'}, accept=accept)

    assert response.status_code == 500
    [error] = errors(response)
    request_id = response.headers["x-request-id"]
    assert error["extensions"] == {"code": "INTERNAL", "traceId": request_id}
    assert request_id in error["message"]
    assert "hunter2" not in response.text
    assert response.headers["content-type"] == f"{accept}; charset=utf-8"
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["request failed"]
    assert [line["status"] for line in logs if line["event"] == "request"] == [500]


async def test_failed_write_is_masked_and_nothing_is_written(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.feature_write.event_payload", fail)
    answer = await world.ask(CREATE, "user", input={"name": "a"})
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"
    assert await world.owner.fetchval("SELECT count(*) FROM features") == 0
    assert await world.owner.fetchval("SELECT count(*) FROM audit_entries") == 0
    monkeypatch.undo()
    assert (await world.create("a"))["version"] == 1
    assert world.wiring.database.pool.lent == 0


async def test_null_of_a_failed_field_climbs_no_further_than_it_must(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.create("a")
    monkeypatch.setattr(AuditService, "pages_of_features", fail)
    answer = await world.ask("{ viewer { name } features { nodes { name auditEntries { nodes { id } } } } }")
    assert [error["path"] for error in answer["errors"]] == [["features", "nodes", 0, "auditEntries"]]
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL"


async def test_request_id_of_the_caller_is_kept(world: World) -> None:
    for id in ("a", "A-1_b.c", "0" * 128, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"):
        for path in ("/health/live", "/nowhere"):
            assert (await world.client.get(path, headers={"x-request-id": id})).headers["x-request-id"] == id


async def test_request_id_that_could_do_harm_is_replaced(world: World) -> None:
    for id in ("", "a b", "a,b", "a\tb", "é", "<script>", '"', "0" * 129, "../../etc/passwd", "a\\n"):
        response = await world.client.get("/health/live", headers={b"x-request-id": id.encode()})
        given = response.headers["x-request-id"]
        assert len(given) == 32
        assert int(given, 16) >> 76 & 0xF == 7  # a UUID of version 7: sorts by time


async def test_every_request_has_an_id_of_its_own_and_an_entry_keeps_it(world: World) -> None:
    responses = [await world.post({"query": NAME}) for _ in range(3)]
    assert len({response.headers["x-request-id"] for response in responses}) == 3
    body = {"query": CREATE, "variables": {"input": {"name": "a"}}}
    await world.post(body, "admin", **{"x-request-id": "of-the-create"})
    metadata = await world.owner.fetchval("SELECT metadata ->> 'requestId' FROM audit_entries")
    assert metadata == "of-the-create"
