"""What stands back does so alone: a worker's events behind others', its counting behind events."""

import asyncio
from dataclasses import replace

import pytest
from histories import likes_of
from write_side.ground import Ground
from write_side.publishing import publish, record_of
from write_side.running import options_of, running
from write_side.waiting import eventually

from streams.batches import RecordBatch
from streams.duties import Duties
from streams.pacing import Pacing, Standing

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

EVENTS = 40


async def test_nothing_is_folded_while_others_are_behind(ground: Ground) -> None:
    pacing = Pacing(patience_s=120.0)
    pacing.seen(Standing(0, 1_000_000), now_s=0.0)
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

        pacing.seen(Standing(1_000_000, 0), now_s=4.0)

        async def folded() -> bool:
            return now.worker.duties.profiles.counts["folded"] == EVENTS

        await eventually(folded)


async def test_events_go_on_while_nothing_is_counted(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting, handle = asyncio.Event(), Duties.handle_updates

    async def once_it_may(self: Duties, batch: RecordBatch) -> None:
        await counting.wait()
        await handle(self, batch)

    monkeypatch.setattr(Duties, "handle_updates", once_it_may)
    # Of many users, so that updates come in every partition.
    likes = [event | {"user_id": f"u{place}"} for place, event in enumerate(likes_of(160))]
    async with ground.opened() as opened, running(ground, opened) as now:
        await asyncio.wait_for(now.worker.ready.wait(), 60.0)
        counts = now.worker.duties.profiles.counts
        # Each round's updates are batches of their own, far more than wait for an agent.
        rounds = [likes[start : start + 8] for start in range(0, len(likes), 8)]
        for number, several in enumerate(rounds, 1):
            await publish(
                ground.bootstrap,
                [record_of(event) for event in several],
                partitions=ground.partitions,
            )

            async def written(least: int = number) -> bool:
                return counts["folded"] == counts["writes"] == 8 * least

            await eventually(written)
        counted = now.worker.duties.statistics.counts
        assert counted["applied"] == 0
        counting.set()

        async def caught_up() -> bool:
            return counted["applied"] == counts["writes"]

        await eventually(caught_up)
