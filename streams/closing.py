"""Closing what may not let itself be closed, in a bounded time."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

__all__ = ["closed_within"]

_log = structlog.get_logger(__name__)

_CANCELLED_S: Final = 0.5


async def closed_within(seconds: float, closing: Coroutine[Any, Any, None], *, what: str) -> bool:
    """Close, or give up after so long; whether it was closed.

    A part that does not answer must not keep a worker from ending: what it had not
    finished is not committed, and the next owner reads it again.

    Raises:
        Whatever `closing` raises within the time.
    """
    task = asyncio.ensure_future(closing)
    try:
        done, _ = await asyncio.wait((task,), timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        _log.warning("does not let itself be closed, ending without", what=what, seconds=seconds)
        task.cancel()
        await asyncio.wait((task,), timeout=_CANCELLED_S)
        return False
    if task.cancelled():
        # Without a broker aiokafka trips over the tasks that it cancels itself.
        _log.warning("did not close in an orderly way", what=what)
        return False
    task.result()
    return True
