"""Waiting until the write side has nothing left to do, as seen from outside.

Quiet is a fixed point, not a pause: everything is committed, every partition is
swept up to what was announced, and the leader has published statistics of the
very counters that are there now, so that its next round would find nothing new.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from profiles.personas import PersonaSet, decode_personas
from profiles.ports import CounterTable
from schemas import topics
from schemas.snapshots import StatisticsSnapshot, decode_statistics, statistics_name
from streams.knowledge import ITEMS_MARK, PERSONAS_MARK
from streams.learning import LearningOptions
from streams.merging import mean_vector
from write_side.declared import DECLARED
from write_side.ground import DIMENSION, Ground, Opened
from write_side.offsets import Offsets, read_offsets

__all__ = ["NotQuiet", "until_quiet"]

_POLL_S = 0.1
_POLLS = 2
# More events than this, in proportion, make the leader learn anew.
_SOUGHT_AGAIN = 1.1

_Series = dict[str, dict[bytes, int]]


class NotQuiet(AssertionError):
    """The time is over; the message says what was still to be done."""


async def until_quiet(
    ground: Ground,
    opened: Opened,
    *,
    timeout_s: float,
    worker: "asyncio.Task[None] | None" = None,
    learned: bool = True,
    data_policy: int = 0,
) -> Offsets:
    """The offsets once nothing moves any more.

    Args:
        data_policy: Version of the one that the workers count by.
        worker: Ends the wait, with its exception, should it end.
        learned: Whether the leader has to have learned from all that there is.

    Raises:
        NotQuiet: not within `timeout_s`.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
    consumer = AIOKafkaConsumer(bootstrap_servers=ground.bootstrap)
    await admin.start()
    await consumer.start()
    try:
        began, before, polls = time.monotonic(), None, 0
        while True:
            if worker is not None and worker.done():
                worker.result()
                raise NotQuiet("the worker has ended")
            try:
                offsets = await read_offsets(admin, consumer, ground.namespace)
            except KafkaError as error:
                # A worker that shares this loop may keep it from being answered in time.
                if time.monotonic() - began > timeout_s:
                    raise NotQuiet(repr(error)) from error
                continue
            left = _left_of_offsets(offsets) or await _left_of_stores(
                ground, opened, offsets, learned=learned, data_policy=data_policy
            )
            polls = polls + 1 if not left and before == offsets else 0
            if polls >= _POLLS:
                return offsets
            if time.monotonic() - began > timeout_s:
                raise NotQuiet(left or "offsets keep moving")
            before = offsets
            await asyncio.sleep(_POLL_S)
    finally:
        await consumer.stop()
        await admin.close()


def _left_of_offsets(offsets: Offsets) -> str:
    return f"lag: {offsets.behind}" if offsets.behind else ""


async def _left_of_stores(
    ground: Ground, opened: Opened, offsets: Offsets, *, learned: bool, data_policy: int
) -> str:
    aggregates, personas = opened.live.aggregates, opened.profiles.personas
    wanted = DECLARED.under(data_policy).build(await aggregates.wanted_epoch())
    marks = {
        f"{ITEMS_MARK}{partition}": end
        for (topic, partition), end in offsets.ends.items()
        if topic == topics.ITEM_VECTORS and end
    }
    found = {}
    for tenant in await personas.tenants():
        if (document := await personas.read(tenant)) is not None:
            found[tenant] = decode_personas(document.body)
            marks[f"{PERSONAS_MARK}{tenant}"] = found[tenant].centroids_version
    for partition in range(ground.partitions):
        control = await opened.profiles.control.read(partition)
        if control is None:
            return f"partition {partition} has no owner"
        for name, mark in marks.items():
            if control.positions.get(name, 0) < mark:
                return f"partition {partition} is swept to {control.positions}, not {mark}"
        if await aggregates.built_epoch(partition) != wanted:
            return f"the counters of partition {partition} are not built"
    return await _left_to_publish(ground, opened, found, learned=learned)


async def _left_to_publish(
    ground: Ground, opened: Opened, personas: Mapping[str, PersonaSet], *, learned: bool
) -> str:
    counted: dict[tuple[str, str], _Series] = {}
    for partition in range(ground.partitions):
        tables = [
            table
            for table in await opened.live.aggregates.tables(partition)
            if table.series in {"size", "events", "mean"}
        ]
        for table, counters in zip(
            tables, await opened.live.aggregates.counters(partition, tables), strict=True
        ):
            _add(counted, table, counters)
    scopes = list(counted)
    names = [statistics_name(*scope) for scope in scopes]
    bodies = await opened.live.aggregates.get_snapshots(names) if names else []
    for scope, body in zip(scopes, bodies, strict=True):
        if body is None or not _is_current(decode_statistics(body), counted[scope]):
            return f"statistics of {scope} are behind"
        tenant, persona = scope
        if (
            learned
            and not persona
            and (left := _left_to_seek(counted[scope], personas.get(tenant)))
        ):
            return f"{left} of {tenant}"
    # A round that puts a refreshed model in force leaves sizes to the round after it.
    for tenant, found in personas.items():
        for one in found.personas:
            sizes = counted.get((tenant, one.id), {}).get("size", {})
            if one.size != sizes.get(b"directed", 0):
                return f"the size of {one.id} of {tenant} is behind"
    return ""


def _is_current(published: StatisticsSnapshot, series: _Series) -> bool:
    directed = series["size"].get(b"directed", 0)
    mean = mean_vector(series["mean"], DIMENSION)
    return (
        not published.stale
        and published.users == series["size"].get(b"users", 0)
        and published.directed == directed
        and published.events == {name.decode(): count for name, count in series["events"].items()}
        and published.mean == ((mean / directed).astype("<f4").tobytes() if directed else b"")
    )


def _left_to_seek(series: _Series, personas: PersonaSet | None) -> str:
    if series["size"].get(b"directed", 0) < LearningOptions().least_users:
        return ""
    if personas is None:
        return "no personas"
    if sum(series["events"].values()) >= _SOUGHT_AGAIN * personas.sought_events:
        return "personas will be sought again"
    return ""


def _add(
    counted: dict[tuple[str, str], _Series],
    table: CounterTable,
    counters: dict[bytes, int],
) -> None:
    series = counted.setdefault((table.tenant, table.scope), defaultdict(dict))[table.series]
    for name, count in counters.items():
        series[name] = series.get(name, 0) + count
