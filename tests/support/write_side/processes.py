"""Workers as processes that end, or stand still, at a point of our choosing."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from inspect import iscoroutinefunction
from multiprocessing.process import BaseProcess
from typing import Any, Final

import psutil
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.protocol.group import LeaveGroupRequest

from streams.worker import Stores
from write_side.ground import Ground
from write_side.running import options_of, running
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
        point: A seam of the profile engine, e.g. "stored", or a call of a port
            that has just returned, e.g. "items.put".
        occasion: How often the point is reached before, plus one.
        signal: SIGKILL, or SIGSTOP for a worker that stands still.
    """

    point: str
    occasion: int = 1
    signal: int = signal.SIGKILL


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """A worker process; ends when all is quiet, or when it is told to."""

    process: BaseProcess
    told: Any

    @classmethod
    def start(
        cls,
        ground: Ground,
        *,
        fate: Fate | None = None,
        until_told: bool = False,
        session_timeout_s: float = 8.0,
    ) -> "WorkerProcess":
        """Start one.

        Args:
            until_told: Run until `stop`, not until all is quiet.
            session_timeout_s: The broker accepts 6 or more.
        """
        told = _forking.Event()
        process = _forking.Process(
            target=_work,
            args=(ground, fate, told if until_told else None, session_timeout_s),
            # Not a daemon: those may have no children, and this one learns in one.
            daemon=False,
        )
        process.start()
        return cls(process, told)

    async def ended(self, *, timeout_s: float = _PATIENCE_S) -> int:
        """Wait for the end; its exit code, negative for a signal."""

        async def is_over() -> bool:
            return self.process.exitcode is not None

        await eventually(is_over, timeout_s=timeout_s, poll_s=0.02)
        assert self.process.exitcode is not None
        return self.process.exitcode

    async def stopped_by_signal(self) -> None:
        """Wait until the process stands still."""

        async def stands_still() -> bool:
            assert self.process.pid is not None
            return bool(psutil.Process(self.process.pid).status() == psutil.STATUS_STOPPED)

        await eventually(stands_still, timeout_s=_PATIENCE_S)

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


def _work(ground: Ground, fate: Fate | None, told: Any, session_timeout_s: float) -> None:
    asyncio.run(_until_over(ground, fate, told, session_timeout_s))


async def _until_over(
    ground: Ground, fate: Fate | None, told: Any, session_timeout_s: float
) -> None:
    async with ground.opened() as opened:
        stores = opened.for_worker()
        options = replace(options_of(ground), session_timeout_s=session_timeout_s)
        if fate is not None:
            reach = _Reach(fate)
            stores = _watched(stores, reach)
            options = replace(options, seam=reach)
        async with running(ground, opened, options=options, stores=stores) as work:
            if told is None:
                await work.until_quiet(timeout_s=_PATIENCE_S)
                return
            waiting = asyncio.create_task(asyncio.to_thread(told.wait))
            await asyncio.wait((waiting, work.task), return_when=asyncio.FIRST_COMPLETED)
            told.set()
            await waiting
            if work.task.done():
                work.task.result()


@dataclass
class _Reach:
    fate: Fate
    seen: int = 0

    def __call__(self, point: str) -> None:
        self.seen += point == self.fate.point
        if point == self.fate.point and self.seen == self.fate.occasion:
            os.kill(os.getpid(), self.fate.signal)


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
