"""Users, counters and personas catch up with what changed while nobody looked."""

import asyncio
from dataclasses import replace

import numpy as np
from streams_world import LEARNER, PARTITIONS, TEXT_DIMENSION, Engines, World, item, liked

from profiles.evidence import evidence_of
from profiles.ids import user_key
from profiles.personas import decode_personas
from profiles.ports import Token, UserRecord, Vector
from profiles.projection import project_all
from profiles.state import decode_state
from schemas import topics
from schemas.announcements import PersonaAnnouncement
from schemas.snapshots import decode_profile, decode_statistics, statistics_name
from streams.learners import initial_space
from streams.learning import LearningOptions


async def user(world: World, name: str) -> UserRecord:
    (record,) = await world.profiles.users.read([user_key("default", name)])
    assert record is not None
    return record


async def started(world: World, nonce: str = "one") -> Engines:
    engines = Engines(world, nonce=nonce)
    world.consumer.rebalance()
    engines.recall()
    await engines.own_all()
    await engines.statistics.ensure_built(range(PARTITIONS))
    return engines


def test_an_interaction_waits_for_its_item_and_takes_effect_when_it_arrives() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        world.publish(liked("ann", "a"))
        await engines.drain()
        assert (await user(world, "ann")).waiting
        (stub,) = await world.profiles.items.read([_item_key("a")])
        assert stub is not None
        assert (stub.item_id, stub.revision) == ("a", 0)

        world.publish(item("a", "sea storm"))
        await engines.drain()
        ann = await user(world, "ann")
        assert not ann.waiting
        np.testing.assert_allclose(ann.vector, direction_of(engines, "a"), atol=1e-6)

    asyncio.run(scenario())


def direction_of(engines: Engines, item_id: str) -> Vector:
    """Where whoever likes only this item is."""
    place = engines.knowledge.catalogue.vector(_item_key(item_id))
    assert place is not None
    direction: Vector = place / np.linalg.norm(place)
    return direction


def _item_key(name: str) -> int:
    from profiles.ids import item_key

    return item_key("default", name)


def test_an_item_that_arrived_while_nobody_owned_the_user_is_made_up_for() -> None:
    async def scenario() -> None:
        world = await World.open()
        first = await started(world)
        world.publish(liked("ann", "a"))
        await first.drain()
        # Another worker's item agent describes the item; the user's owner is gone.
        world.publish(item("a", "sea storm"))
        place = next(place for place in world.consumer.logs if place[0] == topics.ITEMS)
        batch = world.consumer.fetch(place)
        assert batch is not None
        await first.items.handle(batch)
        first.deliver()

        second = await started(world, "two")
        await second.drain()
        assert not (await user(world, "ann")).waiting

    asyncio.run(scenario())


def test_a_changed_item_moves_the_users_who_like_it() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        world.publish(item("a", "sea storm"))
        world.publish(liked("ann", "a"))
        await engines.drain()
        world.publish(item("a", "quiet garden", occurred_at=1_600_000_001))
        await engines.drain()
        space = initial_space(TEXT_DIMENSION, LEARNER)
        expected = space.place(_item_key("a"), engines.embedder.embed(["quiet garden"])[0])
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose((await user(world, "ann")).vector, expected, atol=1e-6)
        assert await _matches_a_rebuild(world, engines)

    asyncio.run(scenario())


async def _matches_a_rebuild(world: World, engines: Engines) -> bool:
    before = await world.counters()
    await world.redis.aggregates.want_rebuild()
    await engines.statistics.ensure_built(range(PARTITIONS))
    return await world.counters() == before


def test_the_latest_description_wins_in_any_order_and_is_embedded_once() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        world.publish(item("a", "new text", occurred_at=1_600_000_009))
        world.publish(item("a", "old text", occurred_at=1_600_000_001))
        await engines.drain()
        (record,) = await world.profiles.items.read([_item_key("a")])
        assert record is not None
        assert (record.text, record.revision) == ("new text", 1)
        world.publish({**item("a", "new text", occurred_at=1_600_000_010), "event_id": "again"})
        await engines.drain()
        assert engines.items.embedded == 1

    asyncio.run(scenario())


def test_emptied_counters_are_rebuilt_from_the_stored_users() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        for number in range(6):
            world.publish(liked(f"u{number % 3}", f"i{number}", number))
        await engines.drain()
        expected = await world.counters()
        for partition in range(PARTITIONS):
            held = engines.ownerships.held[partition]
            await world.redis.aggregates.begin_build(partition, token=held.token, epoch=99)
        assert not await world.counters()
        # The next update finds that its predecessors are missing.
        for name in ("u0", "u1", "u2"):
            world.publish(liked(name, "i0", 100))
        await engines.drain()
        again = await World.open()
        again.consumer = world.consumer
        assert await _matches_a_rebuild(world, engines)
        now = await world.counters()
        assert set(expected) <= set(now)

    asyncio.run(scenario())


