"""What one may ask for over REST in an hour (R26)."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from app.adapters.rate_limit import LocalBuckets
from app.kernel.actor import GUEST, Actor
from app.kernel.clock import new_id
from app.kernel.errors import RateLimited
from app.kernel.ids import UserId
from app.rest.limits import ActLimits
from app.rest.route import Method
from tests.fixtures.endpoint import world_with
from tests.fixtures.rest import V1, V2, call, made, refusal
from tests.fixtures.world import World

START = datetime(2026, 1, 1, tzinfo=UTC)


class Time:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def limits(time: Time, posts: int = 1) -> ActLimits:
    return ActLimits(LocalBuckets(), {"GET": 1, "POST": posts, "PUT": 1, "DELETE": 1}, time)


async def test_hundred_an_hour_come_back_one_in_thirty_six_seconds() -> None:
    time, actor = Time(), Actor(UserId(new_id()), "USER")
    found = limits(time, posts=100)
    for _ in range(100):
        await found.charge("POST", actor, "")
    with pytest.raises(RateLimited) as caught:
        await found.charge("POST", actor, "")
    assert caught.value.retry_after in (36, 37)
    time.now += timedelta(seconds=37)
    await found.charge("POST", actor, "")
    with pytest.raises(RateLimited):
        await found.charge("POST", actor, "")


async def test_acts_users_and_addresses_have_buckets_of_their_own_but_put_and_patch_share_one() -> None:
    found, one, other = limits(Time()), Actor(UserId(new_id()), "USER"), Actor(UserId(new_id()), "USER")
    for method in get_args(Method.__value__):
        if method != "PATCH":
            await found.charge(method, one, "1.2.3.4")
    with pytest.raises(RateLimited):
        await found.charge("PATCH", one, "5.6.7.8")
    await found.charge("PATCH", other, "1.2.3.4")
    await found.charge("GET", GUEST, "1.2.3.4")
    await found.charge("GET", GUEST, "5.6.7.8")
    with pytest.raises(RateLimited):
        await found.charge("GET", GUEST, "1.2.3.4")


async def test_spent_limit_refuses_that_act_alone_in_both_versions_and_writes_nothing(world: World) -> None:
    async with world_with(world, rest_posts=1) as strict:
        id = (await made(strict, "one"))["id"]
        for path in (V1, V2, f"{V2}/{id}/archive"):
            answer = await call(strict, "POST", path, body={"name": "two"}, if_match="*")
            assert refusal(answer) == (429, "RATE_LIMITED")
            assert 3500 < int(answer.headers["retry-after"]) <= 3600
        assert (await call(strict, "GET", f"{V1}/{id}")).json()["data"]["status"] == "active"
        assert (await call(strict, "POST", V1, "other", {"name": "two"})).status_code == 201
