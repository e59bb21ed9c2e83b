"""Topics recreated or given more partitions, a store that was erased, a disk that is full."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground, Opened, fresh_topics
from write_side.observing import observe
from write_side.publishing import publish
from write_side.running import Running, learning, options_of, running
from write_side.stories import village

from schemas import topics
from streams.ownership import TopicRecreated
from streams.retrying import retries
from streams.topics import PartitionCountMismatch

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

ENDS_WITHIN_S = 100.0
DISK_BYTES = 1 << 30
LEFT_BYTES = 64 << 20
"""Less than the segment wants for itself."""
STORY = village()
EVENTS = [*STORY.items, *STORY.events]


@asynccontextmanager
async def working(ground: Ground) -> AsyncIterator[tuple[Running, Opened]]:
    options = replace(options_of(ground), learning=learning(learns=False))
    async with ground.opened() as opened, running(ground, opened, options=options) as work:
        yield work, opened


async def ended(work: Running) -> None:
    """Wait for the worker to end by itself; raises what it ended with."""
    async with asyncio.timeout(ENDS_WITHIN_S):
        await asyncio.shield(work.task)


async def worked(ground: Ground, shift: Callable[[Ground, Running], Awaitable[None]]) -> None:
    """A worker whose ground shifts; raises what it ended with."""
    async with working(ground) as (work, _):
        await work.worker.ready.wait()
        await shift(ground, work)
        await metadata_read(work)
        await ended(work)


async def started(ground: Ground) -> None:
    """A worker on ground that has shifted; raises what it ended with."""
    async with working(ground) as (work, _):
        await ended(work)


async def recreated(ground: Ground, work: Running) -> None:
    await publish(ground.bootstrap, EVENTS, partitions=ground.partitions)
    await work.until_quiet(learned=False)
    await fresh_topics(ground.bootstrap, partitions=ground.partitions)


async def divided(ground: Ground, _: Running) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
    await admin.start()
    await admin.create_partitions({topics.INTERACTIONS: NewPartitions(6)})
    await admin.close()


async def test_topics_recreated_under_a_worker_stop_it_and_the_next_one(ground: Ground) -> None:
    with pytest.raises(TopicRecreated, match="the topic was recreated"):
        await worked(ground, recreated)
    with pytest.raises(TopicRecreated, match=r"ends at 0, but offset \d+ was folded in before"):
        await started(ground)


async def test_a_topic_given_more_partitions_stops_worker_and_start(ground: Ground) -> None:
    with pytest.raises(PartitionCountMismatch, match=r"more partitions than the 4"):
        await worked(ground, divided)
    with pytest.raises(PartitionCountMismatch, match="has 6 partitions, but 4 are configured"):
        await started(ground)


async def metadata_read(work: Running) -> None:
    """At once, instead of within half a minute."""
    thread = work.worker._running_app().batches._thread

    async def read() -> None:
        await thread._ensure_consumer()._client.force_metadata_update()

    await thread.call_thread(read)


async def test_a_qdrant_whose_directory_was_erased_is_filled_again_from_the_topics(
    ground: Ground,
) -> None:
    async with working(ground) as (work, _):
        await publish(ground.bootstrap, EVENTS, partitions=ground.partitions)
        await work.until_quiet(learned=False)
    shutil.rmtree(Path(ground.qdrant_url.removeprefix("edge://")))
    async with working(ground) as (work, opened):
        await assert_all_is_well(ground, work, opened)


async def assert_all_is_well(ground: Ground, work: Running, opened: Opened) -> None:
    await work.until_quiet(learned=False)
    observed = await observe(ground, opened)
    verdict = differences(observed, EVENTS, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["users"] > 0


@pytest.fixture
def own_disk(data_path: Path) -> Iterator[Path]:
    """A disk of its own, for Qdrant's segment."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(data_path)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs mount(8)")
    if mounted.returncode != 0:
        pytest.skip(f"needs the right to mount: {mounted.stderr.strip()}")
    try:
        yield data_path
    finally:
        subprocess.run(["umount", "--lazy", data_path], check=True)


async def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    ground: Ground, own_disk: Path
) -> None:
    ground = replace(ground, qdrant_url=f"edge://{own_disk}/qdrant")
    ballast = own_disk / "ballast"
    async with working(ground) as (work, opened):
        await work.worker.ready.wait()
        before = retries()
        with ballast.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(own_disk).free - LEFT_BYTES)
        await publish(ground.bootstrap, EVENTS, partitions=ground.partitions)
        async with asyncio.timeout(ENDS_WITHIN_S):
            while retries() < before + 3:  # noqa: ASYNC110 - nothing sets an event
                await asyncio.sleep(0.1)
        assert not work.task.done()
        # What was stored before can be read.
        assert await opened.profiles.control.read(0) is not None
        ballast.unlink()
        await assert_all_is_well(ground, work, opened)
