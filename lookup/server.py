"""Serving HTTP inside an event loop that somebody else runs."""

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from lookup.errors import PortInUse

__all__ = ["Serving", "serve"]

_GRACE_S: Final = 5
_BACKLOG: Final = 2048


class _Server(uvicorn.Server):
    """Leaves the signals to whoever owns the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class Serving:
    """A running server; `stop` it.

    Attributes:
        host: As asked for.
        port: The real one, also when 0 was asked for.
    """

    def __init__(
        self, server: uvicorn.Server, task: asyncio.Task[None], *, host: str, port: int
    ) -> None:
        self._server = server
        self._task = task
        self.host = host
        self.port = port

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def stop(self) -> None:
        """Accept nothing more, finish what is under way within 5 s, and return."""
        self._server.should_exit = True
        await self.wait()

    async def wait(self) -> None:
        """Return when the server has stopped; raises what it died of."""
        # Shielded: a cancelled waiter must not take the server along.
        await asyncio.shield(self._task)


async def serve(app: ASGIApp, host: str = "127.0.0.1", port: int = 8700) -> Serving:
    """Start serving; returns when connections are accepted.

    Signal handlers and the logging configuration are left as they are.

    Args:
        port: 0 for any free one.

    Raises:
        PortInUse: another program listens there.
        OSError: the address cannot be bound for another reason.
    """
    listener = _bind(host, port)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="lookup-http")
    while not server.started:
        if task.done():
            listener.close()
            await task
        await asyncio.sleep(0.005)
    return Serving(server, task, host=host, port=listener.getsockname()[1])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off for each
    # connection; without, every answer waits 40 ms for the client's delayed ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(f"{host}:{port} is in use by another program") from error
        raise
    return listener
