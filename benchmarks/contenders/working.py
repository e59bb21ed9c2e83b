"""Strata's worker as contenders run it: all agents on, the state as durable as by default."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from benchmarks.contenders.task import Task
from profiles.privacy.pseudonyms import secret_of
from stores.connect import open_profile_stores, open_redis
from streams.embedding import HashingEmbedder
from streams.erasing import ErasingOptions
from streams.learners import LearnerSpec
from streams.worker import LIVE, UNREAD, Stores, Worker, WorkerOptions

__all__ = ["worker_of"]

_TEXT_DIMENSION: Final = 128


@asynccontextmanager
async def worker_of(task: Task) -> AsyncIterator[Worker]:
    """A worker that is not running yet, over stores that are open for as long as this is.

    Options of the task: `qdrant_url`, its own segment by default; `users_in_memory`; `backfill`, to
    work as `strata replay` does.
    """
    options = task.options
    profiles = await open_profile_stores(
        str(options.get("qdrant_url", f"edge://{task.directory}/qdrant")),
        namespace=task.name,
        dimension=_TEXT_DIMENSION,
        space_dimension=LearnerSpec().dimension,
    )
    live = await open_redis(task.redis_url, namespace=task.name, partitions=task.partitions)
    try:
        yield Worker(
            stores=Stores.over(profiles, live),
            embedder=HashingEmbedder(_TEXT_DIMENSION),
            options=WorkerOptions(
                erasing=ErasingOptions(secret=secret_of("of the benchmark")),
                bootstrap=task.bootstrap,
                directory=Path(task.directory) / "faust",
                group=task.name,
                partitions=task.partitions,
                cadence=UNREAD if options.get("backfill") else LIVE,
                users_in_memory=int(options.get("users_in_memory", 50_000)),
            ),
        )
    finally:
        await live.close()
        await profiles.close()
