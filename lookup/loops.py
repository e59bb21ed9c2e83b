"""The event loop that serves: uvloop's, which spends about half as much on each request."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

__all__ = ["loop_factory", "run"]

T = TypeVar("T")


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """None for asyncio's own, where uvloop cannot be installed: on Windows."""
    try:
        import uvloop  # noqa: PLC0415 - it may not be there
    except ModuleNotFoundError:
        return None
    return uvloop.new_event_loop


def run(work: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, in a loop for serving."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        return runner.run(work)
