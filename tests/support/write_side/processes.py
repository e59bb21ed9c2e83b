"""Workers as processes that end, or stand still, at a point of our choosing."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from inspect import iscoroutinefunction
from multiprocessing.process import BaseProcess
from typing import Any, Final

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.group import LeaveGroupRequest

from streams.transport import BatchConsumer
from streams.worker import Stores
from write_side.ground import Ground
from write_side.running import learning, options_of, running
from write_side.waiting import eventually

__all__ = ["Fate", "WorkerProcess", "expel_the_dead", "until_members"]

_PATIENCE_S: Final = 150.0

# Forked from a process that has everything imported, a worker starts in milliseconds.
_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload([__name__])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What befalls a worker, and when.

    Attributes:
        point: A seam of the profile engine, e.g. "stored", a call of a port that has
            just returned, e.g. "items.put", or "fetched": records have come from Kafka.
        occasion: How often the point is reached before, plus one.
        after_records: So many records are fetched before occasions count.
        signal: SIGKILL, or SIGSTOP for a worker that stands still.
    """

    point: str
    occasion: int = 1
    after_records: int = 0
    signal: int = signal.SIGKILL


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker process; ends when all is quiet, or when it is told to.

    Attributes:
        ready: Set once everything it was assigned is owned and swept.
    """

    process: BaseProcess
    told: Any
    ready: Any

    @classmethod
    def start(
        cls,
        ground: Ground,
        *,
        fate: Fate | None = None,
        until_told: bool = False,
        learns: bool = True,
        **options: Any,
    ) -> "WorkerProcess":
        """Start one.

        Args:
            until_told: Run until `stop`, not until all is quiet.
            learns: Whether item spaces and personas are learned, should it lead.
            options: Of `WorkerOptions`, otherwise than `options_of` has them.
        """
        told, ready = _forking.Event(), _forking.Event()
        process = _forking.Process(
            target=_work,
            args=(
                ground,
                fate,
                told if until_told else None,
                ready,
                {"learning": learning(learns=learns), **options},
            ),
            # Not a daemon: those may have no children, and this one learns in one.
            daemon=False,
        )
        process.start()
        return cls(process, told, ready)

    async def ended(self, *, timeout_s: float = _PATIENCE_S) -> int:
        """Wait for the end; its exit code, negative for a signal."""

        async def is_over() -> bool:
            return self.process.exitcode is not None

        await eventually(is_over, timeout_s=timeout_s, poll_s=0.02)
        assert self.process.exitcode is not None
        return self.process.exitcode

    async def until_ready(self, *, timeout_s: float = _PATIENCE_S) -> None:
        """Wait until it owns and has swept what it was assigned; returns if it ends before."""

        async def is_ready() -> bool:
            return self.ready.is_set() or self.process.exitcode is not None

        await eventually(is_ready, timeout_s=timeout_s)

    async def stopped_by_signal(self, *, timeout_s: float = _PATIENCE_S) -> None:
        """Wait until the process stands still."""

        async def stands_still() -> bool:
            assert self.process.pid is not None
            return bool(psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED)

        await eventually(stands_still, timeout_s=timeout_s)

    def send(self, number: int) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    async def stop(self) -> int:
        self.told.set()
        return await self.ended()

    def kill(self) -> None:
        """However the test ends, the process must not outlive it."""
        if self.process.exitcode is None:
            self.process.kill()
        self.process.join()


def _work(
    ground: Ground, fate: Fate | None, told: Any, ready: Any, changes: Mapping[str, Any]
) -> None:
    asyncio.run(_until_over(ground, fate, told, ready, changes))


async def _until_over(
    ground: Ground, fate: Fate | None, told: Any, ready: Any, changes: Mapping[str, Any]
) -> None:
    async with ground.opened() as opened:
        stores = opened.for_worker()
        options = replace(options_of(ground), **changes)
        if fate is not None:
            reach = _Reach(fate)
            stores = _watched(stores, reach)
            options = replace(options, seam=reach)
            _count_fetched(reach)
        async with running(ground, opened, options=options, stores=stores) as work:
            if told is None:
                await work.until_quiet(timeout_s=_PATIENCE_S)
                return
            waiting = asyncio.create_task(asyncio.to_thread(told.wait))
            telling = asyncio.create_task(_tell(work.worker.ready, ready))
            await asyncio.wait((waiting, work.task), return_when=asyncio.FIRST_COMPLETED)
            told.set()
            telling.cancel()
            await waiting
            if work.task.done():
                work.task.result()


async def _tell(ready: asyncio.Event, told: Any) -> None:
    await ready.wait()
    told.set()


@dataclass
class _Reach:
    fate: Fate
    seen: int = 0
    fetched: int = 0

    def took(self, records: int) -> None:
        self.fetched += records
        self("fetched")

    def __call__(self, point: str) -> None:
        if self.fetched < self.fate.after_records:
            return
        self.seen += point == self.fate.point
        if point == self.fate.point and self.seen == self.fate.occasion:
            os.kill(os.getpid(), self.fate.signal)


def _count_fetched(reach: _Reach) -> None:
    """For the rest of this process, whose only worker it concerns."""
    fetch_records = BatchConsumer.fetch_records

    async def fetch_and_count(
        consumer: BatchConsumer, without: frozenset[str]
    ) -> Mapping[Any, list[Any]]:
        fetched = await fetch_records(consumer, without)
        if fetched:
            reach.took(sum(map(len, fetched.values())))
        return fetched

    BatchConsumer.fetch_records = fetch_and_count  # type: ignore[assignment, method-assign]


def _watched(stores: Stores, reach: Callable[[str], None]) -> Stores:
    def watched(name: str) -> Any:
        return _Watched(getattr(stores, name), name, reach)

    return replace(
        stores,
        users=watched("users"),
        items=watched("items"),
        control=watched("control"),
        personas=watched("personas"),
        cache=watched("cache"),
        aggregates=watched("aggregates"),
    )


@dataclass
class _Watched:
    """A port each of whose calls is a point that is reached when it has returned."""

    port: Any
    name: str
    reach: Callable[[str], None]

    def __getattr__(self, method: str) -> Any:
        call = getattr(self.port, method)
        return partial(self._call, method, call) if iscoroutinefunction(call) else call

    async def _call(self, method: str, call: Any, *args: Any, **options: Any) -> Any:
        result = await call(*args, **options)
        self.reach(f"{self.name}.{method}")
        return result


async def until_members(ground: Ground, count: int) -> None:
    """Wait until so many members share the group's partitions."""
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
    await admin.start()

    async def are_in() -> bool:
        try:
            (answer,) = await admin.describe_consumer_groups([ground.namespace])
        except GroupCoordinatorNotAvailableError:
            return False
        return all(
            group["state"] == "Stable" and len(group["members"]) == count
            for group in answer.to_object()["groups"]
        )

    try:
        await eventually(are_in, timeout_s=_PATIENCE_S)
    finally:
        await admin.close()


async def expel_the_dead(ground: Ground) -> None:
    """Make the group forget its members, as it would itself after the session timeout."""
    admin = AIOKafkaAdminClient(bootstrap_servers=ground.bootstrap)
    await admin.start()
    try:
        try:
            coordinator = await admin.find_coordinator(ground.namespace)
        except GroupCoordinatorNotAvailableError:
            return
        (answer,) = await admin.describe_consumer_groups([ground.namespace])
        for group in answer.to_object()["groups"]:
            for member in group["members"]:
                request = LeaveGroupRequest(ground.namespace, member["member_id"])
                await admin._send_request(request, coordinator)
    finally:
        await admin.close()
