"""How long partitions stand still when the worker that had them is killed.

`python -m chaos.takeover --times 5` prints it, and of what it consists. Needs `tests/support` and
the repository's root on PYTHONPATH, and the embedded stack.
"""

import argparse
import asyncio
import itertools
import os
import signal
import sys
import tempfile
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from qdrant_server.fixture import QdrantTestServer
from write_side.ground import Ground, fresh_topics
from write_side.offsets import read_offsets
from write_side.processes import WorkerProcess, until_members
from write_side.publishing import Event, publish

from chaos.parts import opened_parts
from schemas import topics
from schemas.keys import record_key
from streams.partitions import partition_of

__all__ = ["Takeover", "taken_over"]

_POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Takeover:
    """Seconds from SIGKILL of one of two workers.

    Attributes:
        noticed_s: Until the group has found out: its session has ended.
        assigned_s: Until the other one has been assigned every partition.
        moved_s: Until every partition has got on with its events, and committed that.
    """

    noticed_s: float
    assigned_s: float
    moved_s: float


async def taken_over(ground: Ground, *, timeout_s: float) -> Takeover:
    """Kill one of two workers while events come in every partition."""
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
            moving = committed.until_moved(await committed.ends(), timeout_s=timeout_s)
            async with asyncio.TaskGroup() as watching:
                moved = watching.create_task(_clocked(moving))
                noticed = watching.create_task(
                    _clocked(committed.until_noticed(timeout_s=timeout_s))
                )
                assigned = watching.create_task(
                    _clocked(committed.until_assigned(timeout_s=timeout_s))
                )
            noticed_s, assigned_s, moved_s = (
                one.result() - killed_s for one in (noticed, assigned, moved)
            )
            return Takeover(noticed_s, assigned_s, moved_s)
    finally:
        if publishing is not None:
            publishing.cancel()
            with suppress(asyncio.CancelledError):
                await publishing
        for worker in workers:
            worker.kill()


async def _clocked(work: Coroutine[Any, Any, None]) -> float:
    """When it was done."""
    await work
    return time.monotonic()


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

    async def until_noticed(self, *, timeout_s: float) -> None:
        """Until the group is no more at work with two members."""
        async with asyncio.timeout(timeout_s):
            while await self._group() == ("Stable", 2):  # noqa: ASYNC110 - the broker sets no event
                await asyncio.sleep(_POLL_S)

    async def until_assigned(self, *, timeout_s: float) -> None:
        """Until it is at work with one."""
        async with asyncio.timeout(timeout_s):
            while await self._group() != ("Stable", 1):  # noqa: ASYNC110
                await asyncio.sleep(_POLL_S)

    async def _group(self) -> tuple[str, int]:
        (answer,) = await self._admin.describe_consumer_groups([self._ground.namespace])
        (group,) = answer.to_object()["groups"]
        return group["state"], len(group["members"])

    async def until_moved(self, past: dict[tuple[str, int], int], *, timeout_s: float) -> None:
        """Until each place is committed beyond `past`."""
        async with asyncio.timeout(timeout_s):
            while True:
                offsets = await read_offsets(self._admin, self._consumer, self._ground.namespace)
                if all(offsets.committed.get(place, 0) > end for place, end in past.items()):
                    return
                await asyncio.sleep(_POLL_S)


async def _several(directory: Path, times: int) -> list[Takeover]:
    found = []
    with opened_parts(directory / "parts") as parts, QdrantTestServer(directory / "q") as server:
        for _ in range(times):
            ground = Ground.new(
                bootstrap=parts.bootstrap,
                redis_url=parts.redis_url,
                qdrant_url=server.grpc_url,
                directory=str(directory),
            )
            await fresh_topics(ground.bootstrap, partitions=ground.partitions)
            found.append(await taken_over(ground, timeout_s=120.0))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(prog="takeover", description=__doc__)
    parser.add_argument("--times", type=int, default=5)
    asked = parser.parse_args()
    said = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryDirectory(prefix="strata-takeover-") as path:
        # What the workers say is not the report.
        with (Path(path) / "workers.log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        found = asyncio.run(_several(Path(path), asked.times))
    for one in found:
        print(
            f"noticed after {one.noticed_s:.1f} s, assigned after {one.assigned_s:.1f} s, "
            f"all partitions moved after {one.moved_s:.1f} s",
            file=said,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
