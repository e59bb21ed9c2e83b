"""Putting a version in force, and what was before: the same for commands and for the dashboard."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace

from cli.errors import CommandFailed
from cli.settings import Settings
from cli.versions import range_of, settings_of, topics_of
from stores.connect import show_current_version
from stores.versions import Version, Versions, VersionStore, changed
from streams.offsets import KafkaView
from streams.replay import CaughtUp, Progress, progress_of

__all__ = ["put_back", "put_in_force"]

_POLL_S: Final = 0.3
_PATIENCE_S: Final = 90.0


async def put_in_force(
    name: str,
    *,
    settings: Settings,
    qdrant_url: str,
    versions: VersionStore,
    kafka: KafkaView,
    lag: int | None,
    followed: Callable[[], Awaitable[None]],
    reached: Callable[[Progress], None],
) -> Versions:
    """Have workers keep a version, wait until it has caught up, and put it in force.

    Args:
        settings: Of the first version.
        lag: Records behind at which it has caught up; None as of `CaughtUp`.
        followed: Makes whoever runs workers look at the document, if that can be done.
        reached: Told how far it is meanwhile.

    Raises:
        VersionRefused, CommandFailed, …: it is not put in force.
    """
    version = (await versions.read()).promotable(name)
    group = settings_of(settings, version).consumer_group
    if not version.kept:
        if await kafka.members(group):
            raise CommandFailed(
                f"{name} is still being built by another process: promote it when "
                f"`strata replay --into {name}` has ended"
            )
        await changed(versions, lambda now: _kept(now, name))
    await followed()
    await _caught_up(version, kafka, group=group, lag=lag, reached=reached)
    now = await changed(versions, lambda now: now.promoted(name))
    await show_current_version(qdrant_url, base=settings.namespace, namespace=version.namespace)
    return now


async def put_back(versions: VersionStore, *, qdrant_url: str, namespace: str) -> Versions:
    """Put in force what was before.

    Args:
        namespace: Of the first version.

    Raises:
        VersionRefused: nothing was.
    """
    now = await changed(versions, lambda now: now.rolled_back())
    shown = now.known(now.current).namespace if now.current else namespace
    await show_current_version(qdrant_url, base=namespace, namespace=shown)
    return now


def _kept(now: Versions, name: str) -> Versions:
    return now.with_version(replace(now.promotable(name), kept=True))


async def _caught_up(
    version: Version,
    kafka: KafkaView,
    *,
    group: str,
    lag: int | None,
    reached: Callable[[Progress], None],
) -> None:
    names, reading = topics_of(version), range_of(version)
    last, since_s = -1, time.monotonic()
    caught_up = CaughtUp(lag)
    while True:
        at_work = await kafka.members(group)
        now = await progress_of(kafka, group=group, reading=reading, names=names)
        reached(now)
        if caught_up.look(now, now_s=time.monotonic()) and at_work:
            return
        if now.done != last:
            last, since_s = now.done, time.monotonic()
        elif time.monotonic() - since_s > _PATIENCE_S:
            raise CommandFailed(
                f"{version.name} is {now.behind:,} records behind and nothing moves: "
                "is a worker running?"
            )
        await asyncio.sleep(_POLL_S)
