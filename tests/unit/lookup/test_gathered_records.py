"""A burst of questions to the user store is few requests, none older than its question."""

import asyncio
from collections.abc import Sequence
from typing import cast

import numpy as np
import pytest
from lookup_world import World

from lookup.gathered_records import GatheredRecords
from profiles.ids import user_key
from profiles.ports import StoreUnavailable, Token, UserRecord, UserStore
from stores.points import PointId, Stored

pytestmark = pytest.mark.anyio

DOWN = user_key("default", "down")


def record(user_id: str, *, version: int) -> UserRecord:
    return UserRecord(
        key=user_key("default", user_id),
        tenant="default",
        user_id=user_id,
        partition=0,
        token=Token(1),
        version=version,
        state=b"",
        outbox=b"",
        vector=np.zeros(2, np.float32),
        persona=None,
        waiting=False,
        mass=0.0,
    )


class Shelf:
    """Answers when its gate is open with what lies there at the time it is asked."""

    def __init__(self, *user_ids: str) -> None:
        self.records = {user_key("default", one): record(one, version=1) for one in user_ids}
        self.asked: list[list[bytes]] = []
        self.gate = asyncio.Event()

    async def read(self, keys: Sequence[bytes]) -> list[UserRecord | None]:
        self.asked.append(list(keys))
        found = [self.records.get(key) for key in keys]
        await self.gate.wait()
        if DOWN in keys:
            raise StoreUnavailable("down")
        return found

    def gathered(self, **settings: int) -> GatheredRecords:
        return GatheredRecords(cast("UserStore", self), **settings)


Reading = asyncio.Task[list[UserRecord | None]]


async def begun(reads: GatheredRecords, *user_ids: str) -> list[Reading]:
    """One question for each, and as much time as they need to leave."""
    tasks = [asyncio.create_task(reads.read([user_key("default", one)])) for one in user_ids]
    for _ in range(4):
        await asyncio.sleep(0)
    return tasks


async def test_what_is_asked_in_one_moment_is_one_request() -> None:
    shelf = Shelf("anna")
    shelf.gate.set()
    reads = shelf.gathered()
    anna, nobody = user_key("default", "anna"), user_key("default", "nobody")
    asked = [[anna], [nobody, anna], [], [nobody]]
    found = await asyncio.gather(*(reads.read(keys) for keys in asked))
    there = shelf.records[anna]
    assert found == [[there], [None, there], [], [None]]
    assert shelf.asked == [[anna, nobody]]


async def test_a_burst_waits_for_one_request_and_not_for_one_each() -> None:
    shelf = Shelf()
    reads = shelf.gathered(at_once=2)
    tasks = await begun(reads, "a")
    tasks += await begun(reads, "b")
    for number in range(200):
        tasks += await begun(reads, f"unknown-{number}")
    assert [len(keys) for keys in shelf.asked] == [1, 1]
    shelf.gate.set()
    assert await asyncio.gather(*tasks) == [[None]] * 202
    assert [len(keys) for keys in shelf.asked] == [1, 1, 200]


async def test_nobody_is_given_what_was_read_before_they_asked() -> None:
    shelf = Shelf()
    reads = shelf.gathered(at_once=1)
    before = await begun(reads, "anna")
    shelf.records[user_key("default", "anna")] = record("anna", version=7)
    after = await begun(reads, "anna")
    shelf.gate.set()
    assert await before[0] == [None]
    (found,) = await after[0]
    assert found is not None
    assert found.version == 7


async def test_a_request_has_a_most_and_a_larger_question_is_one_by_itself() -> None:
    shelf = Shelf()
    reads = shelf.gathered(at_once=1, most=3)
    first = await begun(reads, "first")
    many = asyncio.create_task(reads.read([user_key("default", str(n)) for n in range(5)]))
    rest = await begun(reads, "a", "b", "c", "d")
    shelf.gate.set()
    await asyncio.gather(*first, many, *rest)
    assert [len(keys) for keys in shelf.asked] == [1, 5, 3, 1]


async def test_a_failure_is_of_those_who_asked_together_and_of_nobody_after() -> None:
    shelf = Shelf("anna")
    reads = shelf.gathered(at_once=1)
    tasks = await begun(reads, "down", "anna")
    later = await begun(reads, "anna")
    shelf.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in found] == [StoreUnavailable] * 2
    assert await later[0] == [shelf.records[user_key("default", "anna")]]


async def test_who_is_cancelled_is_missed_by_nobody_and_asked_for_no_more() -> None:
    shelf = Shelf("anna", "ben")
    reads = shelf.gathered(at_once=1)
    first, joined = await begun(reads, "anna", "ben")
    waiting, last = await begun(reads, "carl", "ben")
    for task in (first, waiting):
        task.cancel()
    await asyncio.sleep(0)
    shelf.gate.set()
    there = shelf.records[user_key("default", "ben")]
    assert (await joined, await last) == ([there], [there])
    assert [len(keys) for keys in shelf.asked] == [2, 1]
    assert first.cancelled()
    assert waiting.cancelled()


async def test_unknown_users_asked_about_at_once_are_one_request_to_the_store(
    empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    retrieve = empty_world.user_points.retrieve

    async def counted(
        ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        asked.append(len(ids))
        return await retrieve(ids, vectors=vectors, fields=fields)

    monkeypatch.setattr(empty_world.user_points, "retrieve", counted)
    lookup = empty_world.lookup()
    found = await asyncio.gather(
        *(lookup.profile("default", f"nobody-{number}") for number in range(50))
    )
    assert not any(view.known for view in found)
    assert sum(asked) == 50
    assert len(asked) <= 4
