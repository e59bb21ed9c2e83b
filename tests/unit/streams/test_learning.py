"""What the leader learns comes into force whole, with its personas, and is kept up."""

import asyncio
from typing import cast

import numpy as np
import pytest
from streams_world import (
    AT_ONCE,
    LEARNER,
    PARTITIONS,
    Engines,
    Killed,
    World,
    item,
    liked,
)

from profiles.ids import draw_of, item_key, user_key
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.model import NextItemModel
from profiles.personas import PersonaSet, decode_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import PersonaDocument, PersonaStore, UserRecord
from profiles.projection import project
from profiles.queries import Level
from profiles.state import decode_state
from schemas import topics
from schemas.persona_events import PersonaEvent, PersonaFate
from schemas.snapshots import ModelPointer, decode_profile
from stores.blobs import get_blob
from streams.learners import Fitted
from streams.learning import LearningOptions
from streams.workshop import InlineWorkshop


def two_crowds(world: World, *, each: int = 12, tenant: str = "default") -> None:
    """Readers of the sea and readers of ghosts, with two books each."""
    for name, text in (
        ("sea-1", "sea storm sail"),
        ("sea-2", "sea harbour gull"),
        ("ghost-1", "ghost castle night"),
        ("ghost-2", "ghost chain cellar"),
    ):
        world.publish(item(name, text, title=name.title(), tenant=tenant))
    for number in range(each):
        for kind in ("sea", "ghost"):
            world.publish(liked(f"{kind}-{number}", f"{kind}-1", number, tenant=tenant))
            world.publish(liked(f"{kind}-{number}", f"{kind}-2", 100 + number, tenant=tenant))


async def started(world: World, nonce: str = "one", options: LearningOptions = AT_ONCE) -> Engines:
    engines = Engines(world, nonce=nonce, options=options)
    world.consumer.rebalance()
    engines.recall()
    await engines.spaces.load()
    await engines.own_all()
    await engines.statistics.ensure_built(range(PARTITIONS))
    return engines


async def settled(engines: Engines) -> None:
    """Everything is folded, counted, learned, announced and swept."""
    for _ in range(4):
        await engines.drain()
        await engines.lead()


async def published(world: World) -> PersonaSet:
    document = await world.profiles.personas.read("default")
    assert document is not None
    return decode_personas(document.body)


async def pointer(world: World) -> ModelPointer:
    model = (await published(world)).model
    assert model is not None
    return model


async def users(world: World) -> list[UserRecord]:
    return [record async for page in world.profiles.users.scan() for record in page]


async def model_of(world: World) -> NextItemModel:
    body = await get_blob(world.redis.aggregates, "default", (await pointer(world)).next_item)
    assert body is not None
    return NextItemModel.from_bytes(body, policy=DEFAULT_POLICY)


async def blobs_there(world: World, wanted: ModelPointer) -> list[bool]:
    return [
        await get_blob(world.redis.aggregates, "default", blob) is not None
        for blob in wanted.blobs()
    ]


def test_users_are_projected_anew_into_the_learned_space() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await engines.drain()
        assert {record.space for record in await users(world)} == {0}
        await settled(engines)

        space = (await pointer(world)).space
        assert space == 1
        for record in await users(world):
            found = project(decode_state(record.state), engines.knowledge.catalogue, DEFAULT_POLICY)
            assert record.space == space
            np.testing.assert_array_equal(record.vector, found.vector)
            (cached,) = await world.redis.cache.get([record.key])
            assert cached is not None
            view = decode_profile(cached)
            assert (view.space, view.persona, view.version) == (
                space,
                record.persona,
                record.version,
            )
        crowds = {
            kind: {record.persona for record in await users(world) if record.user_id[:3] == kind}
            for kind in ("sea", "gho")
        }
        assert [len(ids) for ids in crowds.values()] == [1, 1]
        assert crowds["sea"] != crowds["gho"]
        assert sorted(one.size for one in (await published(world)).personas) == [12, 12]

    asyncio.run(scenario())


def test_the_space_in_force_is_the_one_that_was_published() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await settled(engines)
        body = await get_blob(world.redis.aggregates, "default", (await pointer(world)).item_space)
        assert body is not None
        space = ItemSpace.from_bytes(body)
        key = item_key("default", "sea-1")
        expected = space.place(key, engines.embedder.embed(["Sea-1. sea storm sail"])[0])
        found = engines.knowledge.catalogue.vector(key)
        assert found is not None
        np.testing.assert_allclose(found, expected, atol=1e-6)
        # A newcomer is placed at once, by its text.
        world.publish(item("sea-3", "sea storm sail"))
        await engines.drain()
        placed = engines.knowledge.catalogue.vector(item_key("default", "sea-3"))
        assert placed is not None
        assert placed[: space.text_dimension].any()

    asyncio.run(scenario())


