"""Counters of declared personas are the sums over their members, whatever happened before."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streams_world import DIMENSION, NOW_MS, PARTITIONS, Engines, Killed, World, item, liked

from profiles.contributions import contribution, fixed_point, pairs_counted, unpacked, view_of
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas, load_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import CounterTable
from profiles.state import Scalar, decode_state
from schemas.snapshots import StatisticsSnapshot, decode_statistics, statistics_name


def declared(**rules: str) -> DeclaredPersonas:
    return load_personas(
        "".join(
            f'[[persona]]\nid = "{name}"\ntitle = "T"\ndescription = "D"\nrule = {rule}\n'
            for name, rule in rules.items()
        )
    )


FIRST = declared(
    young='{ attribute = "age", below = 30 }',
    dutch='{ attribute = "country", is = "NL" }',
)
OTHER = declared(
    young='{ attribute = "age", below = 20 }',
    silent='{ attribute = "age", exists = false }',
)

Members = Mapping[str, Callable[[Mapping[str, Scalar]], bool]]


def number(value: Scalar | None) -> float:
    return value if isinstance(value, int | float) else float("inf")


# The same groups a second time, in Python.
MEMBERS_OF_FIRST: Members = {
    "young": lambda stated: number(stated.get("age")) < 30,
    "dutch": lambda stated: stated.get("country") == "NL",
}
MEMBERS_OF_OTHER: Members = {
    "young": lambda stated: number(stated.get("age")) < 20,
    "silent": lambda stated: "age" not in stated,
}


def stated(user_id: str, at_s: int, **attributes: Scalar) -> dict[str, object]:
    return {
        "event_id": f"{user_id}-says-{at_s}",
        "type": "attributes",
        "occurred_at": 1_650_000_000 + at_s,
        "user_id": user_id,
        "attributes": attributes,
    }


def withdrawn(user_id: str, at_s: int) -> dict[str, object]:
    return {
        "event_id": f"{user_id}-withdraws-{at_s}",
        "type": "consent",
        "occurred_at": 1_650_000_000 + at_s,
        "user_id": user_id,
        "data_type": "attributes",
        "granted": False,
    }


def erased(user_id: str, at_s: int) -> dict[str, object]:
    return {
        "event_id": f"{user_id}-leaves-{at_s}",
        "type": "erasure",
        "occurred_at": 1_650_000_000 + at_s,
        "user_id": user_id,
    }


async def sums_over_members(world: World, members: Members) -> dict[CounterTable, dict[bytes, int]]:
    """What every scope's counters should be, user by user from what is stored."""
    total: dict[CounterTable, dict[bytes, int]] = defaultdict(lambda: defaultdict(int))
    async for page in world.profiles.users.scan():
        for record in page:
            if not record.version:
                continue
            state = decode_state(record.state)
            attributes = {name: value.value for name, value in state.attributes.items()}
            scopes = {"", *(name for name, is_in in members.items() if is_in(attributes))}
            if record.persona is not None:
                scopes.add(record.persona)
            view = view_of(state, fixed_point(record.vector), record.space)
            pairs = pairs_counted(record.key, DEFAULT_POLICY)
            whole = contribution(view, DEFAULT_POLICY, pairs=pairs)
            mean = unpacked(whole.mean, dimension=DIMENSION)
            for scope in scopes:
                for (series, part), counts in whole.counts.items():
                    for name, count in counts.items():
                        total[CounterTable(record.tenant, scope, series, part)][name] += count
                for place in np.flatnonzero(mean).tolist():
                    table = total[CounterTable(record.tenant, scope, "mean")]
                    table[place.to_bytes(2, "little")] += int(mean[place])
    return {
        table: left
        for table, counts in total.items()
        if (left := {name: count for name, count in counts.items() if count})
    }


async def running(world: World, personas: DeclaredPersonas, *, nonce: str) -> Engines:
    engines = Engines(world, nonce=nonce, declared=personas)
    engines.recall()
    await engines.own_all()
    await engines.statistics.ensure_built(range(PARTITIONS))
    return engines


USERS = st.sampled_from(["ann", "bob", "cid"])
HAPPENED = st.lists(
    st.one_of(
        st.tuples(USERS, st.just("likes"), st.sampled_from("abc")),
        st.tuples(USERS, st.just("age"), st.sampled_from([15, 25, 40, "25"])),
        st.tuples(USERS, st.just("country"), st.sampled_from(["NL", "DE"])),
        st.tuples(USERS, st.just("withdraws"), st.none()),
        st.tuples(USERS, st.just("leaves"), st.none()),
    ),
    max_size=12,
)


def publish(
    world: World, happened: list[tuple[str, str, str | int | None]], *, since_s: int = 0
) -> None:
    for at_s, (user, what, value) in enumerate(happened, since_s):
        match what, value:
            case "likes", str():
                world.publish(liked(user, value, at_s))
            case "withdraws", _:
                world.publish(withdrawn(user, at_s))
            case "leaves", _:
                world.publish(erased(user, at_s))
            case _, (str() | int()):
                world.publish(stated(user, at_s, **{what: value}))


def publish_items(world: World) -> None:
    for name, text in (("a", "sea storm sail"), ("b", "ghost castle night"), ("c", "sail island")):
        world.publish(item(name, text))


