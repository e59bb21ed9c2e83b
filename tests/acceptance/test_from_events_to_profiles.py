"""Whole histories through real parts come to what the independent oracle says."""

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import pytest
from oracle import compare, first_ten
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import TrimsNoted, observe, rebuilt_counters
from write_side.publishing import Event, publish
from write_side.running import running
from write_side.stories import Story, bookshop, movielens, preferences_of_ukpconvarg

from profiles.ports import AggregateStore

# A machine that is busy with other things takes its time for whole data sets.
pytestmark = [pytest.mark.anyio, pytest.mark.stack, pytest.mark.timeout(1_200)]

Phases = list[list[Event]]


def in_time_order(story: Story) -> Phases:
    return story.in_time_order()


def shuffled_before_the_items(story: Story) -> Phases:
    return story.shuffled_before_the_items(seed=11)


@pytest.mark.parametrize(
    ("tell", "arrange"),
    [
        (bookshop, in_time_order),
        (bookshop, shuffled_before_the_items),
        pytest.param(movielens, in_time_order, marks=pytest.mark.slow),
        pytest.param(movielens, shuffled_before_the_items, marks=pytest.mark.slow),
        pytest.param(preferences_of_ukpconvarg, in_time_order, marks=pytest.mark.slow),
    ],
)
async def test_what_is_stored_equals_the_oracles_account(
    ground: Ground,
    tell: Callable[[], Story],
    arrange: Callable[[Story], Phases],
    record_property: Callable[[str, object], None],
) -> None:
    phases = arrange(tell())
    events = [event for phase in phases for event in phase]
    async with ground.opened() as opened:
        noted = TrimsNoted(opened.live.aggregates)
        stores = replace(opened.for_worker(), aggregates=cast(AggregateStore, noted))
        async with running(ground, opened, stores=stores) as work:
            for phase in phases:
                await publish(ground.bootstrap, phase, partitions=ground.partitions)
                offsets = await work.until_quiet(timeout_s=900)
            # Quiet means so; it is a promise of its own all the same.
            assert not offsets.behind
            assert not await work.worker.lag()

            observed = await observe(ground, opened)
            verdict = differences(
                observed, events, partitions=ground.partitions, trimmed=noted.trimmed
            )
            record_property("compared", dict(verdict.compared))
            record_property("near ties", len(verdict.near_ties))
            record_property("trimmed tables", len(noted.trimmed))
            assert not verdict.lines, first_ten(iter(verdict.lines))
            assert verdict.compared["users"] == len(observed.users) > 0
            assert verdict.compared["assignments"] > 0
            assert verdict.compared["overall pairs"] > 0
            assert verdict.compared["per persona positive"] > 0
            assert verdict.compared["per declared persona positive"] > 0

            rebuilt = await rebuilt_counters(ground, opened, timeout_s=60)
            for partition, table in noted.trimmed:
                # Which small counters a trimmed table holds depends on when it was cut.
                observed.counters[partition].pop(table, None)
                rebuilt[partition].pop(table, None)
            said = first_ten(compare(observed.counters, rebuilt, name="rebuilt"))
            assert not said, said
