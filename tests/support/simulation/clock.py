"""An event loop whose time passes only when nobody has anything to do."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from heapq import heappop, heappush
from itertools import count
from typing import Any, Final, TypeVar, TypeVarTuple

__all__ = ["NothingLeftToDo", "SimulatedLoop", "run_simulated"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_EPOCH_MS: Final = 1_700_000_000_000


class NothingLeftToDo(RuntimeError):
    """Everybody waits for somebody else: the simulated world stands still."""


class SimulatedLoop(asyncio.BaseEventLoop):
    """Deterministic: no threads, no sockets, no real clock.

    Callbacks run in the order in which they were scheduled; every choice of what
    comes first is made by drawn latencies. Asyncio's own round asks a selector and a
    clock each time, which took a fifth of a schedule's time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._now_s = 0.0
        self._due: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[float, int, asyncio.TimerHandle | asyncio.Future[None]]] = []
        self._order = count()

    def time(self) -> float:
        return self._now_s

    def now_ms(self) -> int:
        """Milliseconds since the epoch, on the fake clock."""
        return _EPOCH_MS + int(self._now_s * 1000)

    def call_soon(
        self, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._due.append(handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._order), handle))
        return handle

    def passing(self, seconds: float) -> "asyncio.Future[None]":
        """Done when so much time has passed: `asyncio.sleep` at half the price."""
        passed = asyncio.Future[None](loop=self)
        heappush(self._timers, (self._now_s + seconds, next(self._order), passed))
        return passed

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,  # noqa: ARG002 - asyncio's signature
        func: Callable[..., T],
        *args: Any,
    ) -> "asyncio.Future[T]":
        """At once, on this thread."""
        done: asyncio.Future[T] = self.create_future()
        done.set_result(func(*args))
        return done

    def _run_once(self) -> None:
        """All that comes to be due; when nothing is, the clock is put forward to the next timer.

        `_stopping` is what asyncio's own `stop` sets.
        """
        due = self._due
        while not self._stopping:  # type: ignore[attr-defined]
            if not due:
                self._leap()
            handle = due.popleft()
            if not handle._cancelled:
                handle._run()

    def _leap(self) -> None:
        timers = self._timers
        while not self._due:
            while timers and timers[0][2].cancelled():
                heappop(timers)
            if not timers:
                raise NothingLeftToDo
            self._now_s = max(self._now_s, timers[0][0])
            while timers and timers[0][0] <= self._now_s:
                come = heappop(timers)[2]
                if isinstance(come, asyncio.Handle):
                    self._due.append(come)
                elif not come.done():
                    come.set_result(None)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is left out when its time has come."""

    def _write_to_self(self) -> None:
        """Nobody else's thread waits for this loop."""


def run_simulated(main: Callable[[SimulatedLoop], Coroutine[Any, Any, T]]) -> T:
    """Run on a fresh loop; whatever is left at the end is dropped as a dead process is."""
    loop = SimulatedLoop()
    loop.set_exception_handler(lambda *_: None)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main(loop))
    finally:
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        asyncio.set_event_loop(None)
        loop.close()
