"""Serving HTTP inside an event loop that somebody else runs."""

import asyncio
import errno
import socket
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from typing import Any, Final, cast

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from lookup.errors import PortInUse
from lookup.problems import PROBLEM_MEDIA_TYPE
from schemas.views import Problem

__all__ = ["Serving", "serve"]

_GRACE_S: Final = 5
_BACKLOG: Final = 2048
_PATIENCE_S: Final = 10.0


class _Server(uvicorn.Server):
    """Leaves the signals to whoever owns the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


_NO_REQUEST: Final = Problem(
    type="about:blank",
    title="Bad Request",
    status=400,
    detail="this is no HTTP request, or one with a head that is too large",
    instance="",
).model_dump_json()


class _Impatient(H11Protocol):
    """Ends connections whose next request does not come, or comes by drops.

    uvicorn's own timeout is for connections that are silent between two requests; one byte
    ends it. Bodies have a limit of their own (`lookup.edge`).

    Args:
        patience_s: From one answer, or from the connection, to the head of the next request.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience_s: float,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience_s = patience_s
        self._giving_up: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it so
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is answered as everything else that is wrong."""
        del msg
        head = h11.Response(
            status_code=400,
            headers=[("content-type", PROBLEM_MEDIA_TYPE), ("connection", "close")],
        )
        for event in (head, h11.Data(data=_NO_REQUEST.encode()), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event))
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watched()

    def _watch(self) -> None:
        if self._is_answering():
            self._watched()
        elif self._giving_up is None:
            self._giving_up = self.loop.call_later(self._patience_s, self._give_up)

    def _watched(self) -> None:
        if self._giving_up is not None:
            self._giving_up.cancel()
            self._giving_up = None

    def _give_up(self) -> None:
        self._giving_up = None
        if not self._is_answering():
            self.transport.close()

    def _is_answering(self) -> bool:
        # None until the first request, whatever the type says.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete


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


async def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8700,
    *,
    patience_s: float = _PATIENCE_S,
) -> Serving:
    """Start serving; returns when connections are accepted.

    Signal handlers and the logging configuration are left as they are.

    Args:
        port: 0 for any free one.
        patience_s: A connection is closed if the head of its next request takes longer; > 0.

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
        http=cast("type[asyncio.Protocol]", partial(_Impatient, patience_s=patience_s)),
        ws="none",
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
