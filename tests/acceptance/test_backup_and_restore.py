"""A backup taken while events pour in and restored: nothing is lost or counted twice."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import TEXT_DIMENSION, Ground, Opened
from write_side.observing import observe
from write_side.publishing import publish
from write_side.running import running
from write_side.stories import village

from cli.backing_up import back_up, restore
from cli.composition import Addresses, OpenStores
from cli.errors import CommandFailed
from cli.settings import Settings
from streams.offsets import GroupAtWork

pytestmark = [pytest.mark.anyio, pytest.mark.stack]


def settings_of(ground: Ground) -> Settings:
    return Settings(
        kafka_bootstrap=ground.bootstrap,
        redis_url=ground.redis_url,
        qdrant_url=ground.qdrant_url,
        namespace=ground.namespace,
        group=ground.namespace,
        partitions=ground.partitions,
        embedding_model="hashing",
    )


def addresses_of(ground: Ground) -> Addresses:
    return Addresses(
        kafka_bootstrap=ground.bootstrap,
        redis_url=ground.redis_url,
        qdrant_url=ground.qdrant_url,
    )


async def backed_up(ground: Ground, opened: Opened, path: Path) -> str:
    return await back_up(
        settings_of(ground),
        addresses_of(ground),
        OpenStores(profiles=opened.profiles, redis=opened.live),
        dimension=TEXT_DIMENSION,
        path=path,
        progress=lambda *_: None,
    )


async def restored(ground: Ground, opened: Opened, path: Path) -> str:
    return await restore(
        settings_of(ground),
        addresses_of(ground),
        OpenStores(profiles=opened.profiles, redis=opened.live),
        path=path,
        progress=lambda *_: None,
    )


async def test_the_stream_goes_on_where_the_backup_ended(ground: Ground, tmp_path: Path) -> None:
    story = village(events_per_reader=9)
    third = len(story.events) // 3
    waves = [
        [*story.items[:8], *story.events[:third]],
        list(story.events[third : 2 * third]),
        [*story.items[8:], *story.events[2 * third :]],
    ]
    path = tmp_path / "backup"
    async with ground.opened() as opened, running(ground, opened) as work:
        await publish(ground.bootstrap, waves[0], partitions=ground.partitions)
        await work.until_quiet()
        # The copy is taken in the middle of the second wave.
        pouring = asyncio.create_task(
            publish(ground.bootstrap, waves[1], partitions=ground.partitions)
        )
        assert "backed up" in await backed_up(ground, opened, path)
        await pouring
        await publish(ground.bootstrap, waves[2], partitions=ground.partitions)
        await work.until_quiet()
        with pytest.raises(GroupAtWork):
            async with elsewhere(ground, tmp_path).opened() as empty:
                await restored(ground, empty, path)

    another = elsewhere(ground, tmp_path)
    async with another.opened() as opened:
        told = await restored(another, opened, path)
        assert "goes on where the backup ended" in told
        async with running(another, opened) as work:
            await work.until_quiet()
            observed = await observe(another, opened)
    events = [event for wave in waves for event in wave]
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["assignments"] > 0


def elsewhere(ground: Ground, place: Path) -> Ground:
    """The same Kafka and names, and a Qdrant that was lost."""
    return replace(ground, qdrant_url=f"edge://{place}/another")


async def test_a_backup_of_other_settings_is_refused(ground: Ground, tmp_path: Path) -> None:
    path = tmp_path / "backup"
    async with ground.opened() as opened:
        await backed_up(ground, opened, path)
        with pytest.raises(CommandFailed, match="4 partitions, and STRATA_PARTITIONS is 2"):
            await restored(replace(ground, partitions=2), opened, path)
