"""A server that is away is left alone for a while, and tried again by one alone (R64)."""

import pytest

from app.kernel.breaker import FAILURES, PAUSE, Breaker
from app.kernel.errors import Unavailable


class Clock:
    """Monotonic, in the test's hand."""

    def __init__(self) -> None:
        self.now = 7.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("The provider", clock)


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.admit()
        breaker.failed()


def refused(breaker: Breaker) -> int:
    """Seconds after which the caller is told to come again."""
    with pytest.raises(Unavailable, match=r"^The provider cannot be reached at the moment: try again\.$") as caught:
        breaker.admit()
    return caught.value.retry_after


def test_it_opens_after_five_failures_and_stays_so_for_half_a_minute() -> None:
    assert (FAILURES, PAUSE) == (5, 30.0)


def test_it_is_closed_until_the_last_of_the_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.admit()
    breaker.failed()
    assert refused(breaker) == 30


def test_a_success_between_failures_begins_the_count_anew(breaker: Breaker) -> None:
    fail(breaker, FAILURES - 1)
    breaker.admit()
    breaker.succeeded()
    fail(breaker, FAILURES - 1)
    breaker.admit()


def test_it_says_how_long_it_stays_open_in_whole_seconds_and_never_none(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    told = []
    for later in (0.0, 0.5, 10.0, 19.0, 0.4):
        clock.now += later
        told.append(refused(breaker))
    assert told == [30, 30, 20, 1, 1]


def test_before_it_opens_the_caller_is_told_to_try_at_once(breaker: Breaker) -> None:
    fail(breaker, 1)
    assert breaker.refusal().retry_after == 1


def test_after_the_pause_one_alone_is_let_through(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now += PAUSE
    breaker.admit()
    assert [refused(breaker) for _ in range(3)] == [30, 30, 30]


def test_one_whose_end_is_never_told_holds_the_others_up_for_one_more_pause_only(
    breaker: Breaker, clock: Clock
) -> None:
    """Cancelled, say."""
    fail(breaker, FAILURES)
    for _ in range(3):
        clock.now += PAUSE
        breaker.admit()
        assert refused(breaker) == 30


def test_one_that_fails_opens_it_again_for_a_whole_pause_counted_from_then(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now += PAUSE
    breaker.admit()
    clock.now += 4
    breaker.failed()
    clock.now += PAUSE - 1
    assert refused(breaker) == 1
    clock.now += 1
    breaker.admit()


def test_one_that_succeeds_closes_it_for_everybody(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, FAILURES)
    clock.now += PAUSE
    breaker.admit()
    breaker.succeeded()
    for _ in range(10):
        breaker.admit()
    fail(breaker, FAILURES)
    assert refused(breaker) == 30
