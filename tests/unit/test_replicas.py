"""What is concluded from where servers are seen: which replica is fresh, which is behind, and which is none."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from app.db.connect import PoolSettings
from app.db.database import Database
from app.db.replicas import CEILING, Replica, Replicas
from app.db.row_security import RowSecurity

SYSTEM, OTHER = 7, 8
BEGAN = datetime(2026, 11, 28, tzinfo=UTC)
NOWHERE = PoolSettings("postgresql://nobody@127.0.0.1:1/nothing")


class Seen:
    """Replicas that are shown what servers would have answered, at times that pass as they are told."""

    def __init__(self, replicas: int = 1, max_lag: float = 10) -> None:
        self.time = 100.0
        self.all = Replicas(RowSecurity(Database(NOWHERE), None), [NOWHERE] * replicas, max_lag, lambda: self.time)

    def primary(self, position: int, system: int = SYSTEM, timeline: int = 1) -> None:
        self.all._see_primary(self.time, (position, system, timeline))

    def replica(
        self, position: int, number: int = 0, system: int = SYSTEM, *, follows: bool = True, began: datetime = BEGAN
    ) -> None:
        self.all._see_replica(self.all.all[number], self.time, (position, system, follows, began))

    def silence(self, number: int = 0) -> None:
        self.all._see_replica(self.all.all[number], self.time, None)

    def usable(self) -> Sequence[bool]:
        return [self.all.is_usable(each) for each in self.all.all]

    def lag(self) -> tuple[float, int]:
        return self.all.lag(self.all.all[0])

    def at(self, position: int) -> Replica | None:
        return self.all.one_at(position)


async def test_replica_is_read_once_it_has_all_that_the_primary_had() -> None:
    seen = Seen()
    seen.replica(1_000)
    assert seen.usable() == [False]  # of the primary nothing is known yet
    seen.primary(1_000)
    seen.replica(999)
    assert seen.usable() == [False]
    seen.replica(1_000)
    assert seen.usable() == [True] and seen.lag() == (0.0, 0)
    assert seen.at(1_000) is seen.all.all[0] and seen.at(1_001) is None


async def test_it_is_as_old_as_the_primary_was_when_it_was_where_the_replica_is() -> None:
    seen = Seen()
    for position in (1_000, 2_000, 3_000, 4_000):
        seen.primary(position)
        seen.time += 3
    seen.replica(2_500)
    assert seen.lag() == (9.0, 1_500)  # the primary was at 2,000 nine seconds ago
    assert seen.usable() == [True]
    seen.time += 1.5
    seen.replica(2_500)
    assert seen.lag() == (10.5, 1_500) and seen.usable() == [False]
    seen.replica(4_000)
    assert seen.lag() == (0.0, 0) and seen.usable() == [True]


async def test_idle_primary_makes_nothing_old_and_one_that_is_away_does() -> None:
    seen = Seen()
    for _ in range(200):
        seen.primary(1_000)
        seen.replica(1_000)
        seen.time += 1
    assert seen.usable() == [True]
    for _ in range(9):
        seen.replica(1_000)
        seen.time += 1
    assert seen.usable() == [True]  # whoever wrote in between wrote no more than ten seconds ago
    seen.time += 1
    seen.replica(1_000)
    assert seen.usable() == [False]


async def test_replica_that_does_not_answer_is_left_at_once_with_all_its_connections() -> None:
    seen = Seen(2)
    seen.primary(1_000)
    for number in (0, 1):
        seen.replica(1_000, number)
    before = seen.all.all[0].walls
    seen.silence()
    assert seen.usable() == [False, True] and seen.all.all[0].walls is not before
    seen.time += 5
    assert seen.lag() == (5.0, 0)
    seen.replica(1_000)
    assert seen.usable() == [True, True]


@pytest.mark.parametrize("how", ["promoted", "of another cluster"])
async def test_server_that_is_no_replica_of_the_primary_is_not_read(how: str) -> None:
    seen = Seen()
    seen.primary(1_000)
    seen.replica(1_000)
    seen.replica(2_000, system=OTHER if how == "of another cluster" else SYSTEM, follows=how != "promoted")
    assert seen.usable() == [False]


async def test_positions_of_the_primary_before_say_nothing_of_the_one_that_lost_some() -> None:
    """An asynchronous replica that was promoted begins where it was."""
    seen = Seen(max_lag=60)
    seen.primary(5_000)
    seen.time += 1
    seen.primary(4_000)
    seen.replica(3_999)
    assert seen.usable() == [False] and seen.lag() == (1.0, 1)
    seen.replica(4_500)
    assert seen.lag() == (0.0, 0)


async def test_replica_that_has_what_the_primary_has_not_is_read_again_once_it_was_restarted() -> None:
    """It was ahead of the one that was promoted, and follows it no more: what it shows never was."""
    seen = Seen(2, max_lag=60)
    seen.primary(4_000)
    seen.time += 1
    seen.primary(5_000)
    seen.replica(5_000)
    seen.replica(4_000, 1)
    assert seen.usable() == [True, True]
    seen.time += 1
    seen.primary(4_100, timeline=2)
    seen.replica(5_000)
    seen.replica(4_100, 1)
    assert seen.usable() == [False, True]
    seen.time += 1
    seen.primary(6_000, timeline=2)
    seen.replica(6_000)
    seen.replica(6_000, 1)
    assert seen.usable() == [False, True]  # though nothing is odd about it by now
    seen.silence()
    seen.replica(6_000)
    assert seen.usable() == [False, True]
    seen.replica(6_000, began=BEGAN + timedelta(minutes=1))
    assert seen.usable() == [True, True]


async def test_replica_that_follows_the_next_primary_before_we_do_is_read_once_we_do() -> None:
    seen = Seen(max_lag=60)
    seen.primary(5_000)
    seen.replica(5_000)
    seen.time += 1
    seen.replica(6_000)
    seen.time += 1
    seen.primary(5_100)  # that which was replaced still answers
    seen.replica(6_100)
    assert seen.usable() == [False]
    seen.time += 1
    seen.primary(6_200, timeline=2)
    seen.replica(6_200)
    assert seen.usable() == [True]


async def test_replica_that_is_seen_after_the_primary_may_be_ahead_of_it() -> None:
    seen = Seen()
    seen.primary(1_000)
    seen.replica(1_000)
    seen.replica(2_000)
    seen.primary(1_500)  # asked at the same time as the replica
    seen.replica(2_100)
    assert seen.usable() == [True]


async def test_replica_that_began_anew_is_fresh_when_it_has_caught_up_again() -> None:
    seen = Seen()
    seen.primary(1_000)
    seen.replica(1_000)
    seen.primary(2_000)
    seen.replica(500)
    assert seen.usable() == [False]


async def test_replica_whose_connections_fail_rests_for_a_pause() -> None:
    seen = Seen()
    seen.primary(1_000)
    seen.replica(1_000)
    for _ in range(5):
        seen.all.all[0].pools()[0].breaker.failed()
    assert seen.usable() == [False]
    seen.replica(1_000)
    seen.time += 1.9
    seen.replica(1_000)
    assert seen.usable() == [False]
    seen.time += 0.1
    seen.replica(1_000)
    assert seen.usable() == [True]


async def test_equals_take_turns() -> None:
    seen = Seen(3)
    seen.primary(1_000)
    for number in range(3):
        seen.replica(1_000, number)
    found = [seen.at(0) for _ in range(6)]
    assert found[:3] == found[3:] and {each.name for each in found if each} == {"replica_1", "replica_2", "replica_3"}


async def test_position_that_no_primary_reaches_is_not_plausible() -> None:
    seen = Seen()
    assert seen.all.is_plausible(1 << 60)  # who knows?
    seen.primary(1_000)
    assert seen.all.is_plausible(1_000 + CEILING) and not seen.all.is_plausible(1_001 + CEILING)
