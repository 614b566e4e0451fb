"""What the calls of REST v2 do (R5, R8)."""

import asyncio
import re
from typing import Any

import pytest

from tests.fixtures.rest import V2, call, made, refusal
from tests.fixtures.world import World
from tests.fixtures.writes import assert_sound, nothing_written

ACTS = ("activate", "deactivate", "archive", "restore")


async def patched(world: World, id: str, patch: object, tag: str = "*", content_type: str = "application/json") -> Any:
    answer = await call(world, "PATCH", f"{V2}/{id}", body=patch, if_match=tag, content_type=content_type)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def links(answer: Any) -> dict[str, str]:
    return {name: url for url, name in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.headers.get("link", ""))}


async def test_feature_in_v2_says_all_that_there_is(world: World) -> None:
    answer = await call(world, "POST", V2, body={"name": "lamp", "metadata": {"category": "light", "tags": ["a"]}})
    data = answer.json()["data"]
    assert list(data) == [
        *("id", "owner_id", "name", "description", "status", "metadata", "category", "tags", "version"),
        *("created_at", "updated_at", "deleted_at"),
    ]
    assert (data["owner_id"], data["status"], data["version"]) == (str(world.users["user"]), "active", 1)
    assert (data["category"], data["tags"], data["deleted_at"]) == ("light", ["a"], None)
    assert answer.headers["x-api-version"] == "2" and "deprecation" not in answer.headers
    got = await call(world, "GET", answer.headers["location"])
    assert got.json()["data"] == data
    assert got.headers["cache-control"] == "private, no-cache"


async def test_pages_forward_and_backward_by_their_links_make_up_the_list(world: World) -> None:
    await world.plant("user", 7)
    ids = [str(row[0]) for row in await world.owner.fetch("SELECT id FROM features ORDER BY name DESC, id DESC")]
    found, url, pages = [], f"{V2}?first=3&sort=name:desc&status=inactive&status=active", []
    while url:
        answer = await call(world, "GET", url)
        pages.append(answer)
        found += [feature["id"] for feature in answer.json()["data"]]
        url = links(answer).get("next", "")
    assert found == ids and len(pages) == 3
    assert "prev" not in links(pages[0])
    back = await call(world, "GET", links(pages[2])["prev"])
    assert [feature["id"] for feature in back.json()["data"]] == ids[3:6]
    assert "sort=name%3Adesc&status=inactive&status=active" in links(back)["prev"]


async def test_cursors_are_those_of_graphql(world: World) -> None:
    await world.plant("user", 3)
    text = "{ features(first: 1, orderBy: {field: NAME, direction: ASC}) { pageInfo { endCursor } } }"
    cursor = (await world.data(text, "user"))["features"]["pageInfo"]["endCursor"]
    body = (await call(world, "GET", f"{V2}?first=1&sort=name:asc&after={cursor}")).json()
    assert body["page_info"]["has_previous_page"] and body["page_info"]["has_next_page"]
    wrong = await call(world, "GET", f"{V2}?after={cursor}")
    assert refusal(wrong) == (400, "VALIDATION_ERROR")
    assert wrong.json()["errors"][0]["field"] == "after"


