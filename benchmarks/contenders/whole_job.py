"""Strata's worker, all agents on, until the last offset of every topic is committed."""

import asyncio
import logging
import resource
import sys

import structlog

from benchmarks.contenders.task import Result, Stopwatch, Task, answer, asked
from benchmarks.contenders.working import worker_of
from schemas import topics
from streams.batches import RecordBatch

_POLL_S = 0.05


async def measured(task: Task) -> Result:
    """Run a worker on what lies in the topics."""
    async with worker_of(task) as worker:
        watch = Stopwatch()
        fold = worker.duties.profiles.handle

        async def timed(batch: RecordBatch) -> None:
            if batch.topic == topics.INTERACTIONS:
                watch.start()
            await fold(batch)

        worker.duties.profiles.handle = timed  # type: ignore[method-assign]  # a stopwatch
        stop = asyncio.Event()
        running = asyncio.create_task(worker.run(stop))
        try:
            while not running.done():
                await asyncio.sleep(_POLL_S)
                counts = worker.duties.profiles.counts
                if watch.started and counts["folded"] >= task.events and not await worker.lag():
                    return watch.result(
                        counts["folded"],
                        writes=counts["writes"],
                        applied=worker.duties.statistics.counts["applied"],
                        peak_mb=_peak_mb(),
                    )
            await running
            raise RuntimeError("the worker ended")
        finally:
            stop.set()
            await running


def _peak_mb() -> float:
    """Most memory that this process has had at once; its child that learns not included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main() -> None:
    logging.basicConfig(level=logging.WARNING)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    answer(asyncio.run(measured(asked())))


if __name__ == "__main__":
    main()
