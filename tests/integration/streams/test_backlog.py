"""A worker that comes late stores less often until it has caught up."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice

import pytest
from histories import likes_of
from write_side.ground import Ground
from write_side.publishing import Event, publish
from write_side.running import options_of, running
from write_side.waiting import eventually

from schemas import topics
from schemas.keys import record_key
from streams.partitions import partition_of
from streams.worker import LIVE, Pace

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

EVENTS = 2_048
USERS = 128
MUCH = 512
PARTITION = 0


def events(partitions: int) -> Iterator[Event]:
    """Of users of one partition, so that one look at it says how much there is."""
    names = (f"reader-{number}" for number in count())
    own = (
        name for name in names if partition_of(record_key("default", name), partitions) == PARTITION
    )
    users = [*islice(own, USERS)]
    for number, like in enumerate(likes_of(EVENTS)):
        yield {**like, "user_id": users[number % USERS]}


async def test_what_waits_in_kafka_is_known_and_taken_in_before_anything_is_stored(
    ground: Ground,
) -> None:
    await publish(ground.bootstrap, events(ground.partitions), partitions=ground.partitions)
    # As often as can be; but behind, never.
    cadence = replace(LIVE, flushes=Pace(0.01, 1), flushes_behind=Pace(3_600.0, 1_000_000))
    options = replace(options_of(ground), cadence=cadence)
    async with ground.opened() as opened, running(ground, opened, options=options) as now:
        duties = now.worker.duties
        duties.backlog._much = MUCH
        counts = duties.profiles.counts

        async def stored() -> bool:
            return counts["folded"] == EVENTS and duties.profiles.dirty_users == 0

        await eventually(stored)
        known = now.worker._running_app().batches.fetched()
        assert known[topics.INTERACTIONS, PARTITION] == (0, EVENTS)
        assert not duties.backlog.is_large()
        # Each chunk is of all users: otherwise they would have been stored four times.
        assert counts["writes"] <= 2 * USERS
