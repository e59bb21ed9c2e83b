"""Strata's worker, all agents on, until the last offset of every topic is committed."""

import asyncio
import logging
import resource
import sys
from pathlib import Path

import structlog

from benchmarks.contenders.task import Result, Stopwatch, Task, answer, asked
from profiles.privacy.pseudonyms import secret_of
from schemas import topics
from stores.connect import open_profile_stores, open_redis
from streams.batches import RecordBatch
from streams.embedding import HashingEmbedder
from streams.erasing import ErasingOptions
from streams.learners import LearnerSpec
from streams.worker import Stores, Worker, WorkerOptions

_TEXT_DIMENSION = 128
_POLL_S = 0.05


async def measured(task: Task) -> Result:
    """Run a worker on what lies in the topics."""
    profiles = await open_profile_stores(
        f"edge://{task.directory}/qdrant",
        namespace=task.name,
        dimension=_TEXT_DIMENSION,
        space_dimension=LearnerSpec().dimension,
    )
    live = await open_redis(task.redis_url, namespace=task.name, partitions=task.partitions)
    try:
        worker = Worker(
            stores=Stores(
                users=profiles.users,
                items=profiles.items,
                control=profiles.control,
                personas=profiles.personas,
                passages=profiles.passages,
                cache=live.cache,
                aggregates=live.aggregates,
                flush=profiles.flush,
                erasures=profiles.erasures,
                rewrite=profiles.rewrite,
            ),
            embedder=HashingEmbedder(_TEXT_DIMENSION),
            options=WorkerOptions(
                erasing=ErasingOptions(secret=secret_of("of the benchmark")),
                bootstrap=task.bootstrap,
                directory=Path(task.directory) / "faust",
                group=task.name,
                partitions=task.partitions,
                flush_interval_s=float(task.options.get("flush_interval_s", 0.25)),
                dirty_users=int(task.options.get("dirty_users", 5_000)),
                users_in_memory=int(task.options.get("users_in_memory", 50_000)),
            ),
        )
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
    finally:
        await live.close()
        await profiles.close()


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