def test_births_of_personas_are_told_once_and_again_after_a_restart() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await settled(engines)

        def told(by: Engines) -> list[PersonaEvent]:
            return [
                PersonaEvent.model_validate_json(record.value or b"")
                for record in by.sender.sent
                if record.topic == topics.PERSONA_EVENTS
            ]

        first = told(engines)
        assert {event.fate for event in first} == {PersonaFate.BIRTH}
        assert {event.persona for event in first} == {
            one.id for one in (await published(world)).personas
        }
        assert sum(event.members for event in first) == 24
        second = await started(world, "two")
        await second.lead()
        assert told(second) == first

    asyncio.run(scenario())


def test_new_events_refresh_the_model_without_a_new_space() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await settled(engines)
        before = await pointer(world)
        ann = user_key("default", "sea-0")
        (record,) = await world.profiles.users.read([ann])
        assert record is not None
        new = item_key("default", "sea-9")
        assert new not in (await model_of(world)).items

        world.publish(item("sea-9", "sea wreck"))
        world.publish(liked("sea-1", "sea-9", 500))
        await settled(engines)
        after = await pointer(world)
        assert (after.space, after.item_space) == (before.space, before.item_space)
        assert after.version > before.version
        answer = (await model_of(world)).answer(decode_state(record.state), 10**12)
        assert new in answer.items
        assert np.isfinite(answer.scores[Level.BLEND]).all()

    asyncio.run(scenario())


def test_a_new_item_is_ranked_before_anybody_has_met_it() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await settled(engines)
        world.publish(item("sea-9", "sea wreck"))
        await settled(engines)
        assert item_key("default", "sea-9") in (await model_of(world)).items

    asyncio.run(scenario())


def test_what_is_quiet_is_left_alone() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await settled(engines)
        before = await published(world)
        sent = len(engines.sender.sent)
        await settled(engines)
        assert await published(world) == before
        assert len(engines.sender.sent) == sent

    asyncio.run(scenario())


def test_an_emptied_store_is_filled_again_with_the_same_version() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        two_crowds(world)
        await settled(engines)
        before = await pointer(world)
        await world.redis.aggregates.forget_everything()  # type: ignore[attr-defined]
        assert await blobs_there(world, before) == [False, False]
        await engines.statistics.ensure_built(range(PARTITIONS))
        await settled(engines)
        assert await pointer(world) == before
        assert await blobs_there(world, before) == [True, True]

    asyncio.run(scenario())


def test_a_new_leader_that_learns_the_same_moves_nobody() -> None:
    async def scenario() -> None:
        world = await World.open()
        first = await started(world)
        two_crowds(world)
        await settled(first)
        before, versions = (
            await pointer(world),
            {one.key: one.version for one in await users(world)},
        )
        await world.redis.aggregates.forget_everything()  # type: ignore[attr-defined]

        second = await started(world, "two")
        await settled(second)
        after = await pointer(world)
        assert after.item_space == before.item_space
        assert after.space == before.space
        assert await blobs_there(world, after) == [True, True]
        assert {one.key: one.version for one in await users(world)} == versions

    asyncio.run(scenario())


def test_a_new_leader_goes_on_with_versions_and_ids() -> None:
    async def scenario() -> None:
        world = await World.open()
        first = await started(world)
        two_crowds(world)
        await settled(first)
        before = await published(world)
        for number in range(30):
            world.publish(liked(f"new-{number}", "sea-1", 1_000 + number))
        second = await started(world, "two")
        await settled(second)
        after = await published(world)
        assert after.model is not None
        assert before.model is not None
        assert after.version > before.version
        assert after.model.version > before.model.version
        assert after.model.space > before.model.space
        assert {one.id for one in before.personas} <= {one.id for one in after.personas}
        assert {record.space for record in await users(world)} == {after.model.space}

    asyncio.run(scenario())


class Deadly:
    """A persona store that ends the process just before or after the second space is published."""

    def __init__(self, store: PersonaStore, *, after: bool) -> None:
        self._store = store
        self._after = after

    async def publish(self, document: PersonaDocument) -> bool:
        model = decode_personas(document.body).model
        assert model is not None
        if model.space == 1:
            return await self._store.publish(document)
        if self._after:
            await self._store.publish(document)
        raise Killed

    async def read(self, tenant: str) -> PersonaDocument | None:
        return await self._store.read(tenant)


