"""Waiting for what another process does."""

import asyncio
from collections.abc import Awaitable, Callable

__all__ = ["eventually"]


async def eventually(
    holds: Callable[[], Awaitable[bool]], *, timeout_s: float = 30.0, poll_s: float = 0.05
) -> None:
    """Ask until it holds.

    Raises:
        TimeoutError: it does not within `timeout_s`.
    """
    async with asyncio.timeout(timeout_s):
        while not await holds():  # noqa: ASYNC110 - nobody in this process could set an event
            await asyncio.sleep(poll_s)
