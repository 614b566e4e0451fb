"""What one may ask for over REST in a minute and in an hour (R26)."""

from dataclasses import replace
from typing import get_args

import pytest

from app.domain.rate_limit.model import HOUR, Draw, Policies, Policy
from app.domain.rate_limit.service import Limiter
from app.kernel.actor import GUEST, Actor
from app.kernel.clock import new_id
from app.kernel.ids import UserId
from app.rest.limits import ActLimits
from app.rest.route import Method
from tests.fixtures.buckets import InMemory
from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import V1, V2, call, made, refusal
from tests.fixtures.world import World

ONE = Policy("one", 1, HOUR)
POLICIES = Policies(
    guest=Policy("requests", 100),
    user=Policy("requests", 100),
    post=replace(ONE, name="post"),
    get=replace(ONE, name="get"),
    put=replace(ONE, name="put"),
    delete=replace(ONE, name="delete"),
)


class ByPolicy(InMemory):
    """A bucket per policy and key, as in Redis."""

    async def take(self, key: str, policy: Policy, points: int) -> Draw:
        return await super().take(f"{policy.name}:{key}", policy, points)


async def allowed(limits: ActLimits, method: Method, actor: Actor, client: str = "") -> bool:
    return (await limits.take(method, actor, client)).allowed


async def test_acts_users_and_addresses_have_buckets_of_their_own_but_put_and_patch_share_one() -> None:
    limits = ActLimits(Limiter(ByPolicy()), POLICIES)
    one, other = Actor(UserId(new_id()), "USER"), Actor(UserId(new_id()), "USER")
    for method in get_args(Method.__value__):
        assert await allowed(limits, method, one) is (method != "PATCH")
    assert await allowed(limits, "PATCH", other)
    assert await allowed(limits, "GET", GUEST, "1.2.3.4")
    assert await allowed(limits, "GET", GUEST, "5.6.7.8")
    assert not await allowed(limits, "GET", GUEST, "1.2.3.4")


async def test_limit_of_the_role_is_met_by_all_acts_together() -> None:
    policies = replace(POLICIES, user=Policy("requests", 2), get=Policy("get", 100, HOUR))
    limits, actor = ActLimits(Limiter(ByPolicy()), policies), Actor(UserId(new_id()), "USER")
    assert [await allowed(limits, method, actor) for method in ("GET", "POST", "GET")] == [True, True, False]
    assert (await limits.take("GET", actor, "")).policy.name == "requests"


async def test_spent_limit_refuses_that_act_alone_in_both_versions_and_writes_nothing(world: World) -> None:
    async with world_with(world, rest_post_limit=1) as strict:
        id = (await made(strict, "one"))["id"]
        for path in (V1, V2, f"{V2}/{id}/archive"):
            answer = await call(strict, "POST", path, body={"name": "two"}, if_match="*")
            assert refusal(answer) == (429, "RATE_LIMITED")
            assert 3500 < int(answer.headers["retry-after"]) <= 3600
            assert answer.headers["ratelimit-policy"] == '"post";q=1;w=3600'
        assert (await call(strict, "GET", f"{V1}/{id}")).json()["data"]["status"] == "active"
        assert (await call(strict, "POST", V1, "other", {"name": "two"})).status_code == 201


@pytest.mark.parametrize("path", [V1, V2])
async def test_answer_tells_what_is_left(world: World, path: str) -> None:
    answer = await call(world, "GET", path)
    assert answer.headers["ratelimit-policy"] == '"get";q=1000;w=3600'
    assert answer.headers["ratelimit"].startswith('"get";r=999;')