@pytest.mark.parametrize("after", [False, True])
def test_a_leader_that_dies_publishing_leaves_one_version_or_the_other(*, after: bool) -> None:
    async def scenario() -> None:
        world = await World.open()
        first = await started(world)
        two_crowds(world)
        await settled(first)
        before = await pointer(world)
        for number in range(30):
            world.publish(liked(f"new-{number}", "ghost-1", 1_000 + number))
        await first.drain()
        first.personas._store = cast(PersonaStore, Deadly(first.personas._store, after=after))
        with pytest.raises(Killed):
            await first.lead()
        left = await pointer(world)
        assert (left == before) is not after
        assert await blobs_there(world, left) == [True, True]

        second = await started(world, "two")
        await settled(second)
        now = await pointer(world)
        assert now.space == before.space + 1
        assert await blobs_there(world, now) == [True, True]
        assert {record.space for record in await users(world)} == {now.space}
        body = await get_blob(world.redis.aggregates, "default", now.item_space)
        assert body is not None
        for record in await users(world):
            found = project(decode_state(record.state), second.knowledge.catalogue, DEFAULT_POLICY)
            np.testing.assert_array_equal(record.vector, found.vector)

    asyncio.run(scenario())


def test_models_no_longer_in_force_are_removed_after_a_while() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(
            world,
            options=LearningOptions(least_users=3, refresh_interval_s=0.0, busy=1.0, kept_s=0.0),
        )
        two_crowds(world)
        await settled(engines)
        old = await pointer(world)
        world.publish(liked("sea-1", "ghost-1", 900))
        await settled(engines)
        new = await pointer(world)
        assert new.next_item != old.next_item
        aggregates = world.redis.aggregates
        assert await get_blob(aggregates, "default", old.next_item) is None
        assert await blobs_there(world, new) == [True, True]

    asyncio.run(scenario())


def test_a_space_that_is_not_there_yet_is_waited_for() -> None:
    async def scenario() -> None:
        world = await World.open()
        leader = await started(world)
        two_crowds(world)
        await settled(leader)
        wanted = await pointer(world)
        names = [f"blob:{wanted.item_space.digest}:0:default"]
        (body,) = await world.redis.aggregates.get_snapshots(names)
        assert body is not None
        await world.redis.aggregates.drop_snapshots(names)

        follower = Engines(world, nonce="two")
        follower.recall()
        assert await follower.spaces.load() == 0
        assert follower.knowledge.centroids("default").space == 0
        await world.redis.aggregates.put_snapshot(names[0], body)
        assert await follower.spaces.load() == 1
        assert follower.knowledge.centroids("default").space == wanted.space
        key = item_key("default", "ghost-2")
        ours, theirs = (one.knowledge.catalogue.vector(key) for one in (follower, leader))
        assert ours is not None
        assert theirs is not None
        np.testing.assert_array_equal(ours, theirs)

    asyncio.run(scenario())


def test_only_the_users_with_the_smallest_draws_are_learned_from() -> None:
    async def scenario() -> None:
        world = await World.open()
        options = LearningOptions(least_users=3, refresh_interval_s=0.0, busy=1.0, sample=7)
        engines = await started(world, options=options)
        two_crowds(world)
        await settled(engines)
        sample = engines.learning._samples["default"]
        draws = sorted(draw_of(record.key) for record in await users(world))
        assert sorted(map(draw_of, sample.versions)) == draws[:7]
        assert sample.draw_below == draws[7]

    asyncio.run(scenario())


def test_a_drift_to_items_without_a_place_is_a_reason_to_learn_anew() -> None:
    async def scenario() -> None:
        world = await World.open()
        options = LearningOptions(
            least_users=3, refresh_interval_s=0.0, busy=1.0, growth=100.0, refit_interval_s=1e9
        )
        engines = await started(world, options=options)
        two_crowds(world, each=40)
        # Many old likes, so that what follows is little growth.
        for number in range(60):
            for turn in range(40):
                world.publish(liked(f"sea-{number % 40}", "sea-1", 10_000 + 100 * turn + number))
        await settled(engines)
        before = await pointer(world)
        for number in range(11):
            world.publish(item(f"novel-{number}", f"moor heath {number}"))
        for number in range(210):
            world.publish(liked(f"sea-{number % 40}", f"novel-{number % 11}", 90_000 + number))
        await settled(engines)
        after = await pointer(world)
        assert after.space == before.space + 1

    asyncio.run(scenario())


