"""What the calls of REST v1 do (R4, R8, R10): the form of their answers is in the golden files."""

from datetime import timedelta
from typing import Any

import pytest

from app.db.feature import slice_statement
from app.domain.feature.model import FeatureOrder
from app.rest.feature_list import ORDERS
from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import V1, call, made, refusal
from tests.fixtures.world import BIRTH, World
from tests.fixtures.writes import assert_sound, nothing_written, written


async def listed(world: World, query: str = "") -> Any:
    answer = await call(world, "GET", f"{V1}{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(body: Any) -> list[str]:
    return [feature["name"] for feature in body["data"]]


async def trail(world: World, id: str) -> list[dict[str, Any]]:
    """Oldest first."""
    entries = (await call(world, "GET", f"/api/v2/features/{id}/audit-entries")).json()["data"]
    return [
        {"action": entry["action"], "fields": [change["field"] for change in entry["changes"]]}
        for entry in reversed(entries)
    ]


async def test_created_feature_is_at_its_location_and_in_graphql(world: World) -> None:
    answer = await call(world, "POST", V1, body={"name": "Dark mode", "metadata": {"tags": ["a"]}})
    assert answer.status_code == 201
    got = await call(world, "GET", answer.headers["location"])
    assert got.json()["data"] == answer.json()["data"]
    assert got.headers["etag"] == answer.headers["etag"] == '"1"'
    nodes = (await world.data("{ features { nodes { databaseId name tags } } }", "user"))["features"]["nodes"]
    assert nodes == [{"databaseId": answer.json()["data"]["id"], "name": "Dark mode", "tags": ["a"]}]


async def test_put_is_one_change_of_one_version_whatever_it_replaces(world: World) -> None:
    feature = await made(world, "before", description="old", metadata={"k": 1})
    body = {"name": "after", "description": "new", "status": "archived"}
    answer = await call(world, "PUT", f"{V1}/{feature['id']}", body=body)
    data = answer.json()["data"]
    assert (data["name"], data["description"], data["status"], data["metadata"]) == ("after", "new", "archived", {})
    assert answer.headers["etag"] == '"2"'
    changed = ["name", "description", "status", "metadata"]
    assert (await trail(world, feature["id"]))[1:] == [{"action": "update", "fields": changed}]
    await assert_sound(world.owner)


@pytest.mark.parametrize(
    ("status", "action"), [("inactive", "deactivate"), ("archived", "archive"), ("active", "activate")]
)
async def test_put_that_changes_the_status_alone_is_that_act_in_the_trail(
    world: World, status: str, action: str
) -> None:
    feature = await made(world, "lamp")
    if status == "active":
        await call(world, "POST", f"/api/v2/features/{feature['id']}/deactivate", if_match="*")
    answer = await call(world, "PUT", f"{V1}/{feature['id']}", body={"name": "lamp", "status": status})
    assert answer.json()["data"]["status"] == status
    assert (await trail(world, feature["id"]))[-1] == {"action": action, "fields": ["status"]}
    await assert_sound(world.owner)


async def test_put_that_changes_nothing_succeeds_and_writes_nothing(world: World) -> None:
    feature = await made(world, "lamp")
    async with nothing_written(world):
        answer = await call(world, "PUT", f"{V1}/{feature['id']}", body={"name": "lamp", "status": "active"})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"name": "taken", "status": "archived"}, (409, "DUPLICATE_NAME")),
        ({"name": "fine", "status": "inactive"}, (409, "INVALID_TRANSITION")),
        ({"name": "fine", "metadata": {"tags": 1}}, (400, "VALIDATION_ERROR")),
    ],
)
async def test_put_that_is_refused_writes_none_of_it(
    world: World, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    await made(world, "taken")
    feature = await made(world, "lamp")
    await call(world, "POST", f"/api/v2/features/{feature['id']}/archive", if_match="*")
    async with nothing_written(world):
        assert refusal(await call(world, "PUT", f"{V1}/{feature['id']}", body=body)) == expected


async def test_put_that_activates_meets_the_limit(world: World) -> None:
    feature = await made(world, "sleeper")
    await call(world, "POST", f"/api/v2/features/{feature['id']}/deactivate", if_match="*")
    await made(world, "only one")
    async with world_with(world, active_feature_limit=1) as strict, nothing_written(strict):
        answer = await call(strict, "PUT", f"{V1}/{feature['id']}", body={"name": "new name", "status": "active"})
    assert refusal(answer) == (409, "FEATURE_LIMIT_EXCEEDED")


async def test_if_match_is_honoured_and_not_demanded(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    assert (await call(world, "PUT", f"{V1}/{id}", body={"name": "a"})).status_code == 200
    assert (await call(world, "PUT", f"{V1}/{id}", body={"name": "b"}, if_match='"2"')).status_code == 200
    assert (await call(world, "PUT", f"{V1}/{id}", body={"name": "c"}, if_match="*")).status_code == 200
    async with nothing_written(world):
        for header in ('"3"', 'W/"4"', "4", '"x"'):
            answer = await call(world, "PUT", f"{V1}/{id}", body={"name": "d"}, if_match=header)
            assert refusal(answer) == (412, "STALE_VERSION")
        answer = await call(world, "PUT", f"{V1}/{id}", body={"name": "d"}, if_none_match="*")
        assert refusal(answer) == (412, "STALE_VERSION")


async def test_get_of_what_one_knows_has_no_body_until_it_changes(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    known = (await call(world, "GET", f"{V1}/{id}")).headers["etag"]
    unchanged = await call(world, "GET", f"{V1}/{id}", if_none_match=known)
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", known)
    await call(world, "PUT", f"{V1}/{id}", body={"name": "torch"})
    changed = await call(world, "GET", f"{V1}/{id}", if_none_match=known)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


async def test_deleted_feature_is_gone_but_listed_when_asked_for(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    assert (await call(world, "DELETE", f"{V1}/{id}")).status_code == 204
    for method in ("DELETE", "GET", "PUT"):
        body = {"name": "x"} if method == "PUT" else None
        assert refusal(await call(world, method, f"{V1}/{id}", body=body)) == (404, "NOT_FOUND")
    assert names(await listed(world)) == []
    [deleted] = (await listed(world, "?status=deleted"))["data"]
    assert (deleted["name"], deleted["status"]) == ("lamp", "deleted")


async def test_list_is_filtered_by_what_is_given(world: World) -> None:
    await made(world, "red lamp", metadata={"category": "light", "tags": ["red", "warm"]})
    await made(world, "blue lamp", metadata={"category": "light", "tags": ["blue"]})
    await made(world, "blue car", metadata={"category": "car", "tags": ["blue"]})
    inactive = await made(world, "old lamp", metadata={"category": "light"})
    await call(world, "POST", f"/api/v2/features/{inactive['id']}/deactivate", if_match="*")
    for query, found in (
        ("", ["blue car", "blue lamp", "red lamp"]),
        ("&category=light", ["blue lamp", "red lamp"]),
        ("&tag=blue", ["blue car", "blue lamp"]),
        ("&category=light&tag=blue", ["blue lamp"]),
        ("&q=lamp", ["blue lamp", "red lamp"]),
        ("&q=lamp+-red", ["blue lamp"]),
        ("&status=inactive", ["old lamp"]),
        ("&status=archived", []),
        ("&category=nothing", []),
        ("&q=&tag=", ["blue car", "blue lamp", "red lamp"]),
    ):
        body = await listed(world, f"?sort=name:asc{query}")
        assert (names(body), body["pagination"]["total"]) == (found, len(found)), query


@pytest.mark.parametrize("field", ["created_at", "updated_at", "name", "status"])
async def test_slices_of_every_order_make_up_the_list_without_gap_or_twin(world: World, field: str) -> None:
    await world.plant("user", 7)  # three of each have one time
    rows = await world.owner.fetch(f"SELECT id::text FROM features ORDER BY {field}, id")
    ids = [row[0] for row in rows]
    for direction, expected in (("asc", ids), ("desc", ids[::-1])):
        found: list[str] = []
        for offset in (0, 3, 6, 9):
            body = await listed(world, f"?status=inactive&limit=3&offset={offset}&sort={field}:{direction}")
            found += [feature["id"] for feature in body["data"]]
            more = offset + 3 < 7
            assert body["pagination"] == {"limit": 3, "offset": offset, "total": 7, "has_more": more}
        assert found == expected


@pytest.mark.parametrize("order", ORDERS.values(), ids=list(ORDERS))
def test_order_of_a_slice_is_total(order: FeatureOrder) -> None:
    """An index that it walks would keep ties in order, but nothing says that it is walked."""
    text = slice_statement((), order).text
    assert f"ORDER BY features.{order.field.lower()} {order.direction}, features.id {order.direction}" in text


async def test_slice_at_the_bounds(world: World) -> None:
    await world.plant("user", 2)
    for query, count in (("limit=2", 2), ("limit=1&offset=1", 1), ("limit=100&offset=10000", 0), ("offset=2", 0)):
        body = await listed(world, f"?status=inactive&{query}")
        assert (len(body["data"]), body["pagination"]["total"], body["pagination"]["has_more"]) == (count, 2, False)


async def test_list_costs_one_statement_for_one_feature_and_for_fifty(world: World) -> None:
    await world.plant("user", 1)
    await listed(world)
    for more in (0, 49):
        await world.plant("user", more)
        world.statements.clear()
        await listed(world, "?status=inactive&limit=100")
        assert world.statements == ["feature.slice"]


async def test_time_is_told_in_milliseconds_and_never_rounded_up(world: World) -> None:
    [id] = await world.plant("user", 1, created_at=BIRTH, updated_at=BIRTH + timedelta(microseconds=999_999))
    data = (await call(world, "GET", f"{V1}/{id}")).json()["data"]
    assert (data["created_at"], data["updated_at"]) == ("2020-01-01T00:00:00.000Z", "2020-01-01T00:00:00.999Z")


async def test_id_is_found_in_any_case_and_in_no_other_form(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    assert (await call(world, "GET", f"{V1}/{id.upper()}")).status_code == 200
    for other in (id.replace("-", ""), f"{{{id}}}", f"urn:uuid:{id}", f"{id}%20", f"{id}%00", "%C3%A4", "1"):
        assert refusal(await call(world, "GET", f"{V1}/{other}")) == (404, "NOT_FOUND")


async def test_feature_archived_through_graphql_is_archived_in_v1(world: World) -> None:
    feature = await world.create("lamp")
    await written(world, "archiveFeature", id=feature["id"])
    assert (await listed(world, "?status=archived"))["data"][0]["id"] == feature["databaseId"]


async def test_request_id_is_the_callers_and_in_the_trail(world: World) -> None:
    answer = await call(world, "POST", V1, body={"name": "x"}, x_request_id="mine-1")
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json()["meta"]["request_id"] == "req_mine-1"
    assert await world.owner.fetchval("SELECT metadata ->> 'requestId' FROM audit_entries") == "mine-1"


async def test_requests_are_counted_by_the_template_of_their_path(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    await call(world, "GET", f"{V1}/{id}")
    await call(world, "GET", "/api/v1/nothing/here")
    text = (await world.client.get("/metrics")).text
    assert 'http_requests_total{method="GET",route="/api/v1/features/{id}",status="200"} 1.0' in text
    assert 'http_requests_total{method="GET",route="other",status="404"} 1.0' in text
    assert id not in text
