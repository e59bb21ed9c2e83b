"""Parts of a process that run beside each other, and how they end."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

from cli.errors import CommandFailed
from streams.worker import Stalled, Worker

__all__ = ["supervised", "worker_draining"]

_DRAIN_S: Final = 20.0


@asynccontextmanager
async def supervised(*parts: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run parts beside what is inside; the first that ends or fails ends everything."""
    inside = asyncio.current_task()
    if inside is None:
        raise RuntimeError("supervision needs a task")
    tasks = [asyncio.create_task(part) for part in parts]
    ended: list[asyncio.Task[None]] = []

    def end(task: "asyncio.Task[None]") -> None:
        if not task.cancelled():
            ended.append(task)
            inside.cancel()

    for task in tasks:
        task.add_done_callback(end)
    try:
        yield
    except asyncio.CancelledError:
        if not ended:
            raise
        inside.uncancel()
    finally:
        for task in tasks:
            task.remove_done_callback(end)
            task.cancel()
        # However a part takes being told to stop, the rest must be closed.
        await asyncio.wait(tasks, timeout=_DRAIN_S)
    if ended:
        error = ended[0].exception()
        raise error or CommandFailed("a part ended by itself")


async def worker_draining(worker: Worker) -> None:
    """Run the worker; being cancelled lets it finish what it has folded."""
    stop = asyncio.Event()
    running = asyncio.create_task(worker.run(stop), name="worker")
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        done, _ = await asyncio.wait({running}, timeout=_DRAIN_S / 2)
        if not done:
            running.cancel()
        raise
    except Stalled as error:
        raise CommandFailed(f"the worker stands still: {error}") from error
    raise CommandFailed("the worker ended by itself")
