"""How many requests are let in, with the time passed in; what it is for is shown on a server of one queue."""

from collections import deque

import pytest

from app.web.crowd import TOLERABLE, Crowd

QUICK, SLOW = TOLERABLE, TOLERABLE + 0.001
LEAST, MOST = 64, 200


def filled(crowd: Crowd, count: int) -> int:
    """How many of so many are let in, who all stay."""
    under_way = 0
    for _ in range(count):
        under_way += crowd.let_in(under_way)
    return under_way


def crowd_after(*took: float, least: int = LEAST, most: int = MOST, under_way: int = MOST) -> Crowd:
    """A full one, which then looked at such requests, together."""
    crowd = Crowd(least, most)
    crowd.answered(QUICK, now=100)
    filled(crowd, under_way)
    for seconds in took:
        crowd.answered(seconds, now=100)
    crowd.answered(took[-1], now=100.125)
    return crowd


def test_there_is_room_for_as_many_as_may_be_and_for_no_more() -> None:
    assert filled(Crowd(LEAST, MOST), MOST + 5) == MOST


def test_who_waits_for_his_peer_takes_no_room() -> None:
    crowd = Crowd(2, 4)
    crowd.away = 3
    assert [crowd.let_in(under_way) for under_way in (6, 7)] == [True, False]


def test_quick_requests_leave_the_room_as_it_is() -> None:
    assert crowd_after(QUICK, QUICK).room == MOST


def test_slow_requests_leave_four_fifths_of_as_many_as_there_were() -> None:
    assert crowd_after(SLOW, SLOW).room == 160
    assert crowd_after(SLOW, SLOW, under_way=100).room == 80


def test_half_of_them_may_be_slow() -> None:
    assert crowd_after(SLOW, SLOW, QUICK).room == MOST
    assert crowd_after(QUICK, SLOW, SLOW).room == 160


def test_few_requests_that_are_slow_take_no_room_away() -> None:
    """They wait for something else than for each other."""
    assert crowd_after(SLOW, SLOW, under_way=LEAST).room == MOST
    assert crowd_after(SLOW, SLOW, under_way=LEAST + 1).room == LEAST


def test_a_bound_that_is_lower_than_the_least_holds() -> None:
    crowd = crowd_after(SLOW, SLOW, least=100, most=6, under_way=6)
    assert (crowd.room, filled(crowd, 10)) == (6, 6)


def test_a_look_is_taken_a_tenth_of_a_second_after_the_last() -> None:
    crowd = crowd_after(QUICK)
    filled(crowd, MOST)
    crowd.answered(SLOW, now=100.2)
    assert crowd.room == MOST
    crowd.answered(SLOW, now=100.25)
    assert crowd.room == 160


def test_while_none_is_let_in_nothing_more_is_taken_away() -> None:
    """Those who are under way came before the last look, and say nothing of it."""
    crowd = crowd_after(SLOW, SLOW)
    for now in (100.25, 100.375, 100.5):
        crowd.answered(SLOW, now)
    assert crowd.room == 160


def test_room_comes_back_by_a_twentieth_a_look_and_with_time_alone() -> None:
    crowd = crowd_after(SLOW, SLOW)
    crowd.answered(QUICK, now=100.25)
    assert crowd.room == 170
    crowd.answered(QUICK, now=100.5)
    assert crowd.room == 190
    crowd.answered(QUICK, now=200)
    assert crowd.room == MOST


class Server:
    """One queue, in which each request takes 1 / capacity; requests come evenly."""

    def __init__(self, capacity: float) -> None:
        self.crowd = Crowd(LEAST, MOST)
        self._each = 1 / capacity
        self._under_way: deque[tuple[float, float]] = deque()  # (came, will be done)
        self._now = 1_000.0

    def asked(self, rate: float, seconds: float) -> tuple[list[float], int]:
        """What those took that were let in, and how many were not."""
        took, refused = [], 0
        end = self._now + seconds
        while self._now < end:
            self._now += 1 / rate
            while self._under_way and self._under_way[0][1] <= self._now:
                came, done = self._under_way.popleft()
                took.append(done - came)
                self.crowd.answered(done - came, done)
            if self.crowd.let_in(len(self._under_way)):
                free = self._under_way[-1][1] if self._under_way else self._now
                self._under_way.append((self._now, max(free, self._now) + self._each))
            else:
                refused += 1
        return sorted(took), refused


@pytest.mark.parametrize("capacity", [200, 400, 1_000, 4_000])
def test_at_twice_the_capacity_all_of_it_is_used_and_who_is_let_in_waits_for_less_than_half_a_second(
    capacity: int,
) -> None:
    server = Server(capacity)
    server.asked(capacity / 2, 3)
    took, refused = server.asked(capacity * 2, 20)
    assert len(took) > 0.98 * capacity * 20 and refused < 1.02 * capacity * 20
    assert took[int(0.99 * len(took))] < 0.5
    assert took[len(took) // 2] < max(1.5 * TOLERABLE, 1.1 * LEAST / capacity)


@pytest.mark.parametrize("capacity", [200, 400, 1_000, 4_000])
def test_when_it_is_over_nobody_is_refused_and_soon_all_the_room_is_back(capacity: int) -> None:
    server = Server(capacity)
    server.asked(capacity * 2, 10)
    server.asked(capacity / 2, 0.5)
    _, refused = server.asked(capacity / 2, 1.5)
    assert refused == 0
    server.asked(capacity / 2, 1)
    assert server.crowd.room == MOST


def test_a_burst_that_is_soon_done_is_let_in_whole() -> None:
    server = Server(4_000)
    server.asked(2_000, 2)
    assert server.asked(1_000_000, (MOST - 10) / 1_000_000)[1] == 0
    took, refused = server.asked(2_000, 1)
    assert refused == 0 and took[-1] < TOLERABLE