async def test_list_that_has_not_changed_is_not_sent_again(world: World) -> None:
    await made(world, "lamp")
    first = await call(world, "GET", V2)
    again = await call(world, "GET", V2, if_none_match=first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    await made(world, "torch")
    changed = await call(world, "GET", V2, if_none_match=first.headers["etag"])
    assert changed.status_code == 200 and len(changed.json()["data"]) == 2


async def test_owner_filter_and_lists_of_values(world: World) -> None:
    await made(world, "a", metadata={"tags": ["x"]})
    await made(world, "b", "manager", metadata={"tags": ["y"]})
    owner = str(world.users["user"])

    async def names(query: str) -> list[str]:
        body = (await call(world, "GET", f"{V2}?sort=name:asc&{query}", "admin")).json()
        return [feature["name"] for feature in body["data"]]

    assert await names("") == ["a", "b"]
    assert await names(f"owner_id={owner}") == ["a"]
    assert await names("tag=x&tag=y") == ["a", "b"]
    assert await names("status=deleted&status=archived") == []


@pytest.mark.parametrize("media", ["application/json", "application/merge-patch+json"])
async def test_patch_merges_metadata_and_leaves_the_rest(world: World, media: str) -> None:
    metadata = {"category": "a", "deep": {"x": 1, "y": 2}, "list": [1, 2]}
    id = (await made(world, "lamp", description="old", metadata=metadata))["id"]
    patch = {"metadata": {"category": None, "deep": {"y": None, "z": {"n": None}}, "list": [3]}}
    data = await patched(world, id, patch, content_type=media)
    assert data["metadata"] == {"deep": {"x": 1, "z": {}}, "list": [3]}
    assert (data["name"], data["description"], data["category"], data["version"]) == ("lamp", "old", None, 2)
    assert (await patched(world, id, {"description": None}))["description"] is None
    assert (await patched(world, id, {"name": "torch", "status": "inactive"}))["status"] == "inactive"
    await assert_sound(world.owner)


async def test_patch_that_changes_nothing_succeeds_and_writes_nothing(world: World) -> None:
    id = (await made(world, "lamp", metadata={"a": 1}))["id"]
    patches: list[dict[str, object]] = [{}, {"name": "lamp"}, {"metadata": {}}, {"metadata": {"b": None}}]
    async with nothing_written(world):
        for patch in [*patches, {"status": "active"}]:
            assert (await patched(world, id, patch, '"1"'))["version"] == 1


@pytest.mark.parametrize(
    ("patch", "field", "issue"),
    [
        ({"metadata": {"tags": "x"}}, "metadata.tags", "type"),
        ({"metadata": {"more": "x" * 9_000}}, "metadata", "max_length"),  # each half is short enough, not the whole
        ({"metadata": []}, "metadata", "type"),
        ({"name": None}, "name", "required"),
        ({"status": "deleted"}, "status", "format"),
        ({"owner_id": "x"}, "owner_id", "unknown"),
    ],
)
async def test_patch_whose_outcome_breaks_a_rule_is_refused_and_writes_nothing(
    world: World, patch: dict[str, Any], field: str, issue: str
) -> None:
    id = (await made(world, "lamp", metadata={"some": "x" * 9_000, "tags": ["a"]}))["id"]
    async with nothing_written(world):
        answer = await call(world, "PATCH", f"{V2}/{id}", body=patch, if_match="*")
    assert refusal(answer) == (400, "VALIDATION_ERROR")
    [error] = answer.json()["errors"]
    assert (error["field"], error["issue"]) == (field, issue)


async def test_twenty_patches_of_one_feature_at_once_lose_nothing(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    await asyncio.gather(*(patched(world, id, {"metadata": {f"k{n}": n}}) for n in range(20)))
    data = (await call(world, "GET", f"{V2}/{id}")).json()["data"]
    assert data["metadata"] == {f"k{n}": n for n in range(20)}
    assert data["version"] == 21
    await assert_sound(world.owner)


async def test_of_ten_changes_of_one_version_at_once_one_is_written(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    answers = await asyncio.gather(
        *(call(world, "PATCH", f"{V2}/{id}", body={"name": f"lamp {n}"}, if_match='"1"') for n in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    await assert_sound(world.owner)


async def test_change_of_what_exists_demands_the_version(world: World) -> None:
    feature = await made(world, "lamp")
    url = f"{V2}/{feature['id']}"
    calls = [("PUT", url), ("PATCH", url), ("DELETE", url), *(("POST", f"{url}/{act}") for act in ACTS)]
    async with nothing_written(world):
        for method, path in calls:
            body = {"name": "x"} if method in ("PUT", "PATCH") else None
            assert refusal(await call(world, method, path, body=body)) == (428, "PRECONDITION_REQUIRED")
            answer = await call(world, method, path, body=body, if_match='"7"')
            assert refusal(answer) == (412, "STALE_VERSION"), (method, path)


async def test_acts_lead_through_the_statuses(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    for version, (act, status) in enumerate(
        [("deactivate", "inactive"), ("activate", "active"), ("archive", "archived"), ("activate", "active")], 1
    ):
        answer = await call(world, "POST", f"{V2}/{id}/{act}", if_match=f'"{version}"')
        assert (answer.json()["data"]["status"], answer.headers["etag"]) == (status, f'"{version + 1}"')
    assert (await call(world, "DELETE", f"{V2}/{id}", if_match='"5"')).status_code == 204
    restored = await call(world, "POST", f"{V2}/{id}/restore", if_match='"6"')
    assert (restored.json()["data"]["status"], restored.json()["data"]["version"]) == ("active", 7)
    await assert_sound(world.owner)


async def test_trail_and_revisions_tell_what_the_feature_was(world: World) -> None:
    id = (await made(world, "lamp", metadata={"k": 1}))["id"]
    await patched(world, id, {"name": "torch"})
    await call(world, "POST", f"{V2}/{id}/archive", if_match="*")
    body = (await call(world, "GET", f"{V2}/{id}/audit-entries?first=2")).json()
    assert [(entry["action"], entry["version"]) for entry in body["data"]] == [("archive", 3), ("update", 2)]
    assert body["data"][0]["changes"] == [{"field": "status", "old": "active", "new": "archived"}]
    assert body["data"][1]["changes"] == [{"field": "name", "old": "lamp", "new": "torch"}]
    assert body["data"][0]["actor_id"] == str(world.users["user"])
    for version, name, status in ((1, "lamp", "active"), (2, "torch", "active"), (3, "torch", "archived")):
        answer = await call(world, "GET", f"{V2}/{id}/revisions/{version}")
        data = answer.json()["data"]
        assert (data["name"], data["status"], data["version"], data["metadata"]) == (name, status, version, {"k": 1})
        assert answer.headers["etag"] == f'"{version}"'
    for other in ("0", "4", "-1", "x", "1.0", "9" * 20, "٣", "1%00"):
        assert refusal(await call(world, "GET", f"{V2}/{id}/revisions/{other}")) == (404, "NOT_FOUND")


async def test_trail_outlives_its_feature_and_an_empty_page_of_it_is_no_404(world: World) -> None:
    id = (await made(world, "lamp"))["id"]
    await call(world, "DELETE", f"{V2}/{id}", if_match="*")
    url = f"{V2}/{id}/audit-entries"
    first = (await call(world, "GET", f"{url}?first=2")).json()
    assert [entry["action"] for entry in first["data"]] == ["delete", "create"]
    beyond = await call(world, "GET", f"{url}?after={first['page_info']['end_cursor']}")
    assert (beyond.status_code, beyond.json()["data"]) == (200, [])
    assert (await call(world, "GET", f"{url}?first=0")).json()["data"] == []
    assert refusal(await call(world, "GET", f"{url}?first=0", "other")) == (404, "NOT_FOUND")


async def test_problem_has_a_page_that_tells_more(world: World) -> None:
    answer = await call(world, "GET", f"{V2}/{'x' * 300}")
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert list(problem) == ["type", "title", "status", "detail", "instance", "code", "request_id"]
    assert problem["request_id"] == answer.headers["x-request-id"]
    page = await world.client.get(problem["type"])
    assert page.status_code == 200 and problem["title"] in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    index = await world.client.get("/errors")
    assert f'href="{problem["type"]}"' in index.text
    assert (await world.client.get("/errors/NO_SUCH")).status_code == 404


async def test_path_cannot_put_anything_into_a_header(world: World) -> None:
    for path in ("/api/v1/features/%0d%0ax-evil:%201", "/api/v2/features/%0d%0ax", "/api/%0a", "/api/v1/features/%ff"):
        answer = await call(world, "GET", path)
        assert answer.status_code == 404
        assert "x-evil" not in answer.headers and not any("\n" in value for value in answer.headers.values())
