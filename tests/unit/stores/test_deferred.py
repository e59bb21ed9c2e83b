"""Nobody can tell inserts that wait in memory from those that are stored, except by the store."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_records import vector

from profiles.documents.words import SparseVector
from profiles.ports import StoreUnavailable
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

pytestmark = pytest.mark.anyio

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
