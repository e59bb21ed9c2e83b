"""A data policy in force on the write side: what is kept, counted and taken out again."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from observed import observed_state
from streams_world import NOW_MS, PARTITIONS, Engines, World, item, liked

from profiles.ids import user_key
from profiles.ports import CounterTable
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, load_data_policy
from profiles.state import DataType, decode_state
from schemas import topics
from schemas.snapshots import CachedProfile, decode_profile

Event = dict[str, object]

USERS = ("ann", "bob", "cid")
DAY_S = 86_400
ITEMS = [item(f"i{number}", f"text number {number}") for number in range(6)]


def event(kind: str, user_id: str, at_s: int, **more: object) -> Event:
    return {
        "event_id": f"{kind} of {user_id} {at_s}",
        "type": kind,
        "occurred_at": 1_650_000_000 + at_s,
        "user_id": user_id,
        **more,
    }


def said(user_id: str, kind: str, at_s: int, *, granted: bool) -> Event:
    return event("consent", user_id, at_s, data_type=kind, granted=granted)


def acts(user_id: str, at_s: int) -> dict[str, list[Event]]:
    """Some of each kind of data."""
    return {
        "interactions": [liked(user_id, f"i{at_s % 3}", at_s), liked(user_id, "i4", at_s + 1)],
        "preferences": [
            event(
                "preference",
                user_id,
                at_s + 2,
                chosen={"item_id": "i5"},
                rejected={"item_id": f"i{at_s % 2}"},
            )
        ],
        "attributes": [event("attributes", user_id, at_s + 3, attributes={"town": f"t{at_s % 2}"})],
        "documents": [
            event("document", user_id, at_s + 4, document_id=f"d{at_s}", text="said and done")
        ],
    }


def lives(*, without: Mapping[str, str] | None = None) -> list[Event]:
    """Everybody's events, without one kind of some users' data."""
    barred = without or {}
    return [
        one
        for number, user_id in enumerate(USERS)
        for at_s in (10 + number, 500 + number)
        for kind, several in acts(user_id, at_s).items()
        if barred.get(user_id) != kind
        for one in several
    ]


@dataclass(frozen=True)
class Seen:
    """All that a world holds of people, without what counts writes and offsets."""

    users: dict[str, Any]
    counters: dict[CounterTable, dict[bytes, int]]
    views: dict[str, CachedProfile]


async def at_work(world: World, data_policy: DataPolicy, *, nonce: str = "one") -> Engines:
    engines = Engines(world, data_policy=data_policy, nonce=nonce)
    engines.recall()
    await engines.own_all()
    await engines.statistics.ensure_built(range(PARTITIONS))
    return engines


async def carried_out(engines: Engines) -> None:
    await engines.keeping.keep(engines.ownerships.held)
    await engines.drain()


async def a_world(events: Iterable[Event], data_policy: DataPolicy) -> World:
    world = await World.open()
    engines = await at_work(world, data_policy)
    for one in (*ITEMS, *events):
        world.publish(one)
    await engines.drain()
    return world


async def seen(world: World) -> Seen:
    users: dict[str, Any] = {}
    views: dict[str, CachedProfile] = {}
    async for page in world.profiles.users.scan():
        for record in page:
            if not record.version:
                continue
            known = observed_state(decode_state(record.state))
            known["vector"] = record.vector.tobytes()
            users[record.user_id] = known
            (body,) = await world.redis.cache.get([record.key])
            assert body is not None
            views[record.user_id] = without_counts(decode_profile(body))
    return Seen(users, await world.counters(), views)


def without_counts(view: CachedProfile) -> CachedProfile:
    return msgspec.structs.replace(view, version=0, written_ms=0)


KINDS = ("interactions", "preferences", "attributes", "documents")


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_not_feed_aggregates_leaves_no_trace_in_them(kind: str) -> None:
    rules = load_data_policy(f'[{kind}]\npurposes = ["ranking", "prompting", "training"]')

    async def scenario() -> None:
        everyone = dict.fromkeys(USERS, kind)
        there = await seen(await a_world(lives(), rules))
        never = await seen(await a_world(lives(without=everyone), rules))
        assert there.counters == never.counters
        assert {name: known["vector"] for name, known in there.users.items()} == {
            name: known["vector"] for name, known in never.users.items()
        }
        # It is kept all the same, and serves what else it may.
        assert there.users != never.users
        assert there.views != never.views

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_not_serve_rankings_is_not_in_the_profile(kind: str) -> None:
    rules = load_data_policy(f'[{kind}]\npurposes = ["prompting", "training", "aggregates"]')

    async def scenario() -> None:
        everyone = dict.fromkeys(USERS, kind)
        there = await seen(await a_world(lives(), rules))
        never = await seen(await a_world(lives(without=everyone), rules))
        assert there.views == never.views
        assert there.counters != never.counters

    asyncio.run(scenario())


@pytest.mark.parametrize("mode", ["opt-in", "opt-out"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_withdrawn_was_never_there(kind: str, mode: str) -> None:
    rules = load_data_policy(f'[{kind}]\nconsent = "{mode}"')
    leaving = {"ann": kind, "cid": kind}
    before = [said(user_id, kind, 1, granted=True) for user_id in USERS]
    after = [said(user_id, kind, 300, granted=False) for user_id in leaving]

    async def scenario() -> None:
        there = await seen(await a_world([*before, *lives(), *after], rules))
        never = await seen(await a_world([*before, *lives(without=leaving), *after], rules))
        for user_id in leaving:
            # When something is forgotten that came late, it is noted up to when.
            there.users[user_id]["forget_before"].pop(kind)
            never.users[user_id]["forget_before"].pop(kind)
        assert there.users == never.users
        assert there.counters == never.counters
        assert there.views == never.views

    asyncio.run(scenario())


def test_of_somebody_who_was_never_asked_nothing_is_kept_at_all() -> None:
    rules = load_data_policy("".join(f'[{kind}]\nconsent = "opt-in"\n' for kind in KINDS))

    async def scenario() -> None:
        world = await World.open()
        engines = await at_work(world, rules)
        for one in lives():
            world.publish(one)
        await engines.drain()
        keys = [user_key("default", user_id) for user_id in USERS]
        assert await world.profiles.users.read(keys) == [None] * len(USERS)
        assert await world.counters() == {}
        assert engines.profiles.counts["refused"] == len(lives())
        # Nothing that could be a person's is sent on as a letter, nor the items they named.
        assert not [one for one in engines.sender.sent if one.topic == topics.DEAD_LETTERS]
        assert [page async for page in world.profiles.items.scan()] == []

    asyncio.run(scenario())


def test_data_waits_for_a_consent_that_was_published_before_it() -> None:
    rules = load_data_policy('[attributes]\nconsent = "opt-in"')

    async def scenario() -> None:
        world = await World.open()
        engines = await at_work(world, rules)
        world.publish(said("ann", "attributes", 1, granted=True))
        world.publish(event("attributes", "ann", 2, attributes={"town": "Delft"}))
        # The topic of attributes comes first in every round.
        assert topics.ATTRIBUTES < topics.CONSENTS
        await engines.drain()
        (record,) = await world.profiles.users.read([user_key("default", "ann")])
        assert record is not None
        assert decode_state(record.state).attributes["town"].value == "Delft"
        assert engines.consents_first.counts["waited"] == 1
        # Both are committed: nothing was lost on the way.
        places = [place for place in world.consumer.logs if place[0] in topics.USER_TOPICS]
        ends = await world.consumer.end_offsets(places)
        committed = await world.consumer.committed_offsets(places)
        assert {place: end for place, (_, end) in ends.items()} == {
            place: committed[place] or 0 for place in places
        }

    asyncio.run(scenario())


def test_what_happened_before_it_was_granted_stays_out_whenever_it_comes() -> None:
    rules = load_data_policy('[interactions]\nconsent = "opt-in"')

    async def scenario() -> None:
        world = await a_world([said("ann", "interactions", 50, granted=True)], rules)
        engines = await at_work(world, rules, nonce="two")
        for at_s in (49, 50, 51):
            world.publish(liked("ann", "i1", at_s))
        # Said again, it takes nothing away.
        world.publish(said("ann", "interactions", 60, granted=True))
        await engines.drain()
        (record,) = await world.profiles.users.read([user_key("default", "ann")])
        assert record is not None
        rows = decode_state(record.state).entries(DataType.INTERACTIONS)
        assert [int(one) // 1000 - 1_650_000_000 for one in rows["time_ms"]] == [50, 51]

    asyncio.run(scenario())


STRICT = """
[interactions]
purposes = ["ranking"]
[preferences]
consent = "opt-in"
[attributes]
purposes = ["prompting", "aggregates"]
"""


def test_a_changed_policy_is_carried_out_on_what_is_stored() -> None:
    strict = load_data_policy(STRICT)

    async def scenario() -> None:
        changed = await a_world(lives(), ANYTHING_GOES)
        free = await seen(changed)
        await carried_out(await at_work(changed, strict, nonce="strict"))
        fresh = await seen(await a_world(lives(), strict))
        stricter = await seen(changed)
        for known in stricter.users.values():
            assert known["forget_before"].pop("preferences")
        assert stricter == fresh

        # Back again: what had to go is gone, and all else is as it was.
        await carried_out(await at_work(changed, ANYTHING_GOES, nonce="free again"))
        back = await seen(changed)
        without = await seen(
            await a_world(lives(without=dict.fromkeys(USERS, "preferences")), ANYTHING_GOES)
        )
        for known in back.users.values():
            known["forget_before"].pop("preferences")
        assert back == without
        assert back.counters != free.counters

    asyncio.run(scenario())


def test_data_leaves_when_its_time_is_over() -> None:
    now_s = NOW_MS // 1000
    days = {"old": 31, "young": 29}
    rules = load_data_policy("[interactions]\nkept_days = 30\n[attributes]\nkept_days = 30")

    def done(name: str) -> list[Event]:
        at_s = now_s - 1_650_000_000 - days[name] * DAY_S
        return [
            liked("ann", "i1" if name == "old" else "i2", at_s),
            event("attributes", "ann", at_s, attributes={name: True}),
            event("document", "ann", at_s, document_id=name, text="stays"),
        ]

    async def scenario() -> None:
        world = await a_world([*done("old"), *done("young")], rules)
        await carried_out(await at_work(world, rules, nonce="later"))
        kept = await seen(world)
        never = await seen(
            await a_world([*done("old")[2:], *done("young")], rules),
        )
        cutoff_ms = NOW_MS - 30 * DAY_S * 1000
        forgotten = kept.users["ann"].pop("forget_before")
        assert forgotten == {"interactions": cutoff_ms, "attributes": cutoff_ms}
        never.users["ann"].pop("forget_before")
        assert kept == never

        # What comes late has no place any more.
        engines = await at_work(world, rules, nonce="too late")
        world.publish(done("old")[0] | {"event_id": "again"})
        await engines.drain()
        assert (await seen(world)).counters == never.counters

    asyncio.run(scenario())
