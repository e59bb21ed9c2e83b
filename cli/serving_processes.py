"""`strata serve` by several processes: uvicorn's supervisor over one listening socket.

Each process is what one process would be, with stores, memory and metrics of its own; the kernel
gives each connection to one of them. The supervisor starts one anew that dies, replaces them one
by one at SIGHUP, and ends when one cannot start.
"""

import asyncio
import multiprocessing
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import structlog
from prometheus_client import multiprocess
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from cli.composition import Addresses, server_addresses, stores_opened, vector_dimension
from cli.errors import CommandFailed
from cli.failures import line_of
from cli.logs import configure_logs
from cli.processes import lookup_opened
from cli.settings import Settings, load_settings
from cli.starting import Starting
from cli.working import supervised
from lookup.loops import collect_seldom, run
from lookup.server import configured, listen, url_of

__all__ = ["serve_by_processes", "served_app"]

_log = structlog.get_logger(__name__)

_APP: Final = "cli.serving_processes:served_app"
_COUNTED: Final = "PROMETHEUS_MULTIPROC_DIR"
# A process imports for seconds before it can say anything; on a busy machine for many.
_SILENT_S: Final = 60


class _Supervisor(Multiprocess):
    """Tells once when all processes serve."""

    def __init__(self, processes: int, listener: socket.socket, ready: Callable[[], None]) -> None:
        config = configured(_APP, processes=processes)
        config.timeout_worker_healthcheck = _SILENT_S
        super().__init__(config, [listener])
        self._ready: Callable[[], None] | None = ready

    def keep_subprocess_alive(self) -> None:
        before = {process.pid for process in self.processes}
        super().keep_subprocess_alive()
        for pid in before - {process.pid for process in self.processes}:
            if pid is not None:
                # What it was in the middle of is over.
                multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]
        if self._ready is not None and all(process.is_ready() for process in self.processes):
            self._ready()
            self._ready = None

    @property
    def failed(self) -> bool:
        """Whether it ended because a process could not start."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)


def serve_by_processes(
    settings: Settings,
    addresses: Addresses,
    *,
    processes: int,
    ready: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM, which are passed on and waited for.

    Raises:
        PortInUse: another program listens there.
        CommandFailed: a process cannot start; it has said why.
        StoreUnavailable, …: a store cannot be opened.
    """
    # One line now, instead of one from each process.
    run(_openable(settings, addresses))
    listener = listen(settings.http_host, settings.http_port)
    url = url_of(settings.http_host, listener.getsockname()[1])
    counted = tempfile.mkdtemp(prefix="strata-metrics-")
    # The processes read it before anything is counted.
    os.environ[_COUNTED] = counted
    try:
        supervisor = _Supervisor(processes, listener, partial(ready, url))
        supervisor.run()
    finally:
        listener.close()
        shutil.rmtree(counted, ignore_errors=True)
    if supervisor.failed:
        raise CommandFailed("a process of the service could not start; see above")


async def _openable(settings: Settings, addresses: Addresses) -> None:
    dimension = await vector_dimension(settings.embedding_model)
    starting = Starting(patience_s=settings.start_patience_s)
    async with stores_opened(settings, addresses, dimension=dimension, starting=starting):
        pass


def served_app() -> "ServedApp":
    """What uvicorn makes in each process."""
    settings = load_settings()
    configure_logs(level=settings.log_level or "info", form=settings.log_format)
    return ServedApp(settings)


class ServedApp:
    """The service, opened and closed when ASGI's lifespan says so."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._app is not None:
            await self._app(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with AsyncExitStack() as opened:
            try:
                addresses = server_addresses(self._settings, command="serve", needs_kafka=False)
                app, keeping_up = await opened.enter_async_context(
                    lookup_opened(self._settings, addresses)
                )
            except Exception as error:
                line = line_of(error)
                if line is None:
                    raise
                _log.error("the service cannot start", error=line)
                await send({"type": "lifespan.startup.failed", "message": line})
                return
            watching = asyncio.create_task(_until_over(keeping_up))
            watching.add_done_callback(_end)
            self._app = app
            collect_seldom()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})


async def _until_over(keeping_up: Coroutine[Any, Any, None]) -> None:
    """Run what keeps the service up to date, until it or the parent is gone.

    Raises:
        CommandFailed: the parent is gone.
        Whatever the other ended by.
    """
    gone = asyncio.Event()
    parent = multiprocessing.parent_process()
    if parent is not None:
        asyncio.get_running_loop().add_reader(parent.sentinel, gone.set)
    async with supervised(keeping_up, _raising(gone)):
        await asyncio.Event().wait()


async def _raising(gone: asyncio.Event) -> None:
    await gone.wait()
    raise CommandFailed("the process that started this one is gone")


def _end(watching: "asyncio.Task[None]") -> None:
    """End this process in order, as its supervisor would."""
    if watching.cancelled():
        return
    error = watching.exception()
    if isinstance(error, CommandFailed):
        _log.error("the service cannot go on", error=str(error))
    else:
        _log.error("the service cannot go on", exc_info=error)
    signal.raise_signal(signal.SIGTERM)
