"""A TCP proxy between a client and a server, which fails in the ways in which networks fail."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Final

__all__ = ["Proxy", "Trouble", "proxied"]

_CHUNK: Final = 65_536
_HOST: Final = "127.0.0.1"


class Trouble(Enum):
    """What becomes of connections.

    Attributes:
        NONE: Everything passes.
        SLOW: Each piece of an answer comes late by `Proxy.delay_s`.
        REFUSING: Connections are reset, and new ones too.
        CUT: An answer ends in the middle: half of its first piece, then a reset.
        UNANSWERED: Requests arrive and are applied; no answer ever comes.
    """

    NONE = auto()
    SLOW = auto()
    REFUSING = auto()
    CUT = auto()
    UNANSWERED = auto()


class Proxy:
    """Passes bytes on, as long as there is no trouble. Trouble reaches open connections too.

    Attributes:
        port: Where clients connect.
        trouble: In force from the next piece or connection on, if set with `meet`.
        met: How often each trouble struck, so that a test does not pass without any.
    """

    def __init__(self, server_port: int, *, names_itself: bool = False) -> None:
        """Nothing listens yet.

        Args:
            names_itself: Answers hold the server's own address, as Kafka's do, in place of
                which clients are given the proxy's.
        """
        self._server_port = server_port
        self._names_itself = names_itself
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.trouble = Trouble.NONE
        self.delay_s = 0.3
        self.met = dict.fromkeys(Trouble, 0)

    async def listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._connected, _HOST, 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    def meet(self, trouble: Trouble) -> None:
        """From now on; what was left unanswered never is, so peace begins with new connections."""
        ended = self.trouble
        self.trouble = trouble
        if trouble is Trouble.REFUSING or ended is Trouble.UNANSWERED:
            self.reset_all()

    def reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _connected(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        if self.trouble is Trouble.REFUSING:
            self.met[Trouble.REFUSING] += 1
            _reset(to_client)
            return
        try:
            from_server, to_server = await asyncio.open_connection(_HOST, self._server_port)
        except OSError:
            _reset(to_client)
            return
        both = {to_client, to_server}
        self._open |= both
        try:
            passing = (
                asyncio.ensure_future(self._requests(from_client, to_server)),
                asyncio.ensure_future(self._answers(from_server, to_client)),
            )
            await asyncio.wait(passing, return_when=asyncio.FIRST_COMPLETED)
            for task in passing:
                task.cancel()
            await asyncio.gather(*passing, return_exceptions=True)
        finally:
            self._open -= both
            for writer in both:
                _reset(writer)

    async def _requests(
        self, from_client: asyncio.StreamReader, to_server: asyncio.StreamWriter
    ) -> None:
        while piece := await from_client.read(_CHUNK):
            to_server.write(piece)
            await to_server.drain()

    async def _answers(
        self, from_server: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        while piece := await from_server.read(_CHUNK):
            self.met[self.trouble] += 1
            match self.trouble:
                case Trouble.UNANSWERED:
                    continue
                case Trouble.CUT:
                    to_client.write(piece[: len(piece) // 2])
                    await to_client.drain()
                    return
                case Trouble.SLOW:
                    await asyncio.sleep(self.delay_s)
            to_client.write(self._renamed(piece))
            await to_client.drain()

    def _renamed(self, piece: bytes) -> bytes:
        if not self._names_itself:
            return piece
        host = _HOST.encode()
        there, here = (host + struct.pack(">i", port) for port in (self._server_port, self.port))
        return piece.replace(there, here)


def _reset(writer: asyncio.StreamWriter) -> None:
    """At once, and without the farewell by which an orderly end is known."""
    writer.transport.abort()


@asynccontextmanager
async def proxied(server_port: int, *, names_itself: bool = False) -> AsyncIterator[Proxy]:
    """A proxy in this event loop."""
    proxy = Proxy(server_port, names_itself=names_itself)
    server = await proxy.listen()
    try:
        yield proxy
    finally:
        server.close()
        proxy.reset_all()
        await server.wait_closed()
