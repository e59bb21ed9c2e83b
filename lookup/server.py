"""Serving HTTP inside an event loop that somebody else runs."""

import asyncio
import errno
import math
import socket
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)
from uvicorn.server import ServerState

from lookup.errors import PortInUse
from lookup.problems import PROBLEM_MEDIA_TYPE
from lookup.whole_answers import WHOLE
from schemas.views import Problem

__all__ = ["Impatient", "Serving", "configured", "listen", "serve", "url_of"]

_GRACE_S: Final = 5
_BACKLOG: Final = 2048
_PATIENCE_S: Final = 10.0
# Longer than clients and proxies keep a silent connection (Go's 90 s, nginx' and AWS' 60 s, httpx'
# 5 s): who closes first may close on a request that is under way.
_KEEP_ALIVE_S: Final = 120
_LONGEST_HEAD_BYTES: Final = 65_536
# Some 1 KB/s: who takes less of an answer is not reading it.
_TAKING_S: Final = 30.0
_LEAST_TAKEN_BYTES: Final = 32_768
# Requests in a row that wait for one before them, whose answers nobody can have seen.
_MOST_QUEUED: Final = 100


class _Server(uvicorn.Server):
    """Leaves the signals to whoever owns the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


_REFUSAL: Final = Problem(
    type="about:blank",
    title="Bad Request",
    status=400,
    detail="this is no HTTP request, or one with a head that is too large",
    instance="",
).model_dump_json()
_NO_REQUEST: Final = (
    f"HTTP/1.1 400 Bad Request\r\ncontent-type: {PROBLEM_MEDIA_TYPE}\r\n"
    f"content-length: {len(_REFUSAL)}\r\nconnection: close\r\n\r\n{_REFUSAL}"
).encode()


class Impatient(HttpToolsProtocol):
    """Ends connections that send no head or ask without end, and those that take no answer.

    uvicorn's own timeout is for connections that are silent between two requests; one byte
    ends it, and what is not read keeps a connection for ever. Bodies have a limit of their own
    (`lookup.edge`).

    Args:
        patience_s: From the connection, or from the first byte after an answer, to the end of a
            head.
        taking_s: As long as an answer waits to be taken, 32 KiB of it have to be each time.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        patience_s: float,
        taking_s: float,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._patience_s = patience_s
        self._taking_s = taking_s
        self._looking: asyncio.TimerHandle | None = None
        # Bytes that waited to be taken when that was looked at; infinite once some were taken.
        self._waited_bytes = math.inf
        self._refused = False
        self._giving_up: asyncio.TimerHandle | None = None
        # Of a head that has begun and not ended; None between heads.
        self._head_bytes: int | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn narrows it so
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._head_bytes is not None:
            # The parser would take a head of any length.
            self._head_bytes += len(data)
            if self._head_bytes > _LONGEST_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("")
        if len(self.pipeline) > _MOST_QUEUED:
            # Each answer would have more of them read in, and the queue would grow without end.
            self.transport.abort()
        self._watch()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed is answered as everything else that is wrong."""
        del msg
        self.transport.write(_NO_REQUEST)
        if self._is_answering():
            self.transport.close()
            return
        # Closed at once, what has not been read would reset the connection, and the answer be lost.
        self._refused = True
        self.transport.write_eof()
        self._watch()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.scope["extensions"] = {WHOLE: {"send": partial(_sent_whole, cycle)}}
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.get_write_buffer_size():
            self._look_after()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_after()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._waited_bytes = math.inf

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._watched()
        if self._looking is not None:
            self._looking.cancel()

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

    def _look_after(self) -> None:
        """See from now on whether what is to be sent is taken."""
        self._waited_bytes = math.inf
        if self._looking is None:
            self._looking = self.loop.call_later(self._taking_s, self._look)

    def _look(self) -> None:
        self._looking = None
        waiting_bytes = self.transport.get_write_buffer_size()
        if waiting_bytes > self._waited_bytes - _LEAST_TAKEN_BYTES:
            # Closed, it would wait for its answer to be taken.
            self.transport.abort()
        elif waiting_bytes:
            self._waited_bytes = waiting_bytes
            self._looking = self.loop.call_later(self._taking_s, self._look)

    def _is_answering(self) -> bool:
        # None until the first request, whatever the type says.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete


def _sent_whole(
    cycle: RequestResponseCycle, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> bool:
    """As `RequestResponseCycle.send` would with both messages, but for logs of access.

    See `lookup.whole_answers`.
    """
    if (
        cycle.flow.write_paused
        or cycle.disconnected
        or cycle.response_started
        or not cycle.keep_alive
        or cycle.scope["method"] == "HEAD"
    ):
        return False
    pieces = [STATUS_LINE[status]]
    for name, value in chain(cycle.default_headers, headers):
        pieces += (name, b": ", value, b"\r\n")
    pieces += (b"\r\n", body)
    cycle.response_started = True
    cycle.waiting_for_100_continue = False
    cycle.transport.write(b"".join(pieces))
    cycle.response_complete = True
    cycle.message_event.set()
    cycle.on_response()
    return True


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
        return url_of(self.host, self.port)

    @property
    def connections(self) -> int:
        """That are open now."""
        return len(self._server.server_state.connections)

    async def stop(self) -> None:
        """Accept nothing more, finish what is under way within 5 s, and return."""
        self._server.should_exit = True
        await self.wait()

    async def wait(self) -> None:
        """Return when the server has stopped; raises what it died of."""
        # Shielded: a cancelled waiter must not take the server along.
        await asyncio.shield(self._task)


def configured(
    app: ASGIApp | str,
    *,
    patience_s: float = _PATIENCE_S,
    taking_s: float = _TAKING_S,
    keep_alive_s: int = _KEEP_ALIVE_S,
    processes: int | None = None,
) -> uvicorn.Config:
    """How uvicorn serves an app: with our patience, without logs of its own.

    Args:
        app: Or where a process finds a function that makes it, which then is told by ASGI's
            lifespan when to start and to end.
        keep_alive_s: A connection may be silent for so long after an answer; ≥ 0.
        processes: Which serve it; None for an app in this one.
    """
    return uvicorn.Config(
        app,
        factory=isinstance(app, str),
        lifespan="on" if isinstance(app, str) else "off",
        log_config=None,
        access_log=False,
        server_header=False,
        http=cast(
            "type[asyncio.Protocol]", partial(Impatient, patience_s=patience_s, taking_s=taking_s)
        ),
        ws="none",
        timeout_keep_alive=keep_alive_s,
        timeout_graceful_shutdown=_GRACE_S,
        workers=processes,
    )


async def serve(
    app: ASGIApp,
    host: str = "127.0.0.1",
    port: int = 8700,
    *,
    patience_s: float = _PATIENCE_S,
    taking_s: float = _TAKING_S,
    keep_alive_s: int = _KEEP_ALIVE_S,
) -> Serving:
    """Start serving; returns when connections are accepted.

    Signal handlers and the logging configuration are left as they are.

    Args:
        port: 0 for any free one.
        patience_s: A connection is closed if a head takes longer; > 0.
        taking_s: Or if so much passes in which hardly anything of an answer is taken; > 0.
        keep_alive_s: Or if it is silent for so long after an answer; ≥ 0.

    Raises:
        PortInUse: another program listens there.
        OSError: the address cannot be bound for another reason.
    """
    listener = listen(host, port)
    server = _Server(
        configured(app, patience_s=patience_s, taking_s=taking_s, keep_alive_s=keep_alive_s)
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="lookup-http")
    while not server.started:
        if task.done():
            listener.close()
            await task
        await asyncio.sleep(0.005)
    return Serving(server, task, host=host, port=listener.getsockname()[1])


def url_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        PortInUse: another program listens there.
        OSError: the address cannot be bound for another reason.
    """
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
