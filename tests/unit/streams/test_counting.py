"""Of each partition updates are counted in their order, and of several beside each other."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from streams.batches import RecordBatch
from streams.counting import Counting
from streams.gathering import MANY
from streams.memory import MemoryRecord


class Counter:
    """Counts when it is told to.

    Attributes:
        begun: Offsets of each batch whose counting has begun, by partition.
    """

    def __init__(self) -> None:
        self.begun: dict[int, list[list[int]]] = defaultdict(list)
        self._may: dict[int, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(0))

    async def count(self, batch: RecordBatch) -> None:
        self.begun[batch.partition].append([record.offset for record in batch.records])
        await self._may[batch.partition].acquire()

    def let(self, partition: int) -> None:
        """Let one batch of it be counted."""
        self._may[partition].release()


def batch(start: int, size: int = 1, *, partition: int = 0) -> RecordBatch:
    records = [
        MemoryRecord(offset=offset, timestamp=0, key=b"k", value=b"v", headers=())
        for offset in range(start, start + size)
    ]
    return RecordBatch("updates", partition, 1, records)


def counting(counter: Counter, *, interval_s: float = 0.0) -> Counting:
    return Counting(counter.count, interval_s=interval_s, elapsed_s=lambda: 0.0)


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(10):
            await scenario()

    asyncio.run(bounded())


def test_partitions_are_counted_beside_each_other_and_each_in_its_order() -> None:
    async def scenario() -> None:
        counter = Counter()
        work = counting(counter)
        await work.take(batch(0))
        await work.take(batch(0, partition=1))
        await work.take(batch(1))
        await work.take(batch(2))
        await settled()
        assert counter.begun == {0: [[0]], 1: [[0]]}
        counter.let(0)
        await settled()
        # What came meanwhile is counted together.
        assert counter.begun == {0: [[0], [1, 2]], 1: [[0]]}
        counter.let(0)
        counter.let(1)
        await work.ended()

    run(scenario)


def test_whoever_brings_more_waits_while_much_waits_of_that_partition() -> None:
    async def scenario() -> None:
        counter = Counter()
        work = counting(counter)
        await work.take(batch(0))
        await work.take(batch(1, 4 * MANY - 1))
        bringing = asyncio.create_task(work.take(batch(4 * MANY)))
        await settled()
        assert not bringing.done()
        counter.let(0)
        await bringing
        assert [len(offsets) for offsets in counter.begun[0]] == [1, 4 * MANY]
        counter.let(0)
        await work.ended()

    run(scenario)


def test_few_wait_until_they_are_due() -> None:
    async def scenario() -> None:
        counter, now_s = Counter(), 0.0
        work = Counting(counter.count, interval_s=1.0, elapsed_s=lambda: now_s)
        for offset in range(3):
            await work.take(batch(offset))
        counter.let(0)
        await work.ended()
        assert counter.begun[0] == [[0]]
        now_s = 1.0
        work.begin()
        await settled()
        assert counter.begun[0] == [[0], [1, 2]]
        counter.let(0)
        await work.ended()

    run(scenario)


def test_nothing_is_counted_while_it_is_held_and_then_all_of_it() -> None:
    async def scenario() -> None:
        counter = Counter()
        work = Counting(counter.count, interval_s=0.0, elapsed_s=lambda: 0.0, held=True)
        await work.take(batch(0))
        await work.take(batch(0, partition=1))
        bringing = asyncio.create_task(work.take(batch(1, 4 * MANY)))
        work.begin()
        await settled()
        assert not counter.begun
        assert not bringing.done()
        work.let()
        await bringing
        await settled()
        assert counter.begun == {0: [list(range(4 * MANY + 1))], 1: [[0]]}
        counter.let(0)
        counter.let(1)
        await work.ended()

    run(scenario)


def test_what_was_given_up_is_not_counted() -> None:
    async def scenario() -> None:
        counter = Counter()
        work = counting(counter)
        await work.take(batch(0))
        await work.take(batch(1))
        work.clear()
        counter.let(0)
        await work.ended()
        assert counter.begun[0] == [[0]]

    run(scenario)


@pytest.mark.parametrize("lost", [0, 1])
def test_closing_ends_what_is_being_counted(lost: int) -> None:
    """Even where a cancellation is lost, as redis-py loses it."""

    async def scenario() -> None:
        ended, left = asyncio.Event(), lost

        async def stubborn(_: RecordBatch) -> None:
            nonlocal left
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if not left:
                        ended.set()
                        raise
                    left -= 1

        work = Counting(stubborn, interval_s=0.0, elapsed_s=lambda: 0.0)
        await work.take(batch(0))
        await work.take(batch(1))
        await settled()
        await work.close()
        assert ended.is_set()

    run(scenario)
