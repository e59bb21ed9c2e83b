"""`strata promote`, `strata rollback`, `strata replay drop`: which version is in force."""

import asyncio
import time
from pathlib import Path
from typing import Final

from cli.control import ask
from cli.errors import CommandFailed
from cli.logs import configure_quiet
from cli.progress import replay_progress, waiting_progress
from cli.replaying import versions_of
from cli.running import find_running
from cli.settings import Settings, load_settings
from cli.switching import put_back, put_in_force
from cli.terminal import cell, stderr, stdout
from cli.versions import Site, settings_of, site_opened, topics_of
from stores.connect import (
    drop_profile_stores,
    open_redis,
    open_versions,
)
from stores.versions import Version, VersionStore, changed
from streams.offsets import KafkaView, kafka_opened
from streams.topics import remove_topics

__all__ = ["dropped", "promoted", "rolled_back"]

_POLL_S: Final = 0.3
_PATIENCE_S: Final = 90.0
_SEEN_WITHIN_S: Final = 0.5
"""Longer than a lookup remembers which version is in force."""


async def promoted(name: str, *, lag: int | None) -> None:
    """Have the stack's workers keep `name`, wait until it has caught up, and put it in force.

    Raises:
        VersionRefused, CommandFailed, …: it is not put in force.
    """
    settings = load_settings()
    configure_quiet()
    if not settings.qdrant_url:
        # Nobody would answer by it, so there is nothing to start for it either.
        find_running(settings.data_dir)
    async with (
        site_opened(settings, command="promote", progress=_say) as site,
        versions_of(site) as versions,
        kafka_opened(site.addresses.kafka_bootstrap) as kafka,
    ):
        with replay_progress(stderr()) as bars:
            task = bars.add_task(f"{name} catches up", total=None)
            now = await put_in_force(
                name,
                settings=site.settings,
                qdrant_url=site.addresses.qdrant_url,
                versions=versions,
                kafka=kafka,
                lag=lag,
                followed=lambda: _followed(site),
                reached=lambda reached: bars.update(
                    task, total=reached.total, completed=reached.done, behind=reached.behind
                ),
            )
        if site.is_shared:
            await asyncio.sleep(_SEEN_WITHIN_S)
    before = now.previous or site.settings.namespace
    stdout().print(
        cell(f"{name} is in force; `strata rollback` puts {before} in force again"), soft_wrap=True
    )


async def rolled_back() -> None:
    """Put in force what was before.

    Raises:
        VersionRefused: nothing was.
    """
    settings = load_settings()
    configure_quiet()
    url = settings.qdrant_url or f"edge://{settings.data_dir.absolute()}/qdrant"
    namespace = _namespace(settings)
    opened = await open_versions(url, namespace=namespace)
    try:
        now = await put_back(opened.store, qdrant_url=url, namespace=namespace)
        if opened.shared:
            await asyncio.sleep(_SEEN_WITHIN_S)
    finally:
        await opened.close()
    stdout().print(
        cell(f"{now.current or namespace} is in force again; another `strata rollback` undoes it"),
        soft_wrap=True,
    )


def _namespace(settings: Settings) -> str:
    if settings.qdrant_url:
        return settings.namespace
    try:
        return find_running(settings.data_dir).namespace
    except CommandFailed:
        return settings.namespace


async def dropped(name: str) -> None:
    """Remove a version that is not in force, and all that was stored for it.

    To be repeated if it was interrupted.

    Raises:
        VersionRefused: it is in force, or there is none.
    """
    settings = load_settings()
    configure_quiet()
    async with (
        site_opened(settings, command="replay", progress=_say) as site,
        versions_of(site) as versions,
        kafka_opened(site.addresses.kafka_bootstrap) as kafka,
    ):
        now = await changed(versions, lambda now: now.dropping(name))
        version = now.others[name]
        await _followed(site)
        await _left_alone(version, kafka, site)
        await _removed(version, site, versions)
    stdout().print(cell(f"{name} is gone"))


async def _left_alone(version: Version, kafka: KafkaView, site: Site) -> None:
    """Return when no worker is at it any more."""
    group = settings_of(site.settings, version).consumer_group
    since_s = time.monotonic()
    with waiting_progress(stderr()) as progress:
        progress.add_task(f"waiting for workers to leave {version.name}")
        while await kafka.members(group):
            if time.monotonic() - since_s > _PATIENCE_S:
                raise CommandFailed(
                    f"workers are still at {version.name}: stop `strata replay --into "
                    f"{version.name}`, then drop it again"
                )
            await asyncio.sleep(_POLL_S)


async def _removed(version: Version, site: Site, versions: VersionStore) -> None:
    await drop_profile_stores(site.addresses.qdrant_url, namespace=version.namespace)
    redis = await open_redis(
        site.addresses.redis_url,
        namespace=version.namespace,
        partitions=site.settings.partitions,
    )
    try:
        await redis.erase()
    finally:
        await redis.close()
    await remove_topics(site.addresses.kafka_bootstrap, topics_of(version).own())
    await changed(versions, lambda now: now.without(version.name))


async def _followed(site: Site) -> None:
    """Tell the running stack at once; servers' processes look by themselves."""
    if site.control is not None:
        with waiting_progress(stderr()) as progress:
            progress.add_task("waiting for the stack")
            await ask(Path(site.control), "versions", {}, progress=lambda *_: None)


def _say(step: str) -> None:
    stderr().print(cell(step), soft_wrap=True)
