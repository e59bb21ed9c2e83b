"""Topics, their counts and settings, and how far the workers are behind."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from cli.connecting import KafkaSite
from cli.doctor.findings import Finding, note, right, wrong
from cli.errors import CommandFailed
from cli.kafka_access import admin_opened, committed_offsets, end_offsets
from schemas import topics
from streams.topics import specs

__all__ = ["examine_kafka"]

# What a worker commits; it reads the others whole, whenever it starts.
_CONSUMED: Final = (*topics.USER_TOPICS, topics.ITEMS, topics.PROFILE_UPDATES)
_SHOWN_PLACES: Final = 8
_MOVES_WITHIN_S: Final = 3.0


async def examine_kafka(site: KafkaSite) -> AsyncIterator[Finding]:
    """Findings in the order in which they depend on each other."""
    try:
        async with admin_opened(site.kafka_bootstrap) as admin:
            brokers = (await admin.describe_cluster())["brokers"]
            yield right("Kafka", f"{site.kafka_bootstrap} answers, {len(brokers)} broker(s)")
            counts = await _partition_counts(admin)
            for finding in _topics(counts, site):
                yield finding
            if not counts:
                return
            async for finding in _configs(admin, counts):
                yield finding
            yield await _workers(admin, site)
            yield await _lag(admin, site)
            yield await _items(admin, site)
    except (CommandFailed, KafkaError) as error:
        yield wrong("Kafka", str(error), "start it, or correct STRATA_KAFKA_BOOTSTRAP")


async def _partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """Of our topics that exist."""
    described = await admin.describe_topics([spec.name for spec in specs()])
    return {topic["topic"]: len(topic["partitions"]) for topic in described if topic["partitions"]}


def _topics(counts: Mapping[str, int], site: KafkaSite) -> Iterator[Finding]:
    wanted = {spec.name: spec.partitions or site.partitions for spec in specs()}
    missing = sorted(wanted.keys() - counts.keys())
    if missing:
        yield wrong(
            "topics", f"missing: {', '.join(missing)}", "start a worker, which creates them"
        )
    differing = [
        f"{name} has {count}, not {wanted[name]}"
        for name, count in sorted(counts.items())
        if count != wanted[name]
    ]
    if differing:
        yield wrong(
            "partitions",
            "; ".join(differing),
            "set STRATA_PARTITIONS to the count in use; changing it takes a replay",
        )
    if counts and not missing and not differing:
        yield right(
            "topics",
            f"all {len(counts)} exist, those of users with {site.partitions} partitions each",
        )


async def _configs(admin: AIOKafkaAdminClient, counts: Mapping[str, int]) -> AsyncIterator[Finding]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in counts]
    actual = {
        resource[3]: {entry[0]: entry[1] for entry in resource[4]}
        for answer in await admin.describe_configs(resources)
        for resource in answer.resources
    }
    differing = [
        f"{spec.name}: {name}={actual[spec.name].get(name)}, not {value}"
        for spec in specs()
        if spec.name in actual
        for name, value in spec.configs().items()
        if actual[spec.name].get(name) != value
    ]
    if differing:
        yield wrong(
            "topic settings",
            "; ".join(differing),
            "set them with kafka-configs.sh --alter, or say why not",
        )
    else:
        yield right("topic settings", "retention, compaction and time stamps as they should be")


async def _workers(admin: AIOKafkaAdminClient, site: KafkaSite) -> Finding:
    (answer, *_) = await admin.describe_consumer_groups([site.group])
    (group, *_) = answer.groups
    state, members = str(group[2]), len(group[5])
    found = f"{members} in group {site.group}" + (f" ({state.lower()})" if state else "")
    if not members:
        return wrong("workers", found, "start one: `strata up` or `strata worker`")
    return right("workers", found)


async def _lag(admin: AIOKafkaAdminClient, site: KafkaSite) -> Finding:
    behind = await _behind(admin, site)
    if not behind:
        return right("lag", "every record has been taken in")
    await asyncio.sleep(_MOVES_WITHIN_S)
    later = await _behind(admin, site)
    total = sum(later.values())
    places = sorted(later, key=lambda place: (-later[place], place))
    shown = ", ".join(
        f"{topic.removeprefix('strata.')}/{partition}: {later[topic, partition]:,}"
        for topic, partition in places[:_SHOWN_PLACES]
    )
    more = f" and {len(places) - _SHOWN_PLACES} more" if len(places) > _SHOWN_PLACES else ""
    if not later:
        return right("lag", "every record has been taken in")
    if later == behind:
        return wrong(
            "lag",
            f"{total:,} records wait and nothing moves: {shown}{more}",
            "read the worker's log",
        )
    return note(
        "lag", f"{total:,} records wait, and fewer or others than just before: {shown}{more}"
    )


async def _behind(admin: AIOKafkaAdminClient, site: KafkaSite) -> dict[tuple[str, int], int]:
    ends = await end_offsets(admin, site.kafka_bootstrap, _CONSUMED)
    committed = await committed_offsets(admin, site.group)
    behind = {place: end - committed.get(place, 0) for place, end in ends.items()}
    return {place: records for place, records in behind.items() if records > 0}


async def _items(admin: AIOKafkaAdminClient, site: KafkaSite) -> Finding:
    ends = await end_offsets(admin, site.kafka_bootstrap, [topics.ITEM_VECTORS])
    letters = await end_offsets(admin, site.kafka_bootstrap, [topics.DEAD_LETTERS])
    announced = sum(ends.values())
    refused = sum(letters.values())
    found = f"at most {announced:,} items have vectors; {refused:,} dead letters at most"
    if refused:
        return note("contents", found, "`strata dead-letters list` says why")
    return right("contents", found)
