"""Every mutation there is takes an Idempotency-Key, and all that it writes stands or falls with its answer (R9)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import httpx

from app.kernel.clock import utc_now
from app.resolvers.root import core
from tests.fixtures.world import World

WITHOUT_KEY = {"createApiToken"}  # its secret is kept nowhere
TABLES = """SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
    AND NOT relispartition"""


async def inputs(world: World) -> dict[str, Mapping[str, object]]:
    """One of each, such that all work in this order."""
    one, two, gone = [(await world.create(name, "admin"))["id"] for name in ("one", "two", "gone")]
    await act(world, "deactivateFeature", {"id": two})
    await act(world, "deleteFeature", {"id": gone})
    expires = (utc_now() + timedelta(days=1)).isoformat()
    create = {"name": "token", "scopes": ["FEATURES_READ"], "expiresAt": expires}
    made = (await act(world, "createApiToken", create, "apiToken { id }")).json()
    token, user = made["data"]["createApiToken"]["apiToken"]["id"], world.id_of("other")
    return {
        "createFeature": {"name": "new"},
        "updateFeature": {"id": one, "expectedVersion": 1, "name": "renamed"},
        "deactivateFeature": {"id": one},
        "activateFeature": {"id": two},
        "archiveFeature": {"id": two},
        "deleteFeature": {"id": one},
        "restoreFeature": {"id": gone},
        "bulkUpdateFeatures": {"items": [{"create": {"name": "many"}}, {"archive": {"id": two}}], "atomic": True},
        "createUser": {"name": "new", "email": "new@example.com", "role": "USER"},
        "updateUser": {"userId": user, "name": "renamed"},
        "changeUserRole": {"userId": user, "role": "VIEWER"},
        "disableUser": {"userId": user},
        "enableUser": {"userId": user},
        "revokeApiToken": {"id": token},
    }


async def act(
    world: World, name: str, input: Mapping[str, object], selected: str = "userErrors { code }", **headers: str
) -> httpx.Response:
    kind = name[0].upper() + name[1:]
    query = f"mutation($input: {kind}Input!) {{ {name}(input: $input) {{ {selected} }} }}"
    return await world.post({"query": query, "variables": {"input": input}}, "admin", **headers)


async def stored(world: World) -> dict[str, Any]:
    """All that is in the database."""
    tables = [row[0] for row in await world.owner.fetch(TABLES)]
    return {table: await world.owner.fetch(f"SELECT t::text FROM {table} t ORDER BY 1") for table in tables}


async def test_every_mutation_is_undone_where_its_answer_cannot_be_kept_and_else_replayed(world: World) -> None:
    asked = await inputs(world)
    assert core.mutation_type
    assert {*asked, *WITHOUT_KEY} == set(core.mutation_type.fields)

    await world.owner.execute("REVOKE INSERT ON idempotency_keys FROM feature_api_app, feature_api_guarded")
    before = await stored(world)
    for name, input in asked.items():
        answer = await act(world, name, input, **{"idempotency-key": name})
        assert (name, answer.status_code) == (name, 500)
    assert await stored(world) == before

    await world.owner.execute("GRANT INSERT ON idempotency_keys TO feature_api_app")
    for name, input in asked.items():
        first = await act(world, name, input, **{"idempotency-key": name})
        assert first.json() == {"data": {name: {"userErrors": []}}}
        after = await stored(world)
        again = await act(world, name, input, **{"idempotency-key": name})
        assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
        assert await stored(world) == after
