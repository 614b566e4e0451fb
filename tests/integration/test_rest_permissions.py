"""Who may do what over REST, as the matrix of the behaviour says it: every route, every role."""

from typing import Any

import pytest

from app.config.rest import V1_DEPRECATED
from app.rest.version import current_version, legacy_version
from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import PLENTY, call, made
from tests.fixtures.world import Who, World
from tests.fixtures.writes import nothing_written

type Row = dict[Who, int]

EVERYBODY: tuple[Who, ...] = ("guest", "viewer", "user", "other", "manager", "admin")
SECRETS = ("secret", "@example.com")


def row(viewer: int, user: int, other: int, manager: int, admin: int) -> Row:
    """Statuses; a guest is refused everywhere."""
    return {"guest": 401, "viewer": viewer, "user": user, "other": other, "manager": manager, "admin": admin}


LIST = row(200, 200, 200, 200, 200)  # of what they may see
CREATE = row(403, 201, 201, 201, 201)
READ = row(200, 200, 404, 200, 200)  # of a feature of the user's
CHANGE = row(403, 200, 404, 200, 200)
DELETE = row(403, 204, 404, 204, 204)
ROWS: dict[tuple[str, str], Row] = {
    ("POST", "/api/v1/features"): CREATE,
    ("GET", "/api/v1/features"): LIST,
    ("GET", "/api/v1/features/{id}"): READ,
    ("PUT", "/api/v1/features/{id}"): CHANGE,
    ("DELETE", "/api/v1/features/{id}"): DELETE,
    ("POST", "/api/v2/features"): CREATE,
    ("GET", "/api/v2/features"): LIST,
    ("GET", "/api/v2/features/{id}"): READ,
    ("PUT", "/api/v2/features/{id}"): CHANGE,
    ("PATCH", "/api/v2/features/{id}"): CHANGE,
    ("DELETE", "/api/v2/features/{id}"): DELETE,
    ("POST", "/api/v2/features/{id}/activate"): CHANGE,
    ("POST", "/api/v2/features/{id}/deactivate"): CHANGE,
    ("POST", "/api/v2/features/{id}/archive"): CHANGE,
    ("POST", "/api/v2/features/{id}/restore"): CHANGE,
    ("POST", "/api/v2/features/{id}/revert"): CHANGE,
    ("POST", "/api/v2/features/bulk"): row(403, 200, 200, 200, 200),
    ("GET", "/api/v2/features/export"): LIST,
    ("POST", "/api/v2/features/import"): row(403, 200, 200, 200, 200),
    ("GET", "/api/v2/features/{id}/audit-entries"): READ,
    ("GET", "/api/v2/features/{id}/revisions/{version}"): READ,
}


def test_every_route_has_a_row_for_every_role() -> None:
    versions = (legacy_version(V1_DEPRECATED, None), current_version())
    assert set(ROWS) == {(route.method, route.path) for version in versions for route in version.routes.all}
    assert all(set(found) == set(EVERYBODY) for found in ROWS.values())


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_everybody_gets_what_the_matrix_grants_and_a_refusal_writes_and_tells_nothing(
    world: World, method: str, path: str
) -> None:
    async with world_with(world, **PLENTY) as plenty:
        for who, expected in ROWS[method, path].items():
            at = await place(plenty, path, f"secret of {who}")
            if expected < 400:
                answer = await ask(plenty, method, at, who)
            else:
                async with nothing_written(plenty):
                    answer = await ask(plenty, method, at, who)
                assert not any(secret in answer.text for secret in SECRETS)
            assert answer.status_code == expected, (who, answer.text)


async def ask(world: World, method: str, path: str, who: Who) -> Any:
    body: object = {"name": f"new secret of {who}"}
    if path.endswith("/bulk"):
        body = {"items": [{"op": "create", "name": f"new secret of {who} in bulk"}]}
    elif path.endswith("/import"):
        body = b'{"name": "new secret of %b in a document"}' % who.encode()
        return await call(world, method, path, who, body, content_type="application/jsonl")
    elif path.endswith("/revert"):
        body = {"version": 1}
    elif method not in ("PUT", "PATCH") and not path.endswith("/features"):
        body = None
    return await call(world, method, path, who, None if method == "GET" else body, if_match="*")


async def place(world: World, template: str, name: str) -> str:
    """The path, to a new feature of the user's in the status that the act takes."""
    if "{id}" not in template:
        return template
    feature = await made(world, name)
    path = template.replace("{id}", feature["id"]).replace("{version}", "1")
    before = {"activate": "/deactivate", "restore": ""}.get(template.rsplit("/", 1)[-1])
    if before is not None:
        method = "POST" if before else "DELETE"
        await call(world, method, f"/api/v2/features/{feature['id']}{before}", if_match="*")
    return path


async def test_v1_lists_ones_own_features_and_v2_all_that_one_may_see(world: World) -> None:
    await made(world, "of the user")
    await made(world, "of the manager", "manager")
    rows: list[tuple[Who, int, int]] = [("user", 1, 1), ("other", 0, 0), ("viewer", 0, 2), ("manager", 1, 2)]
    for who, own, seen in rows:
        assert len((await call(world, "GET", "/api/v1/features", who)).json()["data"]) == own
        assert len((await call(world, "GET", "/api/v2/features", who)).json()["data"]) == seen


async def test_only_an_administrator_creates_for_somebody_else(world: World) -> None:
    owner_id = str(world.users["viewer"])
    rows: list[tuple[Who, int]] = [("user", 403), ("manager", 403), ("admin", 201)]
    for who, status in rows:
        body = {"name": f"for the viewer by {who}", "owner_id": owner_id}
        assert (await call(world, "POST", "/api/v2/features", who, body)).status_code == status


async def test_bad_input_of_those_who_may_not_write_is_not_looked_at(world: World) -> None:
    for path in ("/api/v1/features", "/api/v2/features"):
        assert (await call(world, "POST", path, "guest", b"{")).status_code == 401
        assert (await call(world, "POST", path, "viewer", b"{")).status_code == 403