def test_personas_and_snapshots_are_published_by_the_leader() -> None:
    async def scenario() -> None:
        world = await World.open()
        world.publish(item("a", "sea storm sail", title="A"))
        world.publish(item("b", "ghost castle night", title="B"))
        for number in range(12):
            world.publish(liked(f"s{number}", "a", number))
            world.publish(liked(f"g{number}", "b", number))
        engines = Engines(
            world, options=LearningOptions(least_users=4, refresh_interval_s=0.0, busy=1.0)
        )
        await engines.own_all()
        await engines.statistics.ensure_built(range(PARTITIONS))
        await engines.drain()
        await engines.lead()
        await engines.drain()
        await engines.lead()

        document = await world.profiles.personas.read("default")
        assert document is not None
        personas = decode_personas(document.body)
        assert sorted(persona.size for persona in personas.personas) == [12, 12]
        assert {persona.labels[0].text for persona in personas.personas} == {"A", "B"}
        assigned = {(await user(world, f"s{number}")).persona for number in range(12)}
        assert len(assigned) == 1
        (body,) = await world.redis.aggregates.get_snapshots([statistics_name("default", "")])
        assert body is not None
        snapshot = decode_statistics(body)
        assert (snapshot.users, snapshot.directed, snapshot.stale) == (24, 24, False)
        (cached,) = await world.redis.cache.get([user_key("default", "s0")])
        assert cached is not None
        assert decode_profile(cached).persona == assigned.pop()
        assert await _matches_a_rebuild(world, engines)

    asyncio.run(scenario())


def test_a_worker_that_does_not_own_partition_zero_does_not_lead() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = Engines(world)
        await engines.ownerships.own(1)
        assert not await engines.personas.tick()

    asyncio.run(scenario())


def test_personas_found_in_the_middle_of_a_load_are_sought_again_at_its_end() -> None:
    async def scenario() -> None:
        world = await World.open()
        for name, text in (("a", "sea storm sail"), ("b", "ghost castle night")):
            world.publish(item(name, text))
        engines = Engines(
            world, options=LearningOptions(least_users=4, refresh_interval_s=0.0, busy=1.0)
        )
        await engines.own_all()
        await engines.statistics.ensure_built(range(PARTITIONS))
        # So far everybody has liked the same thing: there is one persona to find.
        for number in range(20):
            world.publish(liked(f"u{number}", "a", number))
        await engines.drain()
        await engines.lead()
        assert await _personas(world) == 1

        # A fifth more events, no new users: not enough by growth alone.
        for number in range(4):
            world.publish(liked(f"u{number}", "b", 10_000_000 + number))
        await engines.drain()
        await engines.personas.tick()
        assert await _personas(world) == 1
        await engines.lead()
        await engines.lead()  # nothing has come since: the load has ended
        assert await _personas(world) == 2

    asyncio.run(scenario())


async def _personas(world: World) -> int:
    document = await world.profiles.personas.read("default")
    assert document is not None
    return len(document.centroids)


def announce(engines: Engines, version: int, **centroids: Vector) -> None:
    """A leader's centroids, in the item space that every tenant begins with."""
    engines.knowledge.learn_personas(
        PersonaAnnouncement(
            tenant="default",
            version=version,
            token=Token(1),
            centroids={name: one.astype("<f4").tobytes() for name, one in centroids.items()},
            space=0,
            item_space=None,
        )
    )


async def two_items(engines: Engines) -> tuple[Vector, Vector]:
    world = engines.world
    world.publish(item("a", "sea storm"))
    world.publish(item("b", "quiet garden"))
    await engines.drain()
    return direction_of(engines, "a"), direction_of(engines, "b")


def test_users_are_of_the_persona_that_has_moved_to_them() -> None:
    async def scenario() -> None:
        world = await World.open()
        engines = await started(world)
        here, there = await two_items(engines)
        world.publish(liked("ann", "a"))
        world.publish(liked("bob", "b"))
        announce(engines, 1, p1=here, p2=there)
        await engines.drain()
        assert [(await user(world, name)).persona for name in ("ann", "bob")] == ["p1", "p2"]

        announce(engines, 2, p1=there, p2=here)
        await engines.drain()
        ann, bob = await user(world, "ann"), await user(world, "bob")
        assert [ann.persona, bob.persona] == ["p2", "p1"]
        # Only centroids had moved, so nobody else was written: of one version each.
        versions = [ann.version, bob.version]

        announce(engines, 3, p1=there, p2=here, p3=-here)
        await engines.drain()
        assert [(await user(world, name)).version for name in ("ann", "bob")] == versions
        assert await _matches_a_rebuild(world, engines)

    asyncio.run(scenario())


def test_who_works_by_another_policy_looks_at_everybody_once_though_only_personas_moved() -> None:
    async def scenario() -> None:
        world = await World.open()
        first = await started(world)
        here, there = await two_items(first)
        world.publish(liked("ann", "a"))
        world.publish(liked("ann", "b", occurred_at=1_600_000_000 + 30 * 86_400))
        announce(first, 1, p1=here, p2=there)
        await first.drain()
        before = await user(world, "ann")

        world.policy = replace(world.policy, half_life_s=world.policy.half_life_s / 100)
        second = await started(world, "two")
        announce(second, 2, p1=here, p2=there, p3=-here)
        await second.drain()
        after = await user(world, "ann")
        (expected,) = project_all(
            evidence_of([decode_state(after.state)], world.policy), second.knowledge.catalogue
        )
        assert not np.allclose(before.vector, after.vector)
        np.testing.assert_array_equal(after.vector, expected.vector)

    asyncio.run(scenario())


def test_users_who_are_written_together_are_each_under_their_partitions_token() -> None:
    async def scenario() -> None:
        world = await World.open()
        # An owner before, of one partition alone.
        await world.profiles.control.take(0, "before")
        engines = await started(world)
        names = [f"user-{number}" for number in range(12)]
        for name in names:
            world.publish(liked(name, "a"))
        await engines.drain()
        held = engines.ownerships.held
        assert len({control.token for control in held.values()}) > 1
        for name in names:
            record = await user(world, name)
            assert (record.version, record.token) == (1, held[record.partition].token)
        assert await _matches_a_rebuild(world, engines)

    asyncio.run(scenario())
