"""Kept-alive HTTP/1.1 connections to our own services, cheaper than what asks anybody's.

A general client takes as long to ask as the service to answer, on the same processors.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Self
from urllib.parse import urlsplit

__all__ = ["Answer", "Connection", "Pool"]

_LENGTH: Final = b"\r\ncontent-length:"

Answer = tuple[int, bytes]
"""Status and body."""


class Connection:
    """One question at a time; no more of HTTP than these services speak."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def opened(cls, url: str) -> Self:
        """Raises OSError."""
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def ask(self, path: str, body: bytes | None = None) -> Answer:
        """GET, or POST of JSON.

        Raises:
            OSError, EOFError: the connection ended, or was never one.
        """
        if body is None:
            self._writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        else:
            said = (
                f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
                f"content-length: {len(body)}\r\n\r\n"
            )
            self._writer.write(said.encode() + body)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        at = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[at : head.index(b"\r\n", at)])
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


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
