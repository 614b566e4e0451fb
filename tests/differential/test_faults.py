"""The comparison is worth something: faults that are planted in the compiled executor do not get past it."""

import re
from collections.abc import Mapping

import pytest

from tests.differential import faults
from tests.differential.__main__ import Lane, main
from tests.differential.compare import Trial
from tests.differential.generate import FRAIL
from tests.differential.memory import Memory
from tests.differential.postgres import opened
from tests.fixtures.servers import Servers

WITHIN = 500  # operations; those of `make test` are as many
MUTATIONS = {"stale_memo_after_a_write": 1.0}
# Where a fault is of one kind of field, operations ask for that kind, so that it shows early.
LIKED: Mapping[str, set[str]] = {
    "items_not_looked_at": {"tags", "nodes", "features", "feature"},
    "int_out_of_range": {"version", "nodes", "features", "feature"},
    "unknown_enum_value": {"status", "role", "action", "nodes"},
    "skipped_permission": {"owner", "actor", "email", "nodes", "feature"},
    "arguments_of_the_first_run": {"features", "auditEntries"},
    "gaps_of_another_order": {"nodes", "features", "auditEntries", "totalCount", "name"},
    "excerpt_without_aliases": {"nodes", "features", "auditEntries", "name", "version"},
    "message_of_its_own": {"owner", "nodes", "features", "feature", "node"},
}

pytestmark = [  # see test_executors
    pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning"),
    pytest.mark.filterwarnings(
        "ignore:Exception ignored in.*GraphQLCoreConverter:pytest.PytestUnraisableExceptionWarning"
    ),
]


async def caught(trial: Trial) -> bool:
    for seed in range(WITHIN):
        await trial.seed(seed)
        if trial.differences:
            return True
    return False


@pytest.mark.parametrize("fault", faults.ALL)
async def test_a_planted_fault_is_caught(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults.ALL[fault](monkeypatch)

    mutations = MUTATIONS.get(fault, 0.0 if fault in LIKED else 0.25)
    assert await caught(Trial(Memory(mutations, frozenset(LIKED.get(fault, FRAIL)))))


@pytest.mark.parametrize(
    "fault", ["skipped_permission", "batch_out_of_order", "wrong_key_order", "lost_alias", *faults.ON_POSTGRESQL]
)
async def test_a_planted_fault_is_caught_on_postgresql(
    fault: str, monkeypatch: pytest.MonkeyPatch, servers: Servers, database_name: str
) -> None:
    {**faults.ALL, **faults.ON_POSTGRESQL}[fault](monkeypatch)

    async with opened(servers, database_name) as postgres:
        postgres.liked = frozenset(LIKED.get(fault, FRAIL))
        assert await caught(Trial(postgres))


async def test_the_fuzz_stops_at_a_difference_which_its_seed_shows_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fuzz(cases: int, seed: int) -> int:
        return await main(cases, seed, [Lane("memory", Trial(Memory()), seed)])

    assert await fuzz(2, 1000) == 0
    faults.ALL["lost_alias"](monkeypatch)
    assert await fuzz(WITHIN, 1000) == 1
    [seed] = re.findall(r"make fuzz ON=memory SEED=(\d+) CASES=1$", capsys.readouterr().out, re.MULTILINE)
    assert await fuzz(1, int(seed)) == 1
