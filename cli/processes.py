"""Long-running commands: from start to an orderly end."""

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Final

import msgspec
from fastapi import FastAPI

from cli.backing_up import back_up
from cli.composition import (
    Addresses,
    LocalServers,
    OpenStores,
    compose_worker,
    load_embedder,
    stores_opened,
    vector_dimension,
)
from cli.control import Progress, control_opened
from cli.declarations import read_declarations
from cli.hosting import Hosting, answering_over
from cli.observing import Observing, metrics_served
from cli.query_vectors import QueryVectors, already_loaded
from cli.running import RunningStack, announce, withdraw
from cli.service import service_opened
from cli.settings import Settings
from cli.starting import Door, Starting
from cli.working import supervised, worker_draining
from lookup.answering import Answering
from lookup.loops import collect_seldom
from lookup.queries import Lookup
from lookup.server import Serving, serve
from stores.connect import open_versions
from streams.topics import ensure_topics
from streams.worker import Worker

__all__ = [
    "Everything",
    "everything_running",
    "lookup_opened",
    "run_lookup",
    "run_until_stopped",
    "run_worker",
    "stopped_by_signal",
]

_CHECK_S: Final = 1.0
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """A worker and a lookup service at work in this process."""

    stack: RunningStack
    lookup: Lookup
    worker: Worker


