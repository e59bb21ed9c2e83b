"""An event loop whose time passes only when nobody has anything to do."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

__all__ = ["NothingLeftToDo", "SimulatedLoop", "run_simulated"]

T = TypeVar("T")

_EPOCH_MS: Final = 1_700_000_000_000


class NothingLeftToDo(RuntimeError):
    """Everybody waits for somebody else: the simulated world stands still."""


class _Leap:
    """In place of a selector: instead of waiting, the clock is put forward."""

    def __init__(self, loop: "SimulatedLoop") -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise NothingLeftToDo
        self._loop.leap(timeout)
        return []


class SimulatedLoop(asyncio.BaseEventLoop):
    """Deterministic: no threads, no sockets, no real clock.

    Callbacks run in the order in which they were scheduled; every choice of what
    comes first is made by drawn latencies.
    """

    def __init__(self) -> None:
        super().__init__()
        self._selector = _Leap(self)
        self._now_s = 0.0

    def time(self) -> float:
        return self._now_s

    def leap(self, seconds: float) -> None:
        self._now_s += max(seconds, 0.0)

    def now_ms(self) -> int:
        """Milliseconds since the epoch, on the fake clock."""
        return _EPOCH_MS + int(self._now_s * 1000)

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

    def _process_events(self, event_list: list[Any]) -> None:
        """There are none: nothing comes from outside."""

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
