"""Where models are computed: in a child process, so that the event loop goes on."""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import connection
from typing import Final, ParamSpec, Protocol, TypeVar

import structlog

from streams.learners import Delta, Encoded, Fitted, Learners, LearnerSpec, Taken

__all__ = ["ChildDied", "ChildWorkshop", "InlineWorkshop", "Workshop"]

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)
# Others go first; but on a machine that is always busy, 19 would never be served.
_NICENESS: Final = 10


class ChildDied(RuntimeError):
    """The child process is gone with all that it had learned; the next call starts another."""


class Workshop(Protocol):
    """`Learners`, somewhere. Calls are made one after the other.

    Every method but `close` may raise `ChildDied`.
    """

    async def take(self, tenant: str, delta: Delta) -> Taken: ...

    async def refit(self, tenant: str) -> Fitted: ...

    async def encoded(self, tenant: str) -> Encoded: ...

    async def forget(self, tenant: str) -> None: ...

    async def close(self) -> None:
        """Stop, whatever is being computed; a later call begins with nothing."""
        ...


class InlineWorkshop(Workshop):
    """In this process and thread: for tests, and wherever nobody waits."""

    def __init__(self, spec: LearnerSpec) -> None:
        self._spec = spec
        self._learners = Learners(spec)

    async def take(self, tenant: str, delta: Delta) -> Taken:
        return self._learners.take(tenant, delta)

    async def refit(self, tenant: str) -> Fitted:
        return self._learners.refit(tenant)

    async def encoded(self, tenant: str) -> Encoded:
        return self._learners.encoded(tenant)

    async def forget(self, tenant: str) -> None:
        self._learners.forget(tenant)

    async def close(self) -> None:
        self._learners = Learners(self._spec)


class ChildWorkshop(Workshop):
    """In one child process, started with the first call, of a low priority.

    It ends with this one, however this one ends: it waits for its parent's death in a
    thread of its own, which also works when the parent is killed.
    """

    def __init__(self, spec: LearnerSpec) -> None:
        self._spec = spec
        self._executor: ProcessPoolExecutor | None = None
        self._pid: int | None = None

    @property
    def pid(self) -> int | None:
        """Of the child, once there is one."""
        return self._pid

    async def take(self, tenant: str, delta: Delta) -> Taken:
        return await self._call(_take, tenant, delta)

    async def refit(self, tenant: str) -> Fitted:
        return await self._call(_refit, tenant)

    async def encoded(self, tenant: str) -> Encoded:
        return await self._call(_encoded, tenant)

    async def forget(self, tenant: str) -> None:
        if self._executor is not None:
            await self._call(_forget, tenant)

    async def close(self) -> None:
        executor, pid = self._executor, self._pid
        self._executor = self._pid = None
        if executor is None:
            return
        if pid is not None:
            # A refit takes as long as it takes, and nobody waits for its result any more.
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(executor.shutdown, wait=True, cancel_futures=True)

    async def _call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        try:
            if self._executor is None:
                self._executor = ProcessPoolExecutor(
                    1,
                    mp_context=multiprocessing.get_context("spawn"),
                    initializer=_begin,
                    initargs=(self._spec,),
                )
                self._pid = await loop.run_in_executor(self._executor, os.getpid)
                _log.info("models are learned in a child process", pid=self._pid)
            return await loop.run_in_executor(self._executor, partial(function, *args, **kwargs))
        except BrokenProcessPool as error:
            executor, self._executor, self._pid = self._executor, None, None
            if executor is not None:
                executor.shutdown(wait=False)
            raise ChildDied("the process that learns models has died") from error


_held: list[Learners] = []
"""Of the child: one, once it has begun."""


def _begin(spec: LearnerSpec) -> None:
    # Terminals send the interrupt to the whole group; the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A replay has yielded already, and waits for this.
    os.nice(max(0, _NICENESS - os.nice(0)))
    parent = multiprocessing.parent_process()
    if parent is None:
        raise AssertionError("only for a child process")
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    _held.append(Learners(spec))


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])
    os._exit(1)


def _take(tenant: str, delta: Delta) -> Taken:
    return _held[0].take(tenant, delta)


def _refit(tenant: str) -> Fitted:
    return _held[0].refit(tenant)


def _encoded(tenant: str) -> Encoded:
    return _held[0].encoded(tenant)


def _forget(tenant: str) -> None:
    _held[0].forget(tenant)
