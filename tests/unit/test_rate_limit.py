"""Points per minute: exact buckets, one per actor, that hold whatever the order and time of the requests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.rate_limit import LocalBuckets
from app.domain.rate_limit.model import HOUR, MAX_LIMIT, Decision, Draw, PointLimits, Policy, RateLimit
from app.domain.rate_limit.service import Limiter, RateLimitService
from app.kernel.actor import GUEST, Actor
from app.kernel.errors import QueryTooComplex, RateLimited
from app.kernel.ids import UserId
from tests.fixtures.buckets import InMemory, at_once
from tests.fixtures.examples import examples

START = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)
LIMITS = PointLimits(guest=600, user=60_000)
ADA = Actor(UserId(UUID(int=1)), "USER")
BOB = Actor(UserId(UUID(int=2)), "ADMIN")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


@dataclass
class Paying:
    """The service, whose answers are there at once."""

    service: RateLimitService

    def charge(self, cost: int) -> None:
        at_once(self.service.charge(cost))

    def status(self, cost: int) -> RateLimit:
        return at_once(self.service.status(cost))


@dataclass
class World:
    """Services over one store of buckets, and the time that they see."""

    local: LocalBuckets = field(default_factory=LocalBuckets)
    now: datetime = START

    def service(self, actor: Actor = GUEST, client: str = "192.0.2.1", limits: PointLimits = LIMITS) -> Paying:
        limiter = Limiter(InMemory(lambda: self.now, self.local))
        return Paying(RateLimitService(actor, limiter, lambda: self.now, limits, client))


def of(limit: int) -> Policy:
    return Policy("points", limit)


def charged(service: Paying, cost: int) -> RateLimit:
    """Where the actor stands after paying."""
    service.charge(cost)
    return service.status(cost)


def test_a_charge_says_what_is_left_and_when_the_bucket_is_full_again() -> None:
    service = World().service()
    assert charged(service, 100) == RateLimit(limit=600, remaining=500, cost=100, reset_at=after(10))
    assert charged(service, 1) == RateLimit(limit=600, remaining=499, cost=1, reset_at=after(10.1))
    seventh = charged(World().service(limits=PointLimits(guest=7, user=7)), 1)
    assert seventh.reset_at == after(8.571429)  # 60 / 7, rounded up


def test_a_bucket_fills_evenly_up_to_its_limit() -> None:
    world = World()
    service = world.service()
    service.charge(600)
    for seconds, remaining in [(0, 0), (0.099999, 0), (0.1, 1), (30, 300), (59.999999, 599), (60, 600), (3600, 600)]:
        world.now = after(seconds)
        reset_at = after(max(seconds, 60))
        assert service.status(7) == RateLimit(limit=600, remaining=remaining, cost=7, reset_at=reset_at)


def test_a_status_takes_nothing_and_makes_no_bucket() -> None:
    buckets = LocalBuckets()
    service = World(buckets).service()
    assert [service.status(1_000).remaining for _ in range(3)] == [600, 600, 600]
    assert len(buckets) == 0


def test_the_last_point_can_be_spent_and_the_next_is_refused_with_nothing_taken() -> None:
    service = World().service()
    assert charged(service, 600).remaining == 0
    with pytest.raises(RateLimited) as refused:
        service.charge(1)
    assert refused.value.facts == {"limit": 600, "cost": 1, "retryAfter": 1}
    assert service.status(0) == RateLimit(limit=600, remaining=0, cost=0, reset_at=after(60))


def test_a_refusal_leaves_what_is_there_for_a_cheaper_request() -> None:
    service = World().service()
    service.charge(550)
    with pytest.raises(RateLimited) as refused:
        service.charge(155)
    assert refused.value.retry_after == 11  # 105 points are missing, at ten a second
    assert charged(service, 50).remaining == 0


def test_a_cost_above_the_limit_is_too_complex_since_waiting_does_not_help() -> None:
    service = World().service()
    with pytest.raises(QueryTooComplex) as refused:
        service.charge(601)
    assert refused.value.facts == {"cost": 601, "limit": 600, "costliest": []}
    message = "This operation costs 601 points, and you have 600 a minute: ask for smaller pages, or split it."
    assert str(refused.value) == message
    assert service.status(0).remaining == 600


def test_a_negative_cost_is_a_bug_and_gives_no_points() -> None:
    service = World().service()
    service.charge(10)
    with pytest.raises(ValueError, match="-5"):
        service.charge(-5)
    assert service.status(0).remaining == 590


def test_guests_of_an_address_share_a_bucket_and_a_user_has_one_everywhere() -> None:
    world = World()
    world.service(GUEST, "192.0.2.1").charge(1)
    world.service(GUEST, "192.0.2.1").charge(2)
    world.service(ADA, "192.0.2.1").charge(10)
    world.service(ADA, "192.0.2.2").charge(20)
    asked = [(GUEST, "192.0.2.1"), (GUEST, "192.0.2.2"), (ADA, "192.0.2.3"), (BOB, "192.0.2.1")]
    assert [world.service(*who).status(0).remaining for who in asked] == [597, 600, 59_970, 60_000]


def test_a_guest_whose_address_is_a_users_key_is_still_a_guest() -> None:
    world = World()
    world.service(GUEST, f"user:{ADA.known().hex}").charge(600)
    assert world.service(ADA).status(0).remaining == 60_000


@pytest.mark.parametrize("limit", [0, -1, MAX_LIMIT + 1])
def test_a_limit_outside_its_bounds_is_refused(limit: int) -> None:
    for guest, user in [(limit, 1), (1, limit)]:
        with pytest.raises(ValueError, match=str(limit)):
            PointLimits(guest, user)


@pytest.mark.parametrize("limit", [1, MAX_LIMIT])
def test_the_least_and_the_greatest_limit_are_exact(limit: int) -> None:
    world = World()
    service = world.service(limits=PointLimits(guest=limit, user=limit))
    assert [charged(service, limit).remaining, service.status(0).reset_at] == [0, after(60)]
    world.now = after(59.999999)
    assert service.status(0).remaining == limit - -(-limit // 60_000_000)


def test_a_clock_that_goes_back_gives_nothing_and_stops_nothing() -> None:
    world = World()
    service = world.service()
    service.charge(400)
    for seconds, remaining in [(-3600, 200), (-3600 + 6, 260)]:
        world.now = after(seconds)
        assert service.status(0).remaining == remaining


def test_a_limit_that_was_lowered_leaves_an_empty_bucket_and_no_debt() -> None:
    buckets = LocalBuckets()
    assert buckets.take("a", of(600), 600, START) == Draw(True, 0)
    assert buckets.take("a", of(60), 1, START) == Draw(False, 0)
    assert buckets.take("a", of(60), 1, after(1)) == Draw(True, 0)


def test_what_is_given_back_fills_the_bucket_and_no_more() -> None:
    buckets = LocalBuckets()
    assert buckets.take("a", of(600), -5, START) == Draw(True, of(600).full)
    assert len(buckets) == 0
    buckets.take("a", of(600), 10, START)
    assert buckets.take("a", of(600), -4, START) == Draw(True, 594 * of(600).drops)
    assert buckets.take("a", of(600), -60, START) == Draw(True, of(600).full)


def test_an_hourly_act_comes_back_evenly_and_says_when() -> None:
    world, policy = World(), Policy("rest-delete", 50, HOUR)
    limiter = Limiter(InMemory(lambda: world.now, world.local))
    decisions = [at_once(limiter.take("user:1", policy)) for _ in range(51)]
    assert [decision.allowed for decision in decisions] == [True] * 50 + [False]
    first, last = decisions[0], decisions[-1]
    assert (first.remaining, first.reset, first.retry_after) == (49, 72, 0)  # 3600 s / 50
    assert (last.remaining, last.reset, last.retry_after) == (0, 3600, 72)
    assert at_once(limiter.take("user:2", policy)) == first
    world.now = after(72)
    assert at_once(limiter.take("user:1", policy)) == Decision(policy, True, 1, 0)


def test_full_buckets_are_forgotten_two_at_a_time() -> None:
    buckets = LocalBuckets()
    for n in range(5):
        buckets.take(f"early {n}", of(600), 10, START)  # full after one second
    buckets.take("late", of(600), 600, START)
    kept = []
    for _ in range(4):
        buckets.take("late", of(600), 0, after(2))
        kept.append(len(buckets))
    assert kept == [4, 2, 1, 1]
    assert buckets.take("late", of(600), 0, after(2)).drops == 20 * of(60).drops


def test_the_bucket_that_is_full_soonest_is_forgotten_where_there_are_too_many() -> None:
    buckets = LocalBuckets(capacity=3)
    for key, cost in [("empty", 600), ("half", 300), ("nearly full", 60), ("nearly empty", 590)]:
        buckets.take(key, of(600), cost, START)
    assert len(buckets) == 3
    left = {
        key: buckets.take(key, of(600), 0, START).drops // of(60).drops for key in ("empty", "half", "nearly empty")
    }
    assert left == {"empty": 0, "half": 300, "nearly empty": 10}
    assert buckets.take("nearly full", of(600), 0, START).drops == 600 * of(60).drops


MICROSECONDS = st.integers(0, 90_000_000)
REQUESTS = st.lists(st.tuples(MICROSECONDS | st.integers(0, 2_000), st.integers(0, 130)), min_size=1, max_size=40)


@examples(100)
@given(st.integers(1, 120), REQUESTS)
def test_no_window_gives_more_than_the_limit_and_its_refill(limit: int, requests: list[tuple[int, int]]) -> None:
    buckets, elapsed, granted = LocalBuckets(), 0, list[tuple[int, int]]()
    for pause, cost in requests:
        elapsed += pause
        if buckets.take("a", of(limit), cost, START + timedelta(microseconds=elapsed)).taken:
            granted.append((elapsed, cost))
    for first, (start, _) in enumerate(granted):
        spent = 0
        for end, cost in granted[first:]:
            spent += cost
            assert spent <= limit + Fraction(limit * (end - start), 60_000_000)


@examples(100)
@given(st.integers(1, 120), REQUESTS)
def test_a_bucket_is_exactly_what_arithmetic_says(limit: int, requests: list[tuple[int, int]]) -> None:
    buckets, world, points = LocalBuckets(), World(), Fraction(limit)
    for pause, cost in requests:
        world.now += timedelta(microseconds=pause)
        points = min(points + Fraction(limit * pause, 60_000_000), Fraction(limit))
        taken = cost <= points
        points -= cost if taken else 0
        assert buckets.take("a", of(limit), cost, world.now) == Draw(taken, int(points * of(60).drops))
        assert 0 <= points <= limit


@examples(100)
@given(st.integers(1, 120), REQUESTS)
def test_who_waits_as_told_is_served_and_who_comes_a_second_early_is_not(
    limit: int, requests: list[tuple[int, int]]
) -> None:
    world = World()
    service = world.service(limits=PointLimits(guest=limit, user=1))
    for pause, cost in requests:
        world.now += timedelta(microseconds=pause)
        if service.status(0).remaining < min(cost, limit):
            with pytest.raises(RateLimited) as refused:
                service.charge(min(cost, limit))
            assert 1 <= refused.value.retry_after <= 60
            world.now += timedelta(seconds=refused.value.retry_after - 1)
            with pytest.raises(RateLimited):
                service.charge(min(cost, limit))
            world.now += timedelta(seconds=1)
        standing = charged(service, min(cost, limit))
        assert 0 <= standing.remaining <= limit
        assert world.now <= standing.reset_at <= world.now + timedelta(seconds=60)


@examples(100)
@given(st.integers(1, 120), st.integers(0, 120), st.lists(MICROSECONDS, max_size=20))
def test_an_idle_bucket_only_fills(limit: int, cost: int, pauses: list[int]) -> None:
    world = World()
    service = world.service(limits=PointLimits(guest=limit, user=1))
    remaining = [charged(service, min(cost, limit)).remaining]
    for pause in pauses:
        world.now += timedelta(microseconds=pause)
        remaining.append(service.status(0).remaining)
    assert remaining == sorted(remaining)


@examples(100)
@given(st.lists(st.tuples(st.integers(0, 30), MICROSECONDS, st.integers(0, 60)), max_size=200), st.integers(1, 8))
def test_many_keys_stay_exact_while_full_ones_are_forgotten_and_within_the_capacity(
    requests: list[tuple[int, int, int]], capacity: int
) -> None:
    large, small, now = LocalBuckets(), LocalBuckets(capacity), START
    points = dict.fromkeys(range(31), Fraction(60))
    for key, pause, cost in requests:
        now += timedelta(microseconds=pause)
        points = {key: min(held + Fraction(pause, 1_000_000), Fraction(60)) for key, held in points.items()}
        taken = cost <= points[key]
        points[key] -= cost if taken else 0
        assert large.take(str(key), of(60), cost, now) == Draw(taken, int(points[key] * of(60).drops))
        small.take(str(key), of(60), cost, now)
        assert len(small) <= capacity
