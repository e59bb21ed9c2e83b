"""Kept-alive HTTP/1.1 connections to our own services, cheaper than what asks anybody's.

A general client takes as long to ask as the service to answer, on the same processors.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self, cast
from urllib.parse import urlsplit

__all__ = ["Answer", "Connection", "Pool"]

_PORT: Final = 80
_LENGTH: Final = b"\r\ncontent-length:"

Answer = tuple[int, bytes]
"""Status and body."""


class Connection(asyncio.Protocol):
    """One question at a time; no more of HTTP than these services speak."""

    def __init__(self) -> None:
        """Not connected yet: see `opened`."""
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._answered: asyncio.Future[Answer] | None = None
        # Where the body begins and where it ends; 0 before its head is there.
        self._body_at = self._end = 0

    @classmethod
    async def opened(cls, url: str) -> Self:
        """Raises OSError."""
        parts = urlsplit(url)
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(cls, parts.hostname or "", parts.port or _PORT)
        return made

    async def ask(self, path: str, body: bytes | None = None) -> Answer:
        """GET, or POST of JSON.

        Raises:
            OSError, EOFError: the connection ended, or was never one.
        """
        if self._transport is None or self._transport.is_closing():
            raise EOFError("the connection has ended")
        if body is None:
            said = b"GET %b HTTP/1.1\r\nhost: localhost\r\n\r\n" % path.encode()
        else:
            said = (
                b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%b"
            ) % (path.encode(), len(body), body)
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(said)
        return await self._answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(exc or EOFError("the connection has ended"))

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        if not self._end:
            head_end = received.find(b"\r\n\r\n")
            if head_end < 0:
                return
            head = bytes(received[: head_end + 2]).lower()
            at = head.index(_LENGTH) + len(_LENGTH)
            self._body_at = head_end + 4
            self._end = self._body_at + int(head[at : head.index(b"\r\n", at)])
        if len(received) < self._end:
            return
        answer = int(received[9:12]), bytes(received[self._body_at : self._end])
        received.clear()
        self._end = 0
        if self._answered is not None and not self._answered.done():
            self._answered.set_result(answer)


class Pool:
    """As many connections as questions are asked at a time.

    Args:
        most: Further ones wait their turn; ≥ 1.
    """

    def __init__(self, url: str, *, most: int) -> None:
        self._url = url
        self._idle: list[Connection] = []
        self._turn = asyncio.Semaphore(most)

    async def ask(self, path: str, body: bytes | None = None) -> Answer:
        """As `Connection.ask`, by whichever was used last."""
        async with self._turn:
            connection = self._idle.pop() if self._idle else await Connection.opened(self._url)
            try:
                answer = await connection.ask(path, body)
            except BaseException:
                connection.close()
                raise
            self._idle.append(connection)
            return answer

    @classmethod
    @asynccontextmanager
    async def opened(cls, url: str, *, most: int) -> AsyncIterator[Self]:
        """Closed at the end."""
        pool = cls(url, most=most)
        try:
            yield pool
        finally:
            for connection in pool._idle:
                connection.close()