@settings(deadline=None, max_examples=60)
@given(st.lists(HAPPENED, min_size=1, max_size=4), st.booleans())
def test_counters_are_sums_over_members(
    rounds: list[list[tuple[str, str, str | int | None]]],
    discovered: bool,  # noqa: FBT001 - drawn
) -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        engines = await running(world, FIRST, nonce="one")
        for place, happened in enumerate(rounds):
            publish(world, happened, since_s=100 * place)
            await engines.drain()
            if discovered:
                await engines.personas.tick()
                await engines.drain()
            assert await world.counters() == await sums_over_members(world, MEMBERS_OF_FIRST)

    asyncio.run(scenario())


@settings(deadline=None, max_examples=30)
@given(HAPPENED, HAPPENED)
def test_a_changed_file_is_noticed_at_start(
    before: list[tuple[str, str, str | int | None]],
    after: list[tuple[str, str, str | int | None]],
) -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        publish(world, before)
        await (await running(world, FIRST, nonce="one")).drain()
        world.consumer.rebalance()
        second = await running(world, OTHER, nonce="two")
        await second.drain()
        assert await world.counters() == await sums_over_members(world, MEMBERS_OF_OTHER)
        publish(world, after, since_s=100)
        await second.drain()
        assert await world.counters() == await sums_over_members(world, MEMBERS_OF_OTHER)
        world.consumer.rebalance()
        await (await running(world, NOTHING_DECLARED, nonce="three")).drain()
        assert await world.counters() == await sums_over_members(world, {})

    asyncio.run(scenario())


STORY: list[tuple[str, str, str | int | None]] = [
    ("ann", "likes", "a"),
    ("ann", "age", 25),
    ("bob", "country", "NL"),
    ("bob", "likes", "b"),
    ("cid", "age", 15),
    ("cid", "likes", "c"),
]
SEQUEL: list[tuple[str, str, str | int | None]] = [
    ("ann", "age", 15),
    ("bob", "age", 25),
    ("cid", "country", "NL"),
    ("cid", "likes", "a"),
]


@pytest.mark.parametrize("seam", ["stored", "confirmed", "cached", "emitted", "committed"])
def test_updates_of_a_worker_with_another_file_count_as_what_is_stored(seam: str) -> None:
    """It stored and may have sent them, and died; the counters are still those of the first."""

    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        publish(world, STORY)
        first = await running(world, FIRST, nonce="one")
        await first.drain()

        def crash(name: str) -> None:
            if name == seam:
                raise Killed

        publish(world, SEQUEL, since_s=100)
        world.consumer.rebalance()
        other = Engines(world, nonce="two", declared=OTHER, seam=crash)
        other.recall()
        await other.own_all()
        with pytest.raises(Killed):
            await other.drain()
        other.deliver()

        world.consumer.rebalance()
        third = await running(world, FIRST, nonce="three")
        await third.drain()
        assert await world.counters() == await sums_over_members(world, MEMBERS_OF_FIRST)

    asyncio.run(scenario())


def test_a_worker_restarted_with_the_same_file_rebuilds_nothing() -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        publish(world, STORY)
        first = await running(world, FIRST, nonce="one")
        await first.drain()
        world.consumer.rebalance()
        publish(world, SEQUEL, since_s=100)
        second = await running(world, FIRST, nonce="two")
        await second.drain()
        assert second.statistics.counts["rebuilds"] == 0
        assert await world.counters() == await sums_over_members(world, MEMBERS_OF_FIRST)

    asyncio.run(scenario())


async def snapshot(world: World, scope: str) -> StatisticsSnapshot | None:
    name = statistics_name("default", scope)
    (body,) = await world.redis.aggregates.get_snapshots([name])
    return None if body is None else decode_statistics(body)


def test_statistics_of_declared_personas_are_published_and_say_by_which_file() -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        publish(world, STORY)
        engines = await running(world, FIRST, nonce="one")
        await engines.drain()
        await engines.personas.tick()
        young, dutch = await snapshot(world, "young"), await snapshot(world, "dutch")
        assert young is not None
        assert dutch is not None
        assert (young.users, dutch.users) == (2, 1)
        assert young.declaration == FIRST.version
        assert not young.stale
        assert young.as_of_ms < NOW_MS
        assert {count.positive for count in young.popular} == {1}

    asyncio.run(scenario())


def test_a_persona_that_lost_its_last_member_says_so() -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        publish(world, STORY)
        engines = await running(world, FIRST, nonce="one")
        await engines.drain()
        await engines.personas.tick()
        world.publish(stated("bob", 50, country="DE"))
        await engines.drain()
        await engines.personas.tick()
        dutch = await snapshot(world, "dutch")
        assert dutch is not None
        assert (dutch.users, dutch.popular) == (0, ())

    asyncio.run(scenario())


def test_counters_of_another_file_are_stale_until_they_are_rebuilt() -> None:
    async def scenario() -> None:
        world = await World.open()
        publish_items(world)
        publish(world, STORY)
        engines = await running(world, FIRST, nonce="one")
        await engines.drain()
        world.consumer.rebalance()
        other = Engines(world, nonce="two", declared=OTHER)
        other.recall()
        await other.own_all()
        await other.personas.tick()
        between = await snapshot(world, "young")
        await other.statistics.ensure_built(range(PARTITIONS))
        await other.personas.tick()
        after = await snapshot(world, "young")
        assert between is not None
        assert after is not None
        assert (between.stale, after.stale) == (True, False)
        assert (after.users, after.declaration) == (1, OTHER.version)

    asyncio.run(scenario())