class _Clock:
    """Time that passes while something is learned, and when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class _Toiling(InlineWorkshop):
    """Takes ten seconds for a refit, and none for the rest."""

    def __init__(self, clock: _Clock) -> None:
        super().__init__(LEARNER)
        self._clock = clock
        self.refits = 0

    async def refit(self, tenant: str) -> Fitted:
        self._clock.now_s += 10.0
        self.refits += 1
        return await super().refit(tenant)


async def learned_once(clock: "_Clock", workshop: "_Toiling") -> tuple[World, Engines]:
    """Which took ten seconds, so that learning rests for forty; then there are twice as many."""
    world = await World.open()
    options = LearningOptions(least_users=3, refresh_interval_s=0.0, busy=0.2)
    engines = Engines(world, options=options, workshop=workshop, elapsed_s=clock)
    world.consumer.rebalance()
    await engines.own_all()
    await engines.statistics.ensure_built(range(PARTITIONS))
    two_crowds(world)
    await settled(engines)
    assert (workshop.refits, clock.now_s) == (1, 10.0)
    two_crowds(world, each=30)
    clock.now_s = 10.0 + 39.0
    await engines.drain()
    assert await engines.personas.tick()
    assert workshop.refits == 1
    return world, engines


def test_learning_rests_in_proportion_to_what_it_took_but_not_from_who_is_new() -> None:
    async def scenario() -> None:
        clock = _Clock()
        workshop = _Toiling(clock)
        world, engines = await learned_once(clock, workshop)
        first = await pointer(world)
        # Nothing has been learned of another tenant, and of the first more comes in.
        two_crowds(world, tenant="other")
        two_crowds(world, each=31)
        await engines.drain()
        assert await engines.personas.tick()
        await engines.learning._job  # type: ignore[misc]
        assert workshop.refits == 2
        # That took until 59 s, and is rested from, too.
        clock.now_s = 59.0 + 39.0
        two_crowds(world, each=32)
        await engines.drain()
        assert await engines.personas.tick()
        assert (workshop.refits, await pointer(world)) == (2, first)
        clock.now_s += 1.0
        two_crowds(world, each=33)
        await engines.drain()
        await engines.lead()
        assert workshop.refits == 3
        assert (await pointer(world)).next_item != first.next_item

    asyncio.run(scenario())


def test_learning_does_not_rest_once_a_load_has_ended() -> None:
    """Who would need the processor?"""

    async def scenario() -> None:
        clock = _Clock()
        workshop = _Toiling(clock)
        world, engines = await learned_once(clock, workshop)
        first = await pointer(world)
        await settled(engines)
        assert workshop.refits == 2
        assert (await pointer(world)).next_item != first.next_item

    asyncio.run(scenario())


def test_nothing_is_learned_while_others_need_the_processor() -> None:
    async def scenario() -> None:
        world = await World.open()
        two_crowds(world)
        engines = await started(world)
        waits = True
        engines.learning._waits = lambda: waits
        await settled(engines)
        assert await world.profiles.personas.read("default") is None
        waits = False
        await settled(engines)
        assert (await published(world)).model is not None

    asyncio.run(scenario())


def test_little_news_are_learned_less_often_than_many() -> None:
    async def scenario() -> None:
        world, clock = await World.open(), _Clock()
        options = LearningOptions(least_users=3, refresh_interval_s=5.0, busy=1.0, growth=9.0)
        engines = Engines(world, options=options, elapsed_s=clock)
        world.consumer.rebalance()
        await engines.own_all()
        await engines.statistics.ensure_built(range(PARTITIONS))
        two_crowds(world, each=30)
        await settled(engines)
        seen = [await pointer(world)]

        async def after(seconds: float, events: int) -> bool:
            for number in range(events):
                world.publish(liked(f"sea-{number}", "ghost-1", 1_000 + 100 * len(seen) + number))
            clock.now_s += seconds
            await settled(engines)
            seen.append(await pointer(world))
            return seen[-1] != seen[-2]

        # Of 120 events, three are more than a fiftieth, two are less.
        assert not await after(4.9, 3)
        assert await after(0.2, 0)
        assert not await after(29.9, 2)
        assert await after(0.2, 0)
        assert await after(5.1, 3)

    asyncio.run(scenario())


def test_a_deposed_leader_learns_nothing_more() -> None:
    async def scenario() -> None:
        world = await World.open()
        first = await started(world)
        two_crowds(world)
        await first.drain()
        assert await first.personas.tick()
        assert not first.learning.idle
        await first.ownerships.release()
        assert not await first.personas.tick()
        await asyncio.sleep(0)
        assert await world.profiles.personas.read("default") is None

    asyncio.run(scenario())
