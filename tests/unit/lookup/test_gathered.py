"""Reads of one moment are one request, and nobody suffers from the end of another."""

import asyncio
from collections.abc import Sequence

import pytest

from lookup.gathered import GatheredReads
from profiles.ports import StoreUnavailable
from stores.memory_cache import MemoryProfileCache

pytestmark = pytest.mark.anyio


class Shelf(MemoryProfileCache):
    """Answers with the keys themselves; one that is asked for as b"down" fails everything."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[bytes]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        self.asked.append(list(keys))
        await self.gate.wait()
        if b"down" in keys:
            raise StoreUnavailable("down")
        return [None if key == b"none" else key for key in keys]


async def test_what_is_asked_in_the_same_moment_is_one_request() -> None:
    shelf = Shelf()
    reads = GatheredReads(shelf)
    asked = [[b"a"], [b"b", b"none"], [], [b"a"]]
    assert await asyncio.gather(*(reads.get(keys) for keys in asked)) == [
        [b"a"],
        [b"b", None],
        [],
        [b"a"],
    ]
    assert shelf.asked == [[b"a", b"b", b"none", b"a"]]
    assert await reads.get([b"c"]) == [b"c"]
    assert len(shelf.asked) == 2


async def test_who_comes_while_an_answer_is_awaited_asks_anew() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    reads = GatheredReads(shelf)
    first = asyncio.create_task(reads.get([b"a"]))
    for _ in range(3):
        await asyncio.sleep(0)
    second = asyncio.create_task(reads.get([b"b"]))
    for _ in range(3):
        await asyncio.sleep(0)
    shelf.gate.set()
    assert (await first, await second) == ([b"a"], [b"b"])
    assert shelf.asked == [[b"a"], [b"b"]]


async def test_a_failure_is_everybodys() -> None:
    reads = GatheredReads(Shelf())
    found = await asyncio.gather(
        reads.get([b"a"]), reads.get([b"down"]), reads.get([b"b"]), return_exceptions=True
    )
    assert [type(one) for one in found] == [StoreUnavailable] * 3
    assert await reads.get([b"a"]) == [b"a"]


@pytest.mark.parametrize("turns", [1, 3])
async def test_who_asked_first_and_is_cancelled_leaves_the_others_an_answer(turns: int) -> None:
    shelf = Shelf()
    shelf.gate.clear()
    reads = GatheredReads(shelf)
    tasks = [asyncio.create_task(reads.get([key])) for key in (b"a", b"b")]
    for _ in range(turns):
        await asyncio.sleep(0)
    tasks[0].cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert isinstance(found[1], StoreUnavailable)
    shelf.gate.set()
    assert await reads.get([b"c"]) == [b"c"]


async def test_who_joined_and_is_cancelled_is_missed_by_nobody() -> None:
    shelf = Shelf()
    shelf.gate.clear()
    reads = GatheredReads(shelf)
    tasks = [asyncio.create_task(reads.get([key])) for key in (b"a", b"b", b"c")]
    for _ in range(3):
        await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.sleep(0)
    shelf.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert (found[0], found[2]) == ([b"a"], [b"c"])
    assert isinstance(found[1], asyncio.CancelledError)
