"""A connection to Redis: scripts, pipelines, and which errors mean "try again"."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha1
from typing import Final, cast

import msgspec
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TryAgainError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from profiles.ports import StoreUnavailable
from stores.errors import StoreFull
from stores.redis_reads import PipelinedReads, ReadRefused

__all__ = [
    "Argument",
    "Command",
    "RedisConnection",
    "Reply",
    "Script",
    "packed_text",
    "scanned",
    "script_command",
]

Argument = bytes | str | int
Command = tuple[Argument, ...]
# A script of somebody runs on, too few replicas, no quorum: redis-py has no classes for these.
_PASSING: Final = frozenset({"BUSY", "NOREPLICAS", "CLUSTERDOWN"})

Reply = bytes | int | None | list["Reply"] | dict[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script, sent once and then named by its digest."""

    source: str
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 because that is how Redis names scripts.
        object.__setattr__(self, "digest", sha1(self.source.encode()).hexdigest())  # noqa: S324


def script_command(
    script: Script, *, keys: Sequence[bytes], arguments: Sequence[Argument] = ()
) -> Command:
    return ("EVALSHA", script.digest, len(keys), *keys, *arguments)


def scanned(reply: Reply | tuple[int, list[bytes]]) -> tuple[int, list[bytes]]:
    """Where the scan goes on, and the keys found, of an answer to SCAN."""
    if not isinstance(reply, list | tuple) or len(reply) != 2:
        raise TypeError("SCAN answers with a cursor and keys")
    cursor, keys = reply
    if not isinstance(cursor, bytes | int) or not isinstance(keys, list):
        raise TypeError("SCAN answers with a cursor and keys")
    return int(cursor), [key for key in keys if isinstance(key, bytes)]


def packed_text(content: bytes) -> msgspec.Raw:
    """Bytes as MessagePack's str: Redis's Lua library knows no bin type, and asks for no UTF-8."""
    size = len(content)
    if size < 1 << 5:
        return msgspec.Raw(bytes((0xA0 | size,)) + content)
    if size < 1 << 8:
        return msgspec.Raw(bytes((0xD9, size)) + content)
    return msgspec.Raw(b"\xdb" + size.to_bytes(4, "big") + content)


class RedisConnection:
    """A pool of connections to one Redis. Keys and values are bytes.

    Commands are not repeated here: one whose answer was lost may have been
    applied, and only the caller can tell.
    """

    def __init__(self, url: str, *, timeout_s: float) -> None:
        self._redis = Redis.from_url(
            url,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._reads = (
            PipelinedReads(url, timeout_s=timeout_s) if PipelinedReads.can_read(url) else None
        )

    async def read(self, command: Sequence[bytes]) -> Reply:
        """The answer to one command that changes nothing, on the shortest way there is."""
        if self._reads is not None:
            try:
                # As RESP2 says it, which has no other types.
                return cast("Reply", await self._reads.ask(command))
            except ReadRefused:
                # The other way knows what each error means, and how it is mended.
                pass
        (reply,) = await self.send([tuple(command)])
        return reply

    async def run(self, script: Script, command: Command) -> Reply:
        """Run one call of a script (`script_command`)."""
        (reply,) = await self.run_in_order([script], [command])
        return reply

    async def run_in_order(
        self, scripts: Sequence[Script], commands: Sequence[Command]
    ) -> list[Reply]:
        """Run calls of these scripts in one round trip, on one connection.

        Where Redis had to learn one of them, all calls are made again.
        """
        replies = await self._attempt(commands)
        if any(isinstance(reply, NoScriptError) for reply in replies):
            await self.send([("SCRIPT", "LOAD", script.source) for script in scripts])
            replies = await self._attempt(commands)
        return _without_errors(replies)

    async def send(self, commands: Sequence[Command], *, atomic: bool = False) -> list[Reply]:
        """Send commands in one round trip; `atomic` lets no other client in between."""
        return _without_errors(await self._attempt(commands, atomic=atomic))

    async def close(self) -> None:
        if self._reads is not None:
            self._reads.close()
        await self._redis.aclose()

    async def _attempt(
        self, commands: Sequence[Command], *, atomic: bool = False
    ) -> list[Reply | Exception]:
        if not commands:
            return []
        with _translated():
            if len(commands) == 1 and not atomic:
                # Nothing to gather: a lookup is one command, and a pipeline for it costs half as
                # much again.
                try:
                    send = self._redis.execute_command
                    # redis-py does not say its types.
                    return [await send(*commands[0])]  # type: ignore[no-untyped-call]
                except ResponseError as error:
                    return [error]
            async with self._redis.pipeline(transaction=atomic) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                replies: list[Reply | Exception] = await pipeline.execute(raise_on_error=False)
                return replies


def _without_errors(replies: list[Reply | Exception]) -> list[Reply]:
    passed: list[Reply] = []
    with _translated():
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
            passed.append(reply)
    return passed


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (AuthenticationError, AuthorizationError):
        raise
    except OutOfMemoryError as error:
        raise StoreFull(f"Redis has no memory left: {error}") from error
    except (
        RedisConnectionError,
        RedisTimeoutError,
        ReadOnlyError,
        TryAgainError,
        MasterDownError,
    ) as error:
        raise StoreUnavailable(f"Redis does not answer: {error}") from error
    except ResponseError as error:
        code = str(error).partition(" ")[0]
        if code in _PASSING:
            raise StoreUnavailable(f"Redis cannot answer now: {error}") from error
        if code == "MISCONF":
            raise StoreFull(f"Redis cannot write to its disk: {error}") from error
        raise
