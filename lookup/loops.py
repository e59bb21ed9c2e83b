"""The event loop that serves: uvloop's, which spends about half as much on each request."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

__all__ = ["collect_seldom", "loop_factory", "run"]

T = TypeVar("T")

# A request makes some hundred objects that end with it, and nothing that refers to itself.
_COLLECTED: Final = (50_000, 20, 100)


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


def collect_seldom() -> None:
    """Have Python look for circles of garbage less often, and not in what is there already.

    Where nothing makes any, a service that remembers thousands of items and answers otherwise goes
    through all of them again and again. To be called once everything is loaded.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTED)
