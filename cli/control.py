"""Asking the process that runs the stack for what only it can do, as it owns the stores.

A Unix socket in a directory that only its owner may enter: who may use it is whom the system
lets read the data anyway. One request per connection, one JSON object a line.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec
import structlog

from cli.errors import CommandFailed
from cli.failures import line_of, record_bug

__all__ = ["Handler", "Progress", "ask", "control_opened"]

_log = structlog.get_logger(__name__)

_LONGEST_LINE: Final = 1 << 20

Progress = Callable[[int, int], None]
"""Told how much is done, and of how much."""

Handler = Callable[[Mapping[str, str], Progress], Awaitable[str]]
"""Does what is asked and says what came of it, in one line."""


class _Request(msgspec.Struct, frozen=True, kw_only=True):
    do: str
    arguments: dict[str, str]


class _Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Any number with `progress`, then one with another."""

    progress: tuple[int, int] | None = None
    done: str | None = None
    failed: str | None = None


_requests: Final = msgspec.json.Decoder(_Request)
_answers: Final = msgspec.json.Decoder(_Answer)


@asynccontextmanager
async def control_opened(handlers: Mapping[str, Handler]) -> AsyncIterator[Path]:
    """Answer requests until the end; yields the socket's path."""
    answering: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            answering.add(task)
            task.add_done_callback(answering.discard)
        with suppress(ConnectionError):
            try:
                await _answer(reader, writer, handlers)
            finally:
                writer.close()
                await writer.wait_closed()

    # Not in the data directory: the path of a socket has 107 bytes at most.
    with tempfile.TemporaryDirectory(prefix="strata-control-") as directory:
        path = Path(directory) / "socket"
        server = await asyncio.start_unix_server(connected, path, limit=_LONGEST_LINE)
        try:
            yield path
        finally:
            server.close()
            for task in answering:
                task.cancel()
            if answering:
                await asyncio.wait(answering)


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handlers: Mapping[str, Handler]
) -> None:
    def tell(answer: _Answer) -> None:
        writer.write(msgspec.json.encode(answer) + b"\n")

    try:
        request = _requests.decode(await reader.readline())
        handler = handlers[request.do]
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        tell(_Answer(failed=f"not a request that this Strata knows: {error}"))
        await writer.drain()
        return
    try:
        told = await handler(request.arguments, lambda done, of: tell(_Answer(progress=(done, of))))
    except Exception as error:  # noqa: BLE001 - whoever asked gets it; the stack goes on
        line = str(error) if isinstance(error, CommandFailed) else line_of(error)
        if line is None:
            record_bug(error)
            line = f"stopped by a bug, recorded by the running stack: {type(error).__name__}"
        tell(_Answer(failed=line))
    else:
        tell(_Answer(done=told))
    await writer.drain()


async def ask(socket: Path, do: str, arguments: Mapping[str, str], *, progress: Progress) -> str:
    """Have it done; returns what the handler says.

    Raises:
        CommandFailed: it could not be done, or nobody answers any more.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(socket, limit=_LONGEST_LINE)
    except OSError as error:
        raise CommandFailed("the running stack does not answer") from error
    try:
        writer.write(msgspec.json.encode(_Request(do=do, arguments=dict(arguments))) + b"\n")
        while line := await reader.readline():
            answer = _answers.decode(line)
            if answer.progress is not None:
                progress(*answer.progress)
            elif answer.failed is not None:
                raise CommandFailed(answer.failed)
            elif answer.done is not None:
                return answer.done
    except ConnectionError as error:
        raise CommandFailed("the running stack has ended meanwhile") from error
    finally:
        writer.close()
    raise CommandFailed("the running stack has ended meanwhile")
