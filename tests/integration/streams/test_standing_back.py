"""A worker that lets others go first folds nothing meanwhile, and then everything."""

import asyncio
from dataclasses import replace

import pytest
from histories import likes_of
from write_side.ground import Ground
from write_side.publishing import publish, record_of
from write_side.running import options_of, running
from write_side.waiting import eventually

from streams.pacing import Pacing

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

EVENTS = 40


async def test_nothing_is_folded_while_others_are_behind(ground: Ground) -> None:
    pacing = Pacing(patience_s=120.0)
    pacing.seen(done=0, behind=1_000_000, now_s=0.0)
    # So short that standing back for as long as below would count as standing still.
    options = replace(options_of(ground), pacing=pacing, stall_s=1.0)
    async with ground.opened() as opened, running(ground, opened, options=options) as now:
        await asyncio.wait_for(now.worker.ready.wait(), 60.0)
        await publish(
            ground.bootstrap,
            [record_of(event) for event in likes_of(EVENTS)],
            partitions=ground.partitions,
        )
        await asyncio.sleep(3.0)
        assert not now.task.done()
        assert now.worker.duties.profiles.counts["folded"] == 0

        pacing.seen(done=1_000_000, behind=0, now_s=4.0)

        async def folded() -> bool:
            return now.worker.duties.profiles.counts["folded"] == EVENTS

        await eventually(folded)
