"""`strata backup` and `strata restore`: from addresses and stores to a file, and back."""

import time
from collections.abc import Callable
from pathlib import Path

from cli.composition import Addresses, OpenStores
from cli.errors import CommandFailed
from cli.settings import Settings
from schemas import topics
from stores.archive import ArchiveWriter, Head, checked, frames_of
from streams.backup import copy_in, copy_out, require_empty
from streams.emitter import Emitter
from streams.items import announcement
from streams.learners import LearnerSpec
from streams.offsets import KafkaView, commit_for, kafka_opened
from streams.ownership import Place
from streams.topics import ensure_topics

__all__ = ["back_up", "restore"]

Progress = Callable[[int, int], None]


async def back_up(
    settings: Settings,
    addresses: Addresses,
    stores: OpenStores,
    *,
    dimension: int,
    path: Path,
    progress: Progress,
) -> str:
    """Copy what is stored to `path` while workers go on; says what was copied."""
    started = time.monotonic()
    async with kafka_opened(addresses.kafka_bootstrap) as kafka:
        cluster = await kafka.cluster()
        # Before anything is copied: what came before these has had all of its effects.
        committed = await kafka.committed(settings.consumer_group)
    offsets: dict[str, dict[int, int]] = {topic: {} for topic in topics.USER_TOPICS}
    for (topic, partition), offset in committed.items():
        if topic in offsets:
            offsets[topic][partition] = offset
    head = Head(
        created_ms=time.time_ns() // 1_000_000,
        namespace=settings.namespace,
        partitions=settings.partitions,
        embedding_model=settings.embedding_model,
        dimension=dimension,
        space_dimension=LearnerSpec().dimension,
        cluster=cluster,
        offsets=offsets,
    )
    with ArchiveWriter(path, head) as writer:
        await copy_out(stores.profiles, stores.redis.aggregates, writer, copied=progress)
    counts = writer.counts
    return (
        f"backed up {counts['users']:,} users, {counts['items']:,} items and "
        f"{counts['passages']:,} passages to {path} ({writer.size_bytes / 1e6:,.1f} MB) "
        f"in {time.monotonic() - started:.1f} s"
    )


async def restore(
    settings: Settings,
    addresses: Addresses,
    stores: OpenStores,
    *,
    path: Path,
    progress: Progress,
) -> str:
    """Fill empty stores from `path`, and set the group to go on where the backup ended.

    Raises:
        UnusableArchive: see there; nothing has been changed then.
        NotEmpty, GroupAtWork, CommandFailed: it cannot be restored here.
    """
    started = time.monotonic()
    head, counts = checked(path)
    _require_fitting(head, settings)
    await require_empty(stores.profiles)
    await ensure_topics(addresses.kafka_bootstrap, partitions=settings.partitions)
    async with kafka_opened(addresses.kafka_bootstrap) as kafka:
        goes_on = await kafka.cluster() == head.cluster
        offsets = await _offsets_to_go_on_at(kafka, head) if goes_on else {}
    if offsets:
        await commit_for(addresses.kafka_bootstrap, settings.consumer_group, offsets)
    # Whatever it counts and caches is of other versions of the users: it is rebuilt from them.
    await stores.redis.erase()
    await copy_in(
        stores.profiles,
        stores.redis.aggregates,
        frames_of(path),
        positions_hold=goes_on,
        copied=progress,
        total=sum(counts.values()),
    )
    if not goes_on:
        await _announce_items(addresses.kafka_bootstrap, stores, partitions=settings.partitions)
    ahead = (
        "the stream goes on where the backup ended"
        if goes_on
        else "this Kafka is another one: all that it holds will be taken in"
    )
    return (
        f"restored {counts['users']:,} users, {counts['items']:,} items and "
        f"{counts['passages']:,} passages in {time.monotonic() - started:.1f} s; {ahead}"
    )


def _require_fitting(head: Head, settings: Settings) -> None:
    if head.partitions != settings.partitions:
        raise CommandFailed(
            f"the backup is of {head.partitions} partitions, and STRATA_PARTITIONS is "
            f"{settings.partitions}: users would have other owners"
        )
    if head.embedding_model != settings.embedding_model:
        raise CommandFailed(
            f"the backup has vectors of {head.embedding_model}, and STRATA_EMBEDDING_MODEL is "
            f"{settings.embedding_model}"
        )


async def _offsets_to_go_on_at(kafka: KafkaView, head: Head) -> dict[Place, int]:
    """For every topic that the group reads.

    Items are not bookmarked, so their descriptions, which are kept for ever, are read again;
    updates of versions that the restored users never had would only look like a gap.
    """
    users = await kafka.places(topics.USER_TOPICS)
    ends, first = await kafka.ends(users), await kafka.beginnings(users)
    found: dict[Place, int] = {}
    for place in users:
        offset = head.offsets.get(place[0], {}).get(place[1], 0)
        if offset > ends[place]:
            raise CommandFailed(
                f"{place[0]}/{place[1]} ends at {ends[place]}, and the backup is of offset "
                f"{offset}: the topic was deleted and made again since"
            )
        if offset < first[place]:
            raise CommandFailed(
                f"{place[0]}/{place[1]} begins at {first[place]}, and the backup ends at "
                f"{offset}: what came between is gone; restore a newer backup"
            )
        found[place] = offset
    found |= await kafka.beginnings(await kafka.places([topics.ITEMS]))
    found |= await kafka.ends(await kafka.places([topics.PROFILE_UPDATES]))
    return found


async def _announce_items(bootstrap: str, stores: OpenStores, *, partitions: int) -> None:
    """Tell workers of the items' vectors, as the topic they read them from is empty."""
    emitter = Emitter(bootstrap)
    await emitter.start()
    try:
        async for page in stores.profiles.items.scan():
            described = [record for record in page if record.revision]
            await emitter.send([announcement(record, partitions) for record in described])
    finally:
        await emitter.stop()
