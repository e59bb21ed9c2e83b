"""Nobody can tell inserts that wait in memory from those that are stored, except by the store."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import inf
from random import Random
from typing import Literal, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from store_records import touched, vector

from profiles.documents.words import SparseVector
from profiles.ids import user_key
from profiles.ports import StoreUnavailable, Token, UserRecord
from stores.deferred import DeferredInserts
from stores.errors import StoreMismatch
from stores.memory import MemoryPoints
from stores.points import (
    Above,
    AtMost,
    Collection,
    Differs,
    Equals,
    Except,
    Hit,
    Payload,
    Point,
    PointId,
    Stored,
    Where,
)
from stores.users import PointUserStore, user_collection

pytestmark = pytest.mark.anyio

T = TypeVar("T")

COLLECTION = Collection(name="few", dimension=2, words=True)
UUID = "0190163d-8694-739b-aea5-966c26f8ad90"
ONE: Where = (Equals("token", 1),)
TWO: Where = (Equals("token", 2),)
TURNS = 50
"""Of the event loop: far more than anything here takes that waits for nothing."""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def point(point_id: PointId, *, token: int = 1, text: str = "placeholder") -> Point:
    return Point(point_id, vector(1.0, token), {"token": token, "text": text})


async def turns(number: int = TURNS) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


class Watched(MemoryPoints):
    """Points that count calls, and hold or fail some of them.

    Attributes:
        holding: A write waits for this before it is applied; a read, once it has read.
        failing: The next upsert fails, before or after it was applied.
    """

    def __init__(self) -> None:
        super().__init__(COLLECTION)
        self.calls: Counter[str] = Counter()
        self.holding = asyncio.Event()
        self.holding.set()
        self.failing: Literal["before", "after"] | None = None

    async def upsert(self, points: Sequence[Point]) -> None:
        self.calls["upsert"] += 1
        await self.holding.wait()
        failing, self.failing = self.failing, None
        if failing == "before":
            raise StoreUnavailable("not applied")
        await super().upsert(points)
        if failing == "after":
            raise StoreUnavailable("applied, but the answer was lost")

    async def insert_only(self, points: Sequence[Point]) -> None:
        self.calls["insert_only"] += 1
        await self.holding.wait()
        await super().insert_only(points)

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        self.calls["update_if"] += 1
        await super().update_if(points, condition)

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        self.calls["delete_if"] += 1
        await self.holding.wait()
        await super().delete_if(ids, condition)

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        self.calls["retrieve"] += 1
        found = await super().retrieve(ids, vectors=vectors, fields=fields)
        await self.holding.wait()
        return found

    @property
    def texts(self) -> dict[PointId, object]:
        return {one.id: one.payload["text"] for one in self._points.values()}


async def texts(points: DeferredInserts, *ids: PointId) -> list[object]:
    stored = await points.retrieve(ids, vectors=True)
    return [None if one is None else one.payload["text"] for one in stored]


async def with_placeholders(*ids: PointId, held: int = 100) -> tuple[DeferredInserts, Watched]:
    """Points of which these were read as absent, then inserted."""
    inner = Watched()
    points = DeferredInserts(inner, held=held)
    assert await texts(points, *ids) == [None] * len(ids)
    await points.insert_only([point(point_id) for point_id in ids])
    inner.calls.clear()
    return points, inner


# One caller


@dataclass(frozen=True)
class Call:
    name: str
    arguments: tuple[object, ...]
    options: dict[str, object]


def a_call(
    method: str, *arguments: st.SearchStrategy[object], **options: st.SearchStrategy[object]
) -> st.SearchStrategy[Call]:
    return st.builds(
        Call, st.just(method), st.tuples(*arguments), st.fixed_dictionaries({**options})
    )


def drawn_points(ids: list[PointId]) -> st.SearchStrategy[list[Point]]:
    return st.tuples(*(st.builds(a_point, st.just(one), SMALL, SMALL, TENANTS) for one in ids)).map(
        list
    )


def a_point(point_id: PointId, token: int, number: int, tenant: str) -> Point:
    payload: Payload = {"token": token, "tenant": tenant, "number": number}
    return Point(point_id, vector(token, number), payload, SparseVector((number,), (1.0,)))


SMALL = st.integers(0, 2)
TENANTS = st.sampled_from("ab")
ALL_IDS: list[PointId] = [1, 2, 3, UUID]
IDS = st.lists(st.sampled_from(ALL_IDS), min_size=1, max_size=3, unique=True)
POINTS = IDS.flatmap(drawn_points)
TERMS = st.one_of(
    st.builds(Equals, st.just("token"), SMALL),
    st.builds(AtMost, st.just("token"), SMALL),
    st.builds(Above, st.just("number"), SMALL),
    st.builds(Differs, st.just("tenant"), TENANTS),
    st.builds(Except, IDS.map(tuple)),
)
WHERE = st.lists(TERMS, max_size=2).map(tuple)
PATCHES = st.dictionaries(st.sampled_from(["token", "number", "seen"]), SMALL, min_size=1)
FIELDS = st.none() | st.sampled_from([(), ("token",), ("tenant", "counts")])
VECTORS = st.builds(vector, SMALL, SMALL)
WORDS = st.sampled_from([SparseVector((0, 1), (1.0, 2.0)), SparseVector((2,), (1.0,))])
LIMITS = st.integers(1, 4)
SINGLE_CALLS = [
    *[a_call("insert_only", POINTS), a_call("retrieve", IDS, vectors=st.booleans(), fields=FIELDS)]
    * 3,
    *[a_call("set_payload_if", IDS, PATCHES, WHERE), a_call("delete_if", IDS, WHERE)] * 2,
    a_call("set_payload_if", IDS, PATCHES, WHERE, under=st.just("counts")),
    a_call("update_if", POINTS, WHERE),
    a_call("upsert", POINTS),
]
"""Of those that store nothing that does not concern them there are more, so that more waits."""
CALLS = st.one_of(
    *SINGLE_CALLS,
    a_call("scroll", WHERE, limit=LIMITS, vectors=st.booleans(), fields=FIELDS),
    a_call("search", VECTORS, where=WHERE, limit=LIMITS, bare=st.booleans()),
    a_call("search_words", WORDS, where=WHERE, corpus=WHERE, limit=LIMITS),
    a_call("count", WHERE),
    a_call("delete", st.lists(TERMS, min_size=1, max_size=2).map(tuple)),
)


def plain(answer: object) -> object:
    """What can be compared: arrays cannot."""
    match answer:
        case Stored(point_id, payload, numbers, words):
            return point_id, payload, None if numbers is None else numbers.tolist(), words
        case Hit(found, score):
            return plain(found), score
        case list():
            return [plain(one) for one in answer]
        case _:
            return answer


async def answered(points: MemoryPoints | DeferredInserts, call: Call) -> object:
    method = getattr(points, call.name)
    if call.name != "scroll":
        return plain(await method(*call.arguments, **call.options))
    pages, start = [], None
    while True:
        page, start = await method(*call.arguments, **call.options, start=start)
        pages.append((plain(page), start))
        if start is None:
            return pages


EVERYTHING = Call("scroll", ((),), {"limit": 2, "vectors": True})


@settings(max_examples=300)
@given(calls=st.lists(CALLS, max_size=30))
async def test_every_answer_is_as_without_them(calls: list[Call]) -> None:
    inner, alone = MemoryPoints(COLLECTION), MemoryPoints(COLLECTION)
    points = DeferredInserts(inner, held=3)
    await points.retrieve(ALL_IDS, vectors=False)
    for call in calls:
        assert await answered(points, call) == await answered(alone, call)
    expected = await answered(alone, EVERYTHING)
    assert await answered(points, EVERYTHING) == expected
    assert await answered(inner, EVERYTHING) == expected


async def test_an_insert_of_what_was_just_read_as_absent_is_not_stored() -> None:
    points, inner = await with_placeholders(1, 2)
    assert await texts(points, 1, 2) == ["placeholder"] * 2
    assert not inner.calls
    assert await inner.count(()) == 0


async def test_an_insert_of_what_nobody_read_is_stored() -> None:
    inner = Watched()
    await inner.upsert([point(1, text="old")])
    points = DeferredInserts(inner)
    await points.insert_only([point(1), point(2)])
    assert inner.texts == {1: "old", 2: "placeholder"}


async def test_a_second_insert_changes_nothing() -> None:
    points, inner = await with_placeholders(1)
    await points.insert_only([point(1, token=2, text="second")])
    assert await texts(points, 1) == ["placeholder"]
    assert not inner.texts


@pytest.mark.parametrize(
    "look",
    [
        lambda points, where: points.count(where),
        lambda points, where: points.scroll(where, start=None, limit=9, vectors=False),
        lambda points, where: points.search(vector(1.0, 0.0), where=where, limit=9),
        lambda points, where: points.search_words(
            SparseVector((1,), (1.0,)), where=where, corpus=TWO, limit=9
        ),
        lambda points, where: points.search_words(
            SparseVector((1,), (1.0,)), where=TWO, corpus=where, limit=9
        ),
    ],
    ids=["count", "scroll", "search", "search_words", "its corpus"],
)
async def test_who_looks_for_it_has_it_stored_and_who_looks_for_others_does_not(
    look: Callable[[DeferredInserts, Where], Awaitable[object]],
) -> None:
    points, inner = await with_placeholders(1)
    await look(points, TWO)
    assert not inner.texts
    await look(points, ONE)
    assert inner.texts == {1: "placeholder"}
    await look(points, ONE)
    assert inner.calls["upsert"] == 1


async def test_an_update_is_stored_where_its_condition_holds_and_only_there() -> None:
    points, inner = await with_placeholders(1, 2)
    await points.set_payload_if([2], {"token": 2}, ONE)
    news = [point(1, text="new"), point(2, text="new")]
    await points.update_if(news, (Equals("token", 7),))
    assert not inner.calls
    await points.update_if(news, ONE)
    assert inner.texts == {1: "new"}
    assert inner.calls == {"upsert": 1}
    assert await texts(points, 1, 2) == ["new", "placeholder"]


async def test_an_update_of_one_in_memory_and_one_stored_and_one_absent() -> None:
    points, inner = await with_placeholders(1)
    await MemoryPoints.upsert(inner, [point(2, text="stored")])
    await points.update_if([point(number, text="new") for number in (1, 2, 3)], ONE)
    assert inner.texts == {1: "new", 2: "new"}


async def test_what_was_deleted_in_memory_can_be_inserted_again() -> None:
    points, inner = await with_placeholders(1, 2)
    await points.delete_if([1, 2], TWO)
    assert await texts(points, 1, 2) == ["placeholder"] * 2
    await points.delete_if([1], ONE)
    assert await texts(points, 1, 2) == [None, "placeholder"]
    await points.insert_only([point(1, text="again")])
    assert await texts(points, 1, 2) == ["again", "placeholder"]
    assert not inner.texts


async def test_a_delete_reaches_what_is_in_memory() -> None:
    points, inner = await with_placeholders(1, 2)
    await points.set_payload_if([2], {"token": 2}, ())
    await points.delete(ONE)
    assert await texts(points, 1, 2) == [None, "placeholder"]
    assert await points.count(()) == 1
    assert inner.texts == {2: "placeholder"}


async def test_who_looks_for_it_by_a_field_that_was_added_finds_it() -> None:
    points, _ = await with_placeholders(1)
    await points.set_payload_if([1], {"claimed_from": 0}, ONE)
    assert await points.count((Equals("claimed_from", 0),)) == 1


@pytest.mark.parametrize("term", [Differs("waiting", 1), Except((2,))], ids=["differs", "except"])
async def test_who_looks_for_what_others_have_finds_it(term: Differs | Except) -> None:
    points, _ = await with_placeholders(1)
    assert await points.count((term,)) == 1


async def test_objects_in_its_payload_are_merged() -> None:
    points, inner = await with_placeholders(1)
    await points.set_payload_if([1], {"x": 1, "y": 1}, ONE, under="counts")
    await points.set_payload_if([1], {"y": 2}, ONE, under="counts")
    await points.set_payload_if([1], {"y": 3}, TWO, under="counts")
    (found,) = await points.retrieve([1], vectors=False, fields=("counts",))
    assert found == Stored(1, {"counts": {"x": 1, "y": 2}}, None)
    assert not inner.calls


async def test_of_too_many_those_that_came_first_are_stored_and_none_is_lost() -> None:
    points, inner = await with_placeholders(*range(4), held=4)
    await texts(points, *range(4, 20))
    for number in range(4, 20):
        await points.insert_only([point(number)])
        # At most as many wait as may, and they are the last ones.
        assert list(inner.texts) == list(range(len(inner.texts)))
        assert number + 1 - len(inner.texts) in range(2, 5)
        assert await texts(points, *range(number + 1)) == ["placeholder"] * (number + 1)
    assert await points.count(()) == 20


async def test_of_too_many_none_is_lost_when_they_cannot_be_stored() -> None:
    points, inner = await with_placeholders(1, 2, 3, held=3)
    await texts(points, 4)
    inner.failing = "before"
    with pytest.raises(StoreUnavailable):
        await points.insert_only([point(4)])
    assert await texts(points, 1, 2, 3, 4) == ["placeholder"] * 4
    assert await points.count(()) == 4


@pytest.mark.parametrize("method", ["upsert", "insert_only", "update_if"])
async def test_a_vector_of_another_dimension_is_refused_and_changes_nothing(method: str) -> None:
    points, inner = await with_placeholders(1)
    await texts(points, 2, 3)
    wrong = Point(3, vector(1.0, 2.0, 3.0), {"token": 1, "text": "wrong"})
    condition = (ONE,) if method == "update_if" else ()
    inner.calls.clear()
    with pytest.raises(StoreMismatch):
        await getattr(points, method)([point(1, text="new"), point(2), wrong], *condition)
    assert await texts(points, 1, 2, 3) == ["placeholder", None, None]
    assert inner.calls == {"retrieve": 1}


async def test_a_flush_stores_no_placeholder() -> None:
    points, inner = await with_placeholders(1)
    await points.flush()
    assert not inner.texts
    assert await texts(points, 1) == ["placeholder"]


# Writes that fail


@pytest.mark.parametrize("failing", ["before", "after"])
@pytest.mark.parametrize("method", ["upsert", "update_if"])
async def test_after_a_write_that_failed_the_placeholder_is_there_again(
    failing: Literal["before", "after"], method: str
) -> None:
    points, inner = await with_placeholders(1)
    await points.set_payload_if([1], {"claimed_from": 0}, ONE)
    condition = (ONE,) if method == "update_if" else ()
    inner.failing = failing
    with pytest.raises(StoreUnavailable):
        await getattr(points, method)([point(1, text="lost")], *condition)
    (found,) = await points.retrieve([1], vectors=True)
    assert found is not None
    assert found.payload == {"token": 1, "text": "placeholder", "claimed_from": 0}
    await points.set_payload_if([1], {"token": 2}, ONE)
    await points.update_if([point(1, token=1, text="zombie's")], ONE)
    assert await texts(points, 1) == ["placeholder"]
    await points.update_if([point(1, token=2, text="new")], TWO)
    assert inner.texts == {1: "new"}
    assert await texts(points, 1) == ["new"]


@pytest.mark.parametrize("failing", ["before", "after"])
async def test_after_a_search_that_could_not_store_it_the_placeholder_is_there_again(
    failing: Literal["before", "after"],
) -> None:
    points, inner = await with_placeholders(1)
    inner.failing = failing
    with pytest.raises(StoreUnavailable):
        await points.count(ONE)
    await points.set_payload_if([1], {"token": 2, "text": "claimed"}, ONE)
    assert await texts(points, 1) == ["claimed"]
    assert await points.count(TWO) == 1
    assert inner.texts == {1: "claimed"}


@pytest.mark.parametrize("failing", ["before", "after"])
async def test_what_a_failed_write_may_have_created_is_not_known_to_be_absent(
    failing: Literal["before", "after"],
) -> None:
    inner = Watched()
    points = DeferredInserts(inner)
    await texts(points, 1)
    inner.failing = failing
    with pytest.raises(StoreUnavailable):
        await points.upsert([point(1, text="lost")])
    await points.insert_only([point(1)])
    assert await texts(points, 1) == [inner.texts[1]]
    assert inner.texts[1] == ("placeholder" if failing == "before" else "lost")


# What overlaps


@pytest.mark.parametrize("known", [True, False])
async def test_a_read_that_ends_after_a_write_does_not_make_it_absent(*, known: bool) -> None:
    inner = Watched()
    points = DeferredInserts(inner)
    if known:
        await texts(points, 1)
    inner.holding.clear()
    late = asyncio.create_task(texts(points, 1))
    await turns()
    held_back, inner.holding = inner.holding, asyncio.Event()
    inner.holding.set()
    await points.insert_only([point(1)])
    assert (await inner.count(()) == 0) == known
    await points.update_if([point(1, text="written")], ONE)
    held_back.set()
    assert await late == [None]
    await points.insert_only([point(1, text="inserted over it")])
    assert await texts(points, 1) == ["written"]
    assert inner.texts == {1: "written"}


async def test_a_read_that_ends_after_an_insert_does_not_lose_it() -> None:
    inner = Watched()
    points = DeferredInserts(inner)
    await texts(points, 1)
    inner.holding.clear()
    late = asyncio.create_task(texts(points, 1))
    await turns()
    await points.insert_only([point(1)])
    inner.holding.set()
    assert await late == [None]
    await points.insert_only([point(1, text="second")])
    assert await texts(points, 1) == ["placeholder"]


@pytest.mark.parametrize("method", ["upsert", "update_if"])
async def test_a_write_whose_caller_is_cancelled_goes_on_and_readers_wait_for_it(
    method: str,
) -> None:
    points, inner = await with_placeholders(1, 2)
    condition = (ONE,) if method == "update_if" else ()
    inner.holding.clear()
    writer = asyncio.create_task(getattr(points, method)([point(1, text="new")], *condition))
    await turns()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    reader = asyncio.create_task(texts(points, 1))
    claim = asyncio.create_task(points.set_payload_if([1], {"token": 2}, ONE))
    looker = asyncio.create_task(points.count((*ONE, Except((2,)))))
    closer = asyncio.create_task(points.close())
    rewriter = asyncio.create_task(points.rewrite())
    await turns()
    assert not any(waiting.done() for waiting in (reader, claim, looker, closer, rewriter))
    assert await texts(points, 2) == ["placeholder"]
    inner.holding.set()
    assert await reader == ["new"]
    await asyncio.gather(claim, looker, closer, rewriter)
    assert inner.texts == {1: "new"}
    assert await points.count(TWO) == 1


async def test_an_insert_whose_caller_is_cancelled_goes_on_and_readers_wait_for_it() -> None:
    inner = Watched()
    points = DeferredInserts(inner)
    inner.holding.clear()
    writer = asyncio.create_task(points.insert_only([point(1)]))
    await turns()
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    reader = asyncio.create_task(texts(points, 1))
    await turns()
    assert not reader.done()
    inner.holding.set()
    assert await reader == ["placeholder"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda points: points.set_payload_if([1], {"text": "claimed"}, ONE), "claimed"),
        (lambda points: points.update_if([point(1, text="second")], ONE), "second"),
        (lambda points: points.upsert([point(1, text="second")]), "second"),
        (lambda points: points.insert_only([point(1, text="second")]), "placeholder"),
        (lambda points: points.delete_if([1], ONE), None),
    ],
    ids=["set_payload_if", "update_if", "upsert", "insert_only", "delete_if"],
)
async def test_what_changes_it_while_its_write_fails_changes_the_placeholder(
    change: Callable[[DeferredInserts], Coroutine[object, object, None]], expected: str | None
) -> None:
    points, inner = await with_placeholders(1)
    inner.holding.clear()
    inner.failing = "before"
    writer = asyncio.create_task(points.update_if([point(1, text="lost")], ONE))
    await turns()
    changer = asyncio.create_task(change(points))
    await turns()
    assert not changer.done()
    inner.holding.set()
    with pytest.raises(StoreUnavailable):
        await writer
    await changer
    assert await texts(points, 1) == [expected]


async def test_reads_leave_no_more_behind_than_some_that_are_absent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("stores.deferred._KNOWN_ABSENT", 4)
    inner = Watched()
    points = DeferredInserts(inner)
    inner.holding.clear()
    reads = [asyncio.create_task(texts(points, number)) for number in range(9)]
    await turns()
    assert len(points._reading) == 9
    reads[0].cancel()
    inner.holding.set()
    await asyncio.gather(*reads, return_exceptions=True)
    assert points._reading == []
    assert 0 < len(points._absent) <= 4


async def test_who_looks_for_it_while_its_write_fails_finds_it() -> None:
    points, inner = await with_placeholders(1)
    inner.holding.clear()
    inner.failing = "before"
    writer = asyncio.create_task(points.update_if([point(1, text="lost")], ONE))
    await turns()
    looker = asyncio.create_task(points.count(ONE))
    await turns()
    inner.holding.set()
    with pytest.raises(StoreUnavailable):
        await writer
    assert await looker == 1


async def test_who_looks_for_it_while_its_write_fails_and_is_repeated_finds_it() -> None:
    points, inner = await with_placeholders(1)
    first, second = asyncio.Event(), asyncio.Event()
    inner.holding, inner.failing = first, "before"
    writer = asyncio.create_task(points.update_if([point(1, text="lost")], ONE))
    await turns()
    inner.holding = second
    again = asyncio.create_task(points.update_if([point(1, text="repeated")], ONE))
    await turns()
    looker = asyncio.create_task(points.count(ONE))
    await turns()
    first.set()
    await turns()
    second.set()
    with pytest.raises(StoreUnavailable):
        await writer
    await again
    assert await looker == 1


async def test_what_is_written_while_its_placeholder_is_deleted_stays() -> None:
    points, inner = await with_placeholders(1)
    await MemoryPoints.upsert(inner, [point(2, text="stored")])
    first = inner.holding = asyncio.Event()
    deleter = asyncio.create_task(points.delete_if([1, 2], ONE))
    await turns()
    inner.holding = asyncio.Event()
    inner.holding.set()

    async def claim_and_write() -> None:
        await points.insert_only([point(1, token=2)])
        await points.update_if([point(1, token=2, text="written")], TWO)

    writer = asyncio.create_task(claim_and_write())
    await turns()
    first.set()
    await asyncio.gather(deleter, writer)
    assert await texts(points, 1, 2) == ["written", None]


async def test_what_is_deleted_after_a_write_that_failed_is_gone() -> None:
    points, inner = await with_placeholders(1)
    inner.failing = "after"
    with pytest.raises(StoreUnavailable):
        await points.update_if([point(1, text="lost")], ONE)
    assert await texts(points, 1) == ["placeholder"]
    await points.delete_if([1], ONE)
    assert await texts(points, 1) == [None]


# Any schedule


class Leisurely(MemoryPoints):
    """Every call takes some turns of the event loop; writes are applied as they began.

    Args:
        failing: The probability that a write fails, before it is applied or after.
    """

    def __init__(self, collection: Collection, chance: Random, *, failing: float = 0.0) -> None:
        super().__init__(collection)
        self._chance = chance
        self._failing = failing
        self._order = asyncio.Lock()

    async def _some_turns(self) -> None:
        await turns(self._chance.choice((0, 0, 1, 2, 3, 7)))

    async def _in_order(self, write: Callable[[], Coroutine[object, object, None]]) -> None:
        async with self._order:
            await self._some_turns()
            if self._chance.random() < self._failing / 2:
                raise StoreUnavailable("not applied")
            await write()
        await self._some_turns()
        if self._chance.random() < self._failing / 2:
            raise StoreUnavailable("applied, but the answer was lost")

    async def upsert(self, points: Sequence[Point]) -> None:
        await self._in_order(partial(super().upsert, points))

    async def insert_only(self, points: Sequence[Point]) -> None:
        await self._in_order(partial(super().insert_only, points))

    async def update_if(self, points: Sequence[Point], condition: Where) -> None:
        await self._in_order(partial(super().update_if, points, condition))

    async def set_payload_if(
        self,
        ids: Sequence[PointId],
        payload: Payload,
        condition: Where,
        *,
        under: str | None = None,
    ) -> None:
        await self._in_order(partial(super().set_payload_if, ids, payload, condition, under=under))

    async def delete(self, where: Where) -> None:
        await self._in_order(partial(super().delete, where))

    async def delete_if(self, ids: Sequence[PointId], condition: Where) -> None:
        await self._in_order(partial(super().delete_if, ids, condition))

    async def retrieve(
        self, ids: Sequence[PointId], *, vectors: bool, fields: tuple[str, ...] | None = None
    ) -> list[Stored | None]:
        await self._some_turns()
        found = await super().retrieve(ids, vectors=vectors, fields=fields)
        await self._some_turns()
        return found

    async def scroll(
        self,
        where: Where,
        *,
        start: PointId | None,
        limit: int,
        vectors: bool,
        fields: tuple[str, ...] | None = None,
    ) -> tuple[list[Stored], PointId | None]:
        await self._some_turns()
        found = await super().scroll(
            where, start=start, limit=limit, vectors=vectors, fields=fields
        )
        await self._some_turns()
        return found

    async def count(self, where: Where) -> int:
        await self._some_turns()
        number = await super().count(where)
        await self._some_turns()
        return number


State = tuple[int, int] | None
"""The token of a point, and the number of the write that made it."""

Kind = Literal["upsert", "insert", "update", "patch", "delete", "delete_if", "read", "scan"]


@dataclass(frozen=True)
class Act:
    """What a caller does to some points; `condition` is a token, None for any."""

    kind: Kind
    ids: tuple[int, ...]
    token: int
    condition: int | None

    @property
    def reads(self) -> bool:
        return self.kind in {"read", "scan"}

    def after(self, before: State, number: int) -> State:
        """The point once this was done to it."""
        met = before is not None and self.condition in {None, before[0]}
        match self.kind:
            case "upsert":
                return self.token, number
            case "insert":
                return (self.token, number) if before is None else before
            case "update":
                return (self.token, number) if met else before
            case "patch":
                return before if before is None or not met else (self.token, before[1])
            case "delete" | "delete_if":
                return None if met else before
            case _:
                return before

    def seen(self, state: State) -> State:
        """What a reader is told of the point."""
        met = self.kind == "read" or (state is not None and self.condition in {None, state[0]})
        return state if met else None


@dataclass(frozen=True, eq=False)
class Happened:
    """What one act did to one point, at some time within [begun, ended] or not at all.

    Attributes:
        told: What a reader was told.
        certain: It did happen: its caller got an answer.
    """

    act: Act
    number: int
    begun: int
    ended: float
    told: State
    certain: bool


def explained(history: list[Happened]) -> bool:
    """Whether one after the other, in an order that the times allow, would have told the same."""
    known: set[tuple[frozenset[Happened], State]] = set()

    def reached(left: frozenset[Happened], state: State) -> bool:
        if not any(one.certain for one in left):
            return True
        if (left, state) in known:
            return False
        known.add((left, state))
        first_end = min(one.ended for one in left if one.certain)
        for one in left:
            if one.begun > first_end or (one.act.reads and one.act.seen(state) != one.told):
                continue
            missed = {other for other in left if not other.certain and other.ended < one.begun}
            if reached(left - missed - {one}, one.act.after(state, one.number)):
                return True
        return False

    return reached(frozenset(history), None)


class Witness:
    """Acts on points, and knows for each of them what happened to it and when."""

    def __init__(self, points: DeferredInserts) -> None:
        self._points = points
        self._clock = count()
        self.histories: dict[int, list[Happened]] = {1: [], 2: []}

    async def act(self, act: Act) -> None:
        begun = next(self._clock)
        ended: float = inf
        certain = False
        told: dict[PointId, State] = {}
        try:
            for one in await self._answer(act, begun):
                payload = one.payload
                told[one.id] = int(str(payload["token"])), int(str(payload["number"]))
            certain = True
            ended = next(self._clock)
        except StoreUnavailable:
            ended = next(self._clock)
        finally:
            if certain or not act.reads:
                # What is deleted or looked for is so wherever it is.
                everywhere = act.kind in {"delete", "scan"}
                for point_id in self.histories if everywhere else act.ids:
                    self.histories[point_id].append(
                        Happened(act, begun, begun, ended, told.get(point_id), certain)
                    )

    async def _answer(self, act: Act, number: int) -> Sequence[Stored]:
        where: Where = () if act.condition is None else (Equals("token", act.condition),)
        payload: Payload = {"token": act.token, "number": number}
        news = [Point(one, vector(act.token, number), payload) for one in act.ids]
        match act.kind:
            case "upsert":
                await self._points.upsert(news)
            case "insert":
                await self._points.insert_only(news)
            case "update":
                await self._points.update_if(news, where)
            case "patch":
                await self._points.set_payload_if(act.ids, {"token": act.token}, where)
            case "delete":
                await self._points.delete(where or (Above("token", -1),))
            case "delete_if":
                await self._points.delete_if(act.ids, where)
            case "read":
                found = await self._points.retrieve(act.ids, vectors=True)
                return [one for one in found if one is not None]
            case "scan":
                page, _ = await self._points.scroll(where, start=None, limit=9, vectors=True)
                return page
        return ()


KINDS: list[Kind] = [
    *("insert", "insert", "update", "update", "patch", "read", "read"),
    *("upsert", "delete_if", "delete", "scan"),
]
FAILING_KINDS: list[Kind] = ["insert", "update", "patch", "read", "upsert"]


def callers_of(kinds: list[Kind]) -> st.SearchStrategy[list[list[Act]]]:
    acts = st.builds(
        Act,
        st.sampled_from(kinds),
        st.sampled_from([(1,), (2,), (1, 2), (2, 1)]),
        st.integers(1, 2),
        st.sampled_from([None, 1, 2]),
    )
    return st.lists(st.lists(acts, min_size=1, max_size=4), min_size=2, max_size=4)


SEEDS = st.integers(0, 2**32 - 1)
LOOK = Act("read", (1, 2), 0, None)


async def histories_of(
    callers: list[list[Act]], *, seed: int, patient: bool, failing: float = 0.0
) -> list[list[Happened]]:
    """What happened to each point while all of them acted at once."""
    chance = Random(seed)  # noqa: S311 - a schedule, not a secret
    points = DeferredInserts(Leisurely(COLLECTION, chance, failing=failing), held=1)
    witness = Witness(points)
    await witness.act(LOOK)

    async def act_in_turn(acts: list[Act]) -> None:
        for act in acts:
            await witness.act(act)

    tasks = [asyncio.create_task(act_in_turn(acts)) for acts in callers]
    if not patient:
        await turns(chance.randrange(12))
        chance.choice(tasks).cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    await witness.act(LOOK)
    await points.close()
    await witness.act(LOOK)
    return [*witness.histories.values()]


@settings(max_examples=600)
@given(callers=callers_of(KINDS), seed=SEEDS, patient=st.booleans())
async def test_callers_at_once_see_each_point_as_one_after_the_other_would(
    callers: list[list[Act]], seed: int, *, patient: bool
) -> None:
    for history in await histories_of(callers, seed=seed, patient=patient):
        assert explained(history), history


@settings(max_examples=400)
@given(callers=callers_of(FAILING_KINDS), seed=SEEDS, patient=st.booleans())
async def test_a_write_that_failed_was_done_at_once_or_never(
    callers: list[list[Act]], seed: int, *, patient: bool
) -> None:
    for history in await histories_of(callers, seed=seed, patient=patient, failing=0.3):
        # Who reads meanwhile may see what is taken back.
        kept = [one for one in history if one.act is LOOK or not one.act.reads]
        assert explained(kept), kept


NAMES = [("t", name) for name in ("ann", "bob", "cy")]
KEYS = [user_key(*name) for name in NAMES]


async def until_it_succeeds(call: Callable[[], Awaitable[T]]) -> T:
    while True:
        with suppress(StoreUnavailable):
            return await call()


class Owners:
    """Owners of one partition after one another, who do not notice that they no longer are."""

    def __init__(self, chance: Random, *, failing: float) -> None:
        self._chance = chance
        self._failing = failing
        inner = Leisurely(user_collection(4), chance, failing=failing)
        self.users = PointUserStore(DeferredInserts(inner, held=2))
        self.newest = 0
        """The token of the newest claim that began."""
        self.due: dict[bytes, UserRecord] = {}
        """What the newest claim found or its owner wrote last, or will have if nobody else did."""
        self.least = Counter[bytes]()
        """By user, the version that no later claim may miss."""
        self._seen: dict[bytes, tuple[int, int]] = {}

    async def own(self, token: int, *, claimed: asyncio.Event) -> None:
        least, self.newest = Counter(self.least), token
        names = self._chance.sample(NAMES, len(NAMES))
        split = self._chance.randrange(len(names) + 1)
        parts = await asyncio.gather(
            *(
                until_it_succeeds(partial(self.users.claim, part, partition=0, token=Token(token)))
                for part in (names[:split], names[split:])
                if part
            )
        )
        records = [record for part in parts for record in part]
        claimed.set()
        for record in records:
            assert record.version >= least[record.key]
            if self.newest == token:
                assert record.token < token or (record.token, record.version) == (token, 0)
                self.due[record.key] = record
        await turns(self._chance.randrange(6))
        # Together, or each on its own.
        batches = [[record] for record in records] if self._chance.random() < 0.6 else [records]
        await asyncio.gather(*(self._written(batch, token=token) for batch in batches))

    async def _written(self, records: list[UserRecord], *, token: int) -> None:
        for number in range(self._chance.randrange(4)):
            await turns(self._chance.randrange(5))
            state = f"{number} of {token}".encode()
            records = [touched(record, token=token, state=state) for record in records]
            began_as_owner = self.newest == token
            await until_it_succeeds(partial(self.users.write, records))
            if began_as_owner and self.newest == token:
                for record in records:
                    self.least[record.key] = record.version
                    self.due[record.key] = record

    async def look_on(self) -> None:
        """Reads of every kind, which store what is in memory or come back late."""
        while True:
            with suppress(StoreUnavailable):
                await self._look()
            await turns(1 + self._chance.randrange(30))

    async def _look(self) -> None:
        match self._chance.randrange(4):
            case 0:
                await self.users.count()
            case 1:
                assert [page async for page in self.users.scan(waiting=True)] == []
            case 2:
                async for page in self.users.scan(tenant="t", page=2):
                    self._require_progress(page)
            case _:
                found = await self.users.read(KEYS)
                assert sum(one is not None for one in found) >= len(self._seen)
                self._require_progress([one for one in found if one is not None])

    def _require_progress(self, found: list[UserRecord]) -> None:
        """Tokens and versions only grow, unless what a failed write did is taken back."""
        for one in found if self._failing == 0.0 else ():
            token, version = self._seen.get(one.key, (0, 0))
            assert one.token >= token
            assert one.version >= version
            self._seen[one.key] = one.token, one.version


@settings(max_examples=400)
@given(seed=SEEDS, owners=st.integers(2, 4), failing=st.sampled_from([0.0, 0.3]))
async def test_after_a_claim_nothing_older_has_an_effect_and_nothing_newer_is_lost(
    seed: int, owners: int, failing: float
) -> None:
    chance = Random(seed)  # noqa: S311 - a schedule, not a secret
    partition = Owners(chance, failing=failing)
    looker = asyncio.create_task(partition.look_on())
    tasks = []
    for token in range(1, owners + 1):
        claimed = asyncio.Event()
        tasks.append(asyncio.create_task(partition.own(token, claimed=claimed)))
        await claimed.wait()
        await turns(chance.randrange(25))
    await asyncio.gather(*tasks)
    looker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looker
    stored = await until_it_succeeds(partial(partition.users.read, [*partition.due]))
    assert len(stored) == len(NAMES)
    for due, found in zip(partition.due.values(), stored, strict=True):
        assert found is not None
        assert found.token == owners
        expected = replace(due, token=found.token, vector=found.vector)
        assert found == expected
        np.testing.assert_array_equal(found.vector, due.vector)
    counted = await until_it_succeeds(partition.users.count)
    assert counted == len(NAMES)
