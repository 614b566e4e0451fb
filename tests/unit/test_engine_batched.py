"""What a run remembers of a batch, and how the loads of a level go."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.engine.batch import Batch
from app.engine.batched import batched


@dataclass
class Request:
    memo: dict[object, object] = field(default_factory=dict)
    around: None = None
    calls: list[list[int]] = field(default_factory=list)

    async def doubles(self, keys: Sequence[int]) -> list[int | None]:
        self.calls.append(list(keys))
        if 13 in keys:
            raise ConnectionError("lost")
        return [key * 2 for key in keys if key != 7]


doubles: Batch[int, int] = Batch(lambda context: context.doubles)


async def test_a_key_is_loaded_once_and_none_never() -> None:
    request = Request()
    source = batched(doubles, request, None)

    assert source.want([1, 2, 1, None])
    await source.load(request)

    assert request.calls == [[1, 2]]
    assert not source.want([2, None, 1])
    assert source.want([2, 3])
    await batched(doubles, request, None).load(request)
    assert request.calls == [[1, 2], [3]]
    assert [source.seen[key] for key in (1, 2, 3, None)] == [2, 4, 6, None]


async def test_requests_are_kept_apart_and_a_cleared_memo_is_empty() -> None:
    request = Request()
    first = batched(doubles, request, "a page")
    assert batched(doubles, request, "a page") is first
    assert batched(doubles, request, "another") is not first

    request.memo.clear()

    assert batched(doubles, request, "a page") is not first


@pytest.mark.parametrize(("lost", "kind"), [(13, ConnectionError), (7, ValueError)])
async def test_a_failure_stands_at_the_keys_of_its_own_load(lost: int, kind: type[Exception]) -> None:
    request = Request()
    source = batched(doubles, request, None)
    source.want([1])
    await source.load(request)

    source.want([lost, 3])
    await source.load(request)

    assert source.seen[1] == 2
    assert isinstance(source.seen[lost], kind)
    assert not source.want([lost])


async def test_loads_of_several_batches_may_run_at_the_same_time() -> None:
    barrier = asyncio.Barrier(2)

    async def meet(keys: Sequence[int]) -> list[int | None]:
        await asyncio.wait_for(barrier.wait(), 5)
        return list(keys)

    request = Request()
    sources = [batched(Batch(lambda context: meet), request, None) for _ in range(2)]
    for source in sources:
        source.want([1])
    await asyncio.gather(*(source.load(request) for source in sources))

    assert [source.seen[1] for source in sources] == [1, 1]
