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

from cli.backing_up import back_up
from cli.composition import (
    Addresses,
    LocalServers,
    OpenStores,
    compose_documents,
    compose_lookup,
    compose_worker,
    load_embedder,
    stores_opened,
    vector_dimension,
)
from cli.control import Progress, control_opened
from cli.declarations import read_declarations
from cli.errors import CommandFailed
from cli.query_vectors import QueryVectors, already_loaded
from cli.running import RunningStack, announce, withdraw
from cli.service import service_opened
from cli.settings import Settings
from lookup.queries import Lookup
from lookup.server import Serving, serve
from streams.worker import Stalled, Worker

__all__ = [
    "Everything",
    "everything_running",
    "run_lookup",
    "run_until_stopped",
    "run_worker",
    "stopped_by_signal",
]

_CHECK_S: Final = 1.0
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM)
_DRAIN_S: Final = 20.0


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


def run_until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run `work` in an event loop; SIGINT and SIGTERM cancel it, once, in an orderly way.

    A second signal does not wait any longer.

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

    asyncio.run(watched())


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
    async with stores_opened(settings, addresses, dimension=embedder.dimension) as stores:
        worker = compose_worker(
            settings,
            addresses,
            stores,
            embedder=embedder,
            declarations=declarations,
            directory=servers.directory / "worker",
        )
        lookup = compose_lookup(settings, stores, declarations=declarations)
        documents = await asyncio.to_thread(
            compose_documents,
            settings,
            stores,
            lookup,
            declarations=declarations,
            embed=QueryVectors(already_loaded(embedder)),
        )
        backing_up = partial(_backed_up, settings, addresses, stores, dimension=embedder.dimension)
        async with (
            service_opened(settings, addresses, stores, lookup, documents=documents) as app,
            control_opened({"backup": backing_up}) as control,
        ):
            serving = await serve(app, settings.http_host, settings.http_port)
            stack = RunningStack(
                pid=os.getpid(),
                kafka_bootstrap=addresses.kafka_bootstrap,
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
                async with _supervised(
                    _children_checked(servers), _worker_draining(worker), serving.wait()
                ):
                    progress("waiting for the worker to take its partitions")
                    await worker.ready.wait()
                    announce(servers.directory, stack)
                    yield Everything(stack=stack, lookup=lookup, worker=worker)
            finally:
                withdraw(servers.directory)
                await serving.stop()
                await lookup.close()


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
    settings: Settings, addresses: Addresses, *, ready: Callable[[], None]
) -> None:
    """Run one worker against servers until it fails or this is cancelled."""
    declarations = read_declarations(settings)
    embedder = await load_embedder(settings.embedding_model)
    with tempfile.TemporaryDirectory(prefix="strata-worker-") as directory:
        async with stores_opened(settings, addresses, dimension=embedder.dimension) as stores:
            worker = compose_worker(
                settings,
                addresses,
                stores,
                embedder=embedder,
                declarations=declarations,
                directory=Path(directory),
            )
            async with _supervised(_worker_draining(worker)):
                await worker.ready.wait()
                ready()
                await asyncio.Event().wait()


async def run_lookup(
    settings: Settings, addresses: Addresses, *, ready: Callable[[str], None]
) -> None:
    """Serve lookups from servers until the service fails or this is cancelled."""
    declarations = read_declarations(settings)
    dimension = await vector_dimension(settings.embedding_model)
    async with stores_opened(settings, addresses, dimension=dimension) as stores:
        lookup = compose_lookup(settings, stores, declarations=declarations)
        documents = await asyncio.to_thread(
            compose_documents,
            settings,
            stores,
            lookup,
            declarations=declarations,
            embed=QueryVectors(partial(load_embedder, settings.embedding_model)),
        )
        async with service_opened(settings, addresses, stores, lookup, documents=documents) as app:
            serving: Serving = await serve(app, settings.http_host, settings.http_port)
            try:
                ready(serving.url)
                await serving.wait()
            finally:
                await serving.stop()
                await lookup.close()


@asynccontextmanager
async def _supervised(*parts: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
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


async def _children_checked(servers: LocalServers) -> None:
    while True:
        await asyncio.sleep(_CHECK_S)
        servers.check()


async def _worker_draining(worker: Worker) -> None:
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
