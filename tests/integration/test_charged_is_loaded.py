"""Whatever is asked, it is paid for: no operation loads more than it is charged."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from typing import Any
from uuid import UUID

import pytest
from graphql import parse, validate

from app.domain.rate_limit.model import MAX_LIMIT, PointLimits
from app.kernel.ids import global_id
from app.resolvers.root import core
from tests.fixtures.operations import Operations
from tests.fixtures.world import BIRTH, Who, World

ASKED = 130
ROLES: Sequence[Who] = ("admin", "manager", "user", "viewer")


class Loaded:
    """Rows that PostgreSQL gave: those of pages with the one beyond them, counts, and the actor's own."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows = 0
        fetch = world.wiring.database.fetch

        async def counted(*arguments: Any, **binds: Any) -> list[Any]:
            rows = await fetch(*arguments, **binds)
            self.rows += len(rows)
            return rows

        monkeypatch.setattr(world.wiring.database, "fetch", counted)


async def planted(world: World) -> dict[str, list[str]]:
    """Global ids by type: features of several owners with trails of several lengths."""
    features: list[UUID] = []
    plan: tuple[tuple[Who, int], ...] = (("user", 30), ("manager", 6), ("other", 2))
    for who, count in plan:
        features += await world.plant(who, count)
    for number, id in enumerate(features[:12]):
        await world.plant_entries(id, "user", BIRTH + timedelta(days=number), number)
    entries = await world.owner.fetch("SELECT id FROM audit_entries ORDER BY created_at, id LIMIT 20")
    return {
        "User": [global_id("User", id) for id in world.users.values()],
        "Feature": [global_id("Feature", id) for id in features],
        "AuditEntry": [global_id("AuditEntry", row["id"]) for row in entries],
    }


async def test_no_operation_loads_more_than_it_is_charged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.wiring._points = PointLimits(MAX_LIMIT, MAX_LIMIT)
    operations = Operations(core, 1, await planted(world), left_out=["dryRun"])
    loaded, spent, shares = Loaded(world, monkeypatch), [], []

    for number, asked in enumerate(islice(operations, ASKED)):
        assert validate(core, parse(asked.query)) == [], asked
        loaded.rows = 0
        body = {"query": asked.query, "variables": asked.variables}
        answer = (await world.post(body, ROLES[number % 4], **{"x-graphql-cost": "1"})).json()
        if "data" not in answer:
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"QUERY_TOO_COMPLEX"}, answer
            assert loaded.rows == 0
            continue
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        assert codes <= {"FORBIDDEN"}, (asked, answer["errors"])  # security events, to all but administrators
        charged = answer["extensions"]["cost"]["requested"]
        assert charged >= loaded.rows, asked
        spent.append(charged)
        shares.append(loaded.rows / charged)

    assert len(spent) >= 100
    assert max(spent) > 1000  # large ones are among them,
    assert sum(share > 0.5 for share in shares) >= 10  # and prices are no wild guesses