@contextmanager
def stopped_by_signal() -> Iterator[None]:
    """SIGTERM ends what is inside as Ctrl-C does: by KeyboardInterrupt."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_until_stopped(
    work: Coroutine[Any, Any, None],
    *,
    run: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run,
) -> None:
    """Run `work` in an event loop; SIGINT and SIGTERM cancel it, once, in an orderly way.

    A second signal does not wait any longer.

    Args:
        run: Makes the loop.

    Raises:
        KeyboardInterrupt: a signal ended it.
    """

    async def watched() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        signalled = False

        def stop() -> None:
            nonlocal signalled
            signalled = True
            for number in _STOPPING:
                loop.remove_signal_handler(number)
            if task is not None:
                task.cancel()

        for number in _STOPPING:
            loop.add_signal_handler(number, stop)
        try:
            await work
        except asyncio.CancelledError:
            if not signalled:
                raise
            raise KeyboardInterrupt from None

    run(watched())


@asynccontextmanager
async def everything_running(
    settings: Settings, servers: LocalServers, *, progress: Callable[[str], None]
) -> AsyncIterator["Everything"]:
    """Run worker and lookup in this process; ends what is inside when any part fails.

    The addresses can be found in the data directory meanwhile.

    Raises:
        CommandFailed, LocalStackError, StoreUnavailable, …: why a part failed.
    """
    declarations = read_declarations(settings)
    progress(f"loading the text model {settings.embedding_model}")
    embedder = await load_embedder(settings.embedding_model)
    addresses = servers.addresses
    worker_directory = servers.directory / "worker"
    async with (
        Observing(service="strata") as observing,
        stores_opened(settings, addresses, dimension=embedder.dimension) as stores,
    ):
        worker = compose_worker(
            settings,
            addresses,
            stores,
            embedder=embedder,
            declarations=declarations,
            directory=worker_directory,
            watch=observing.watch(settings.namespace),
        )
        answering = await answering_over(
            settings,
            stores,
            declarations=declarations,
            embed=QueryVectors(already_loaded(embedder)),
        )
        backing_up = partial(_backed_up, settings, addresses, stores, dimension=embedder.dimension)
        async with (
            _hosted(
                settings,
                addresses,
                stores,
                working=True,
                answering=answering,
                directory=worker_directory,
                observing=observing,
            ) as hosting,
            service_opened(
                settings,
                addresses,
                stores,
                answering,
                versions=hosting,
                metrics=observing.http,
                tracing=observing.requests,
            ) as app,
            control_opened(
                {
                    "backup": backing_up,
                    "versions": partial(_followed, hosting),
                    "compare": partial(_compared, hosting),
                }
            ) as control,
        ):
            hosting.has_loaded(settings.embedding_model, embedder)
            serving = await serve(app, settings.http_host, settings.http_port)
            stack = RunningStack(
                pid=os.getpid(),
                kafka_bootstrap=str(addresses.kafka_bootstrap),
                redis_url=addresses.redis_url,
                qdrant_url=addresses.qdrant_url,
                http_url=serving.url,
                namespace=settings.namespace,
                partitions=settings.partitions,
                group=settings.consumer_group,
                embedding_model=settings.embedding_model,
                control=str(control),
            )
            try:
                async with supervised(
                    _children_checked(servers), worker_draining(worker), serving.wait()
                ):
                    progress("waiting for the worker to take its partitions")
                    await worker.ready.wait()
                    await hosting.follow()
                    async with supervised(hosting.run()):
                        announce(servers.directory, stack)
                        yield Everything(stack=stack, lookup=answering.lookup, worker=worker)
            finally:
                withdraw(servers.directory)
                await serving.stop()
                await answering.lookup.close()


@asynccontextmanager
async def _hosted(
    settings: Settings,
    addresses: Addresses,
    stores: OpenStores,
    *,
    working: bool,
    answering: Answering | None,
    directory: Path,
    observing: Observing,
) -> AsyncIterator[Hosting]:
    """Versions beside the first one, which are followed by `Hosting.follow` and `Hosting.run`."""
    versions = await open_versions(addresses.qdrant_url, namespace=settings.namespace)
    try:
        hosting = Hosting(
            settings,
            addresses,
            versions,
            working=working,
            answering=answering is not None,
            directory=directory,
            watch=observing.watch,
        )
        if answering is not None:
            hosting.answer_first(answering, stores)
        try:
            yield hosting
        finally:
            await hosting.close()
    finally:
        await versions.close()


async def _followed(hosting: Hosting, _arguments: Mapping[str, str], _progress: Progress) -> str:
    await hosting.follow()
    return "followed"


async def _compared(hosting: Hosting, arguments: Mapping[str, str], progress: Progress) -> str:
    """A `Comparison`, as JSON."""
    found = await hosting.compare(arguments["name"], progress=progress)
    return msgspec.json.encode(found).decode()


async def _backed_up(
    settings: Settings,
    addresses: Addresses,
    stores: OpenStores,
    arguments: Mapping[str, str],
    progress: Progress,
    *,
    dimension: int,
) -> str:
    path = Path(arguments["path"])
    return await back_up(
        settings, addresses, stores, dimension=dimension, path=path, progress=progress
    )


async def run_worker(
    settings: Settings, addresses: Addresses, *, ready: Callable[[str], None]
) -> None:
    """Run one worker against servers until it fails or this is cancelled.

    A server that is away is waited for, as long as the settings say.

    Args:
        ready: Told where the worker's metrics can be read.
    """
    declarations = read_declarations(settings)
    embedder = await load_embedder(settings.embedding_model)
    starting = Starting(patience_s=settings.start_patience_s)
    working: list[Worker] = []
    with tempfile.TemporaryDirectory(prefix="strata-worker-") as directory:
        async with (
            Observing(service="strata-worker") as observing,
            metrics_served(
                settings,
                observing.http.registry,
                ready=lambda: any(worker.ready.is_set() for worker in working),
                waiting_for=lambda: starting.waiting_for,
            ) as metrics_url,
            stores_opened(
                settings, addresses, dimension=embedder.dimension, starting=starting
            ) as stores,
        ):
            await starting.reached(
                "Kafka",
                partial(ensure_topics, addresses.kafka_bootstrap, partitions=settings.partitions),
            )
            worker = compose_worker(
                settings,
                addresses,
                stores,
                embedder=embedder,
                declarations=declarations,
                directory=Path(directory),
                watch=observing.watch(settings.namespace),
            )
            working.append(worker)
            async with (
                _hosted(
                    settings,
                    addresses,
                    stores,
                    working=True,
                    answering=None,
                    directory=Path(directory),
                    observing=observing,
                ) as hosting,
                supervised(worker_draining(worker)),
            ):
                await worker.ready.wait()
                hosting.has_loaded(settings.embedding_model, embedder)
                await hosting.follow()
                async with supervised(hosting.run()):
                    ready(metrics_url)
                    await asyncio.Event().wait()


@asynccontextmanager
async def lookup_opened(
    settings: Settings, addresses: Addresses, *, starting: Starting | None = None
) -> AsyncIterator[tuple[FastAPI, Coroutine[Any, Any, None]]]:
    """The service over servers, and what keeps it up to date for as long as it serves.

    Args:
        starting: Waits for servers that are away; as the settings say without it.

    Raises:
        CommandFailed, StoreUnavailable, …: why it cannot be opened.
    """
    declarations = read_declarations(settings)
    dimension = await vector_dimension(settings.embedding_model)
    starting = starting or Starting(patience_s=settings.start_patience_s)
    async with (
        Observing(service="strata-lookup") as observing,
        stores_opened(settings, addresses, dimension=dimension, starting=starting) as stores,
    ):
        answering = await answering_over(
            settings,
            stores,
            declarations=declarations,
            embed=QueryVectors(partial(load_embedder, settings.embedding_model)),
        )
        async with (
            _hosted(
                settings,
                addresses,
                stores,
                working=False,
                answering=answering,
                directory=Path(),
                observing=observing,
            ) as hosting,
            service_opened(
                settings,
                addresses,
                stores,
                answering,
                versions=hosting,
                metrics=observing.http,
                tracing=observing.requests,
                starting=starting,
            ) as app,
        ):
            await hosting.follow()
            try:
                yield app, hosting.run()
            finally:
                await answering.lookup.close()


async def run_lookup(
    settings: Settings, addresses: Addresses, *, ready: Callable[[str], None]
) -> None:
    """Serve lookups from servers until the service fails or this is cancelled.

    While servers are waited for, the address answers that they are.
    """
    starting = Starting(patience_s=settings.start_patience_s)
    door = Door(starting)
    serving: Serving = await serve(door, settings.http_host, settings.http_port)
    try:
        async with lookup_opened(settings, addresses, starting=starting) as (app, keeping_up):
            door.opens(app)
            collect_seldom()
            try:
                async with supervised(keeping_up, serving.wait()):
                    ready(serving.url)
                    await asyncio.Event().wait()
            finally:
                # Before what it answers from is closed.
                await serving.stop()
    finally:
        await serving.stop()


async def _children_checked(servers: LocalServers) -> None:
    while True:
        await asyncio.sleep(_CHECK_S)
        servers.check()
