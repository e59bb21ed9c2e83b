"""A service in a thread of its own, for clients and commands without an event loop."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI

from lookup.server import serve

__all__ = ["served"]

_UP_WITHIN_S = 60.0


@contextmanager
def served(made: Callable[[], Awaitable[FastAPI]]) -> Iterator[str]:
    """Where the app answers that `made` gives, in the thread's own event loop."""
    urls: list[str] = []
    started, stop = threading.Event(), threading.Event()

    async def serving() -> None:
        running = await serve(await made(), port=0)
        urls.append(running.url)
        started.set()
        await asyncio.to_thread(stop.wait)
        await running.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serving()))
    thread.start()
    try:
        assert started.wait(timeout=_UP_WITHIN_S)
        yield urls[0]
    finally:
        stop.set()
        thread.join()
