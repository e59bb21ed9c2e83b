"""A worker in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

# Imported when first used, which takes seconds that the first round of publishing pays for.
import sklearn.cluster
import sklearn.metrics  # noqa: F401

from profiles.nextitem.settings import Settings
from profiles.privacy.pseudonyms import secret_of
from streams.erasing import ErasingOptions
from streams.learning import LearningOptions
from streams.worker import LIVE, Stores, Worker, WorkerOptions
from write_side.declared import DECLARED
from write_side.ground import Ground, Opened, embedder
from write_side.offsets import Offsets
from write_side.quiet import until_quiet

__all__ = ["Running", "learning", "options_of", "running"]


@dataclass(frozen=True, slots=True)
class Running:
    ground: Ground
    opened: Opened
    worker: Worker
    task: "asyncio.Task[None]"
    data_policy: int = 0

    async def until_quiet(self, *, timeout_s: float = 150.0, learned: bool = True) -> Offsets:
        """Args as of `write_side.quiet.until_quiet`."""
        return await until_quiet(
            self.ground,
            self.opened,
            timeout_s=timeout_s,
            worker=self.task,
            learned=learned,
            data_policy=self.data_policy,
        )


def options_of(ground: Ground) -> WorkerOptions:
    return WorkerOptions(
        erasing=ErasingOptions(secret=secret_of("of the tests"), rewrite_after_s=0.5),
        bootstrap=ground.bootstrap,
        directory=Path(ground.directory) / "faust",
        group=ground.namespace,
        partitions=ground.partitions,
        cadence=replace(LIVE, publish_s=0.3),
        declared=DECLARED,
        # How good the models are is not the question here, and making them so takes its time.
        next_item=Settings(most_personas=4, fitted_predictions=200),
    )


def learning(*, learns: bool) -> LearningOptions:
    """The default, or what nobody ever learns under."""
    return LearningOptions() if learns else LearningOptions(least_users=1_000_000_000)


@asynccontextmanager
async def running(
    ground: Ground,
    opened: Opened,
    *,
    options: WorkerOptions | None = None,
    stores: Stores | None = None,
) -> AsyncIterator[Running]:
    """A worker that is stopped, and must stop without an error, at the end."""
    options = options or options_of(ground)
    worker = Worker(stores=stores or opened.for_worker(), embedder=embedder(), options=options)
    stop = asyncio.Event()
    task = asyncio.create_task(worker.run(stop))
    try:
        yield Running(ground, opened, worker, task, options.data_policy.version)
    finally:
        stop.set()
        async with asyncio.timeout(30):
            await task
