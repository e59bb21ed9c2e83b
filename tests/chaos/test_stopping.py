"""A worker that is told to stop ends in time, whatever does not answer meanwhile."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from chaos.parts import Parts
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground, fresh_topics
from write_side.observing import observe
from write_side.processes import WorkerProcess, expel_the_dead
from write_side.publishing import publish
from write_side.running import learning, options_of, running
from write_side.stories import village

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

DRAIN_S: Final = 2.0
CLOSING_S: Final = 12.0
"""What `WorkerOptions.drain_s` says that everything else takes at most."""


def redis_is_away(parts: Parts) -> None:
    parts.kill_redis()


def kafka_is_away(parts: Parts) -> None:
    parts.kill_kafka()


@pytest.mark.parametrize(
    ("kill", "restart"),
    [(redis_is_away, Parts.restart_redis), (kafka_is_away, Parts.restart_kafka)],
)
async def test_a_worker_stops_in_time_without_a_part_and_leaves_nothing_out(
    parts: Parts, tmp_path: Path, kill: Callable[[Parts], None], restart: Callable[[Parts], None]
) -> None:
    ground = Ground.new(
        bootstrap=parts.bootstrap,
        redis_url=parts.redis_url,
        qdrant_url=f"edge://{tmp_path}/qdrant",
        directory=str(tmp_path),
    )
    await fresh_topics(ground.bootstrap, partitions=ground.partitions)
    story = village()
    events = [*story.items, *story.events]
    worker = WorkerProcess.start(ground, until_told=True, learns=False, drain_s=DRAIN_S)
    try:
        await worker.until_ready()
        await publish(ground.bootstrap, events, partitions=ground.partitions)
        kill(parts)
        told_s = time.monotonic()
        assert await worker.stop() == 0
        assert time.monotonic() - told_s < DRAIN_S + CLOSING_S
    finally:
        worker.kill()
    restart(parts)
    await expel_the_dead(ground)
    options = replace(options_of(ground), learning=learning(learns=False))
    async with ground.opened() as opened, running(ground, opened, options=options) as work:
        await work.until_quiet(learned=False)
        observed = await observe(ground, opened)
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
