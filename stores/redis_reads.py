"""Reads of Redis over one connection, each sent at once, whatever is under way.

Redis answers in the order in which it was asked, so nobody needs a connection of their own. A
client that lends connections takes several times as long to lend one, to wait with a timeout and to
take it back as Redis does to answer, and a lookup is little else.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

import hiredis

from profiles.ports import StoreUnavailable

__all__ = ["PipelinedReads", "ReadRefused"]

_PORT: Final = 6379
_GRACE_S: Final = 0.05


class ReadRefused(Exception):
    """Redis answered with an error, or cannot be talked to in this way: ask by another."""


class PipelinedReads:
    """Reads of the Redis at a `redis://` address; connects when first asked, and again when cut.

    Args:
        timeout_s: An answer that is not there by then cuts the connection for all who wait; > 0.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._address = urlsplit(url)
        self._timeout_s = timeout_s
        self._connected: _Pipeline | None = None
        self._connecting: asyncio.Lock = asyncio.Lock()

    @staticmethod
    def can_read(url: str) -> bool:
        """Whether the address says no more than this knows: no TLS, no options."""
        parts = urlsplit(url)
        return parts.scheme == "redis" and not parts.query

    async def ask(self, command: Sequence[bytes]) -> object:
        """The answer to a command that changes nothing.

        Raises:
            ReadRefused: it is an error, or there is no connection to be had.
            StoreUnavailable: it did not come.
        """
        connected = self._connected
        if connected is None or connected.lost:
            connected = await self._opened()
        answer = await connected.ask(command)
        if isinstance(answer, hiredis.HiredisError):
            raise ReadRefused(str(answer))
        return answer

    def close(self) -> None:
        if self._connected is not None:
            self._connected.cut("it was closed")

    async def _opened(self) -> "_Pipeline":
        async with self._connecting:
            if self._connected is not None and not self._connected.lost:
                return self._connected
            loop = asyncio.get_running_loop()
            host = self._address.hostname or "localhost"
            try:
                async with asyncio.timeout(self._timeout_s):
                    _, made = await loop.create_connection(
                        lambda: _Pipeline(loop, self._timeout_s), host, self._address.port or _PORT
                    )
                    for command in _greeting(self._address):
                        answer = await made.ask(command)
                        if isinstance(answer, hiredis.HiredisError):
                            made.cut("it was refused")
                            raise ReadRefused(str(answer))
            except (OSError, TimeoutError, StoreUnavailable) as error:
                raise ReadRefused(str(error)) from error
            self._connected = made
            return made


def _greeting(address: SplitResult) -> list[tuple[bytes, ...]]:
    """What is said first on a connection."""
    said: list[tuple[bytes, ...]] = []
    if address.password:
        user = (unquote(address.username).encode(),) if address.username else ()
        said.append((b"AUTH", *user, unquote(address.password).encode()))
    database = address.path.strip("/")
    if database and database != "0":
        said.append((b"SELECT", database.encode()))
    return said


class _Pipeline(asyncio.Protocol):
    """One connection, and who waits for its answers, in their order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
        self._loop = loop
        self._timeout_s = timeout_s
        self._reader = hiredis.Reader()
        # With the time at which each was asked.
        self._waiting: deque[tuple[asyncio.Future[object], float]] = deque()
        self._transport: asyncio.Transport | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._looked_again = False
        self.lost = False

    async def ask(self, command: Sequence[bytes]) -> object:
        """Raises StoreUnavailable."""
        if self._transport is None or self.lost:
            raise StoreUnavailable("Redis does not answer: the connection is lost")
        answered: asyncio.Future[object] = self._loop.create_future()
        self._waiting.append((answered, self._loop.time()))
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._look)
        # Its stub takes a tuple of one.
        self._transport.write(hiredis.pack_command(tuple(command)))  # type: ignore[arg-type]
        return await answered

    def cut(self, reason: str) -> None:
        """End the connection; whoever still waits is told why."""
        self.lost = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._transport is not None:
            self._transport.abort()
        while self._waiting:
            answered, _ = self._waiting.popleft()
            if not answered.done():
                answered.set_exception(StoreUnavailable(f"Redis does not answer: {reason}"))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is no subclass.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.cut("the connection is lost" if exc is None else repr(exc))

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while (answer := self._reader.gets()) is not False:
                answered, _ = self._waiting.popleft()
                # Who asked may have gone; the answer is theirs all the same.
                if not answered.done():
                    answered.set_result(answer)
        except (hiredis.ProtocolError, IndexError) as error:
            self.cut(f"it answers with something else: {error!r}")

    def _look(self) -> None:
        """Whether the one who waits longest has waited for too long."""
        self._watch = None
        if not self._waiting:
            self._looked_again = False
            return
        left_s = self._waiting[0][1] + self._timeout_s - self._loop.time()
        if left_s <= 0 and not self._looked_again:
            # After a stall of this process timers come before what has long arrived.
            self._looked_again = True
            self._watch = self._loop.call_later(_GRACE_S, self._look)
        elif left_s <= 0:
            self.cut(f"nothing came within {self._timeout_s:g} s")
        else:
            self._looked_again = False
            self._watch = self._loop.call_later(left_s, self._look)
