"""How long partitions stand still when the worker that had them is killed."""

import asyncio
import itertools
import signal
import time
from contextlib import suppress
from typing import Self

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from write_side.ground import Ground
from write_side.offsets import read_offsets
from write_side.processes import WorkerProcess, until_members
from write_side.publishing import Event, publish

from schemas import topics
from schemas.keys import record_key
from streams.partitions import partition_of

__all__ = ["seconds_until_all_move"]

_POLL_S = 0.1


async def seconds_until_all_move(ground: Ground, *, timeout_s: float) -> float:
    """From SIGKILL of one of two workers until every partition has got on with its events."""
    publishing: asyncio.Task[None] | None = None
    workers = [WorkerProcess.start(ground, until_told=True, learns=False)]
    try:
        await workers[0].until_ready()
        workers.append(WorkerProcess.start(ground, until_told=True, learns=False))
        await until_members(ground, 2)
        publishing = asyncio.create_task(_publish_for_ever(ground))
        async with _Committed(ground) as committed:
            await committed.until_moved(await committed.ends(), timeout_s=timeout_s)
            workers[0].send(signal.SIGKILL)
            killed_s = time.monotonic()
            # What was published up to now the dead one can no more have committed than got.
            await committed.until_moved(await committed.ends(), timeout_s=timeout_s)
            return time.monotonic() - killed_s
    finally:
        if publishing is not None:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
        for worker in workers:
            worker.kill()


async def _publish_for_ever(ground: Ground) -> None:
    """An event in each partition, over and over."""
    names: dict[int, str] = {}
    for number in itertools.count():
        if len(names) == ground.partitions:
            break
        name = f"reader-{number}"
        names.setdefault(partition_of(record_key("default", name), ground.partitions), name)
    for turn in itertools.count():
        events: list[Event] = [
            {
                "event_id": f"{turn}-{name}",
                "type": "interaction",
                "occurred_at": 1_700_000_000 + turn,
                "user_id": name,
                "item_id": "book",
                "action": "view",
            }
            for name in names.values()
        ]
        await publish(ground.bootstrap, events, partitions=ground.partitions)
        await asyncio.sleep(_POLL_S)


class _Committed:
    """What the group has committed of the interactions, asked of the broker."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
        self._consumer = AIOKafkaConsumer(bootstrap_servers=ground.bootstrap)

    async def __aenter__(self) -> Self:
        await self._admin.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def ends(self) -> dict[tuple[str, int], int]:
        """End offsets of the interactions by place."""
        offsets = await read_offsets(self._admin, self._consumer, self._ground.namespace)
        return {
            place: end for place, end in offsets.ends.items() if place[0] == topics.INTERACTIONS
        }

    async def until_moved(self, past: dict[tuple[str, int], int], *, timeout_s: float) -> None:
        """Until each place is committed beyond `past`."""
        async with asyncio.timeout(timeout_s):
            while True:
                offsets = await read_offsets(self._admin, self._consumer, self._ground.namespace)
                if all(offsets.committed.get(place, 0) > end for place, end in past.items()):
                    return
                await asyncio.sleep(_POLL_S)
