"""Many callers at once see what one after the other would, though inserts wait in memory."""

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

from profiles.ids import user_key
from profiles.ports import StoreUnavailable, Token, UserRecord
from stores.deferred import DeferredInserts
from stores.memory import MemoryPoints
from stores.points import (
    Above,
    Collection,
    Equals,
    Payload,
    Point,
    PointId,
    Stored,
    Where,
)
from stores.users import PointUserStore, user_collection

pytestmark = pytest.mark.anyio

T = TypeVar("T")

COLLECTION = Collection(name="few", dimension=2)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def turns(number: int) -> None:
    """Let others have so many turns of the event loop."""
    for _ in range(number):
        await asyncio.sleep(0)


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
