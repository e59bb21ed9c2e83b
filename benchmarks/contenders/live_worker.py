"""Strata's worker, all agents on, until stdin ends; says `READY` once it owns its partitions."""

import asyncio
import logging
import sys

import structlog

from benchmarks.contenders.task import READY, Task, asked
from benchmarks.contenders.working import worker_of


async def run(task: Task) -> None:
    """Work until whoever started this closes the pipe, or has ended."""
    told = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(told), sys.stdin
    )
    async with worker_of(task) as worker:
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        ready = asyncio.create_task(worker.ready.wait())
        ending = asyncio.create_task(told.read())
        await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            sys.stdout.write(f"{READY}\n")
            sys.stdout.flush()
        await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await running


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(run(asked()))


if __name__ == "__main__":
    main()
