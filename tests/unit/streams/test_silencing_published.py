"""What the merger publishes about silenced personas, as workers are told to look for them."""

import asyncio

import pytest

from profiles.policy import DEFAULT_POLICY
from profiles.ports import CounterTable, Token
from profiles.silencing import SilencingSettings
from schemas.snapshots import StatisticsSnapshot, decode_statistics, statistics_name
from stores.memory_aggregates import MemoryAggregateStore
from streams.merging import Merger
from streams.sealed import SealedSnapshots

TOKEN = Token(1)
PARK, ROAD = b"p" * 8, b"r" * 8
VOTES = {
    "p1": (90, {PARK: 20, ROAD: 80}, {PARK: 80, ROAD: 20}),
    "p2": (25, {PARK: 22, ROAD: 3}, {PARK: 3, ROAD: 22}),
}


async def published(silencing: SilencingSettings) -> dict[str, StatisticsSnapshot]:
    """Counters of two personas that vote against each other, on two partitions."""
    store = MemoryAggregateStore(partitions=2)
    for place in range(2):
        await store.begin_build(place, token=TOKEN, epoch=1)
        increments: dict[CounterTable, dict[bytes, int]] = {}
        for scope, (users, ayes, noes) in VOTES.items():
            if place == ("p1", "p2").index(scope):
                acts = sum(ayes.values()) + sum(noes.values())
                for whose in ("", scope):
                    increments[CounterTable("t", whose, "size", "")] = {b"users": users}
                    increments[CounterTable("t", whose, "positive", "")] = ayes
                    increments[CounterTable("t", whose, "negative", "")] = noes
                    increments[CounterTable("t", whose, "events", "")] = {
                        b"interactions/vote": acts
                    }
        await store.apply(
            partition=place,
            token=TOKEN,
            epoch=1,
            expected={},
            versions={},
            increments=increments,
            watermarks_ms={"t": 5},
        )
        await store.finish_build(place, token=TOKEN, epoch=1)
    merger = Merger(
        aggregates=store,
        snapshots=SealedSnapshots(store),
        policy=DEFAULT_POLICY,
        partitions=2,
        dimension=4,
        clock_ms=lambda: 10,
        silencing=silencing,
    )
    (merged,) = await merger.merge()
    assert await merger.publish(merged) == 3
    assert await merger.publish(merged) == 0
    names = ["", *VOTES]
    bodies = await store.get_snapshots([statistics_name("t", scope) for scope in names])
    return {
        scope: decode_statistics(body)
        for scope, body in zip(names, bodies, strict=True)
        if body is not None
    }


def test_everybody_s_statistics_name_the_silenced_persona_and_the_others_say_nothing() -> None:
    found = asyncio.run(published(SilencingSettings()))
    silenced = found[""].silenced
    assert silenced is not None
    assert [(one.persona, one.silenced) for one in silenced.groups] == [("p2", True), ("p1", False)]
    assert silenced.share == 25 / 115
    worst = silenced.groups[0]
    assert worst.top == int.from_bytes(PARK, "little")
    assert PARK in {one.item.to_bytes(8, "little") for one in worst.reversals}
    assert found["p1"].silenced is None
    assert found["p2"].silenced is None


@pytest.mark.parametrize(
    ("settings", "share"),
    [
        (SilencingSettings(minimum_size=26), None),
        # Too few acts on an item to see a reversal, and everybody is content with very little.
        (SilencingSettings(least_acts=60, fraction=0.0), 0.0),
        (SilencingSettings(least_acts=60, fraction=1.0), 25 / 115),
    ],
)
def test_when_a_persona_is_silenced_is_configurable(
    settings: SilencingSettings, share: float | None
) -> None:
    silenced = asyncio.run(published(settings))[""].silenced
    assert (None if silenced is None else silenced.share) == share
