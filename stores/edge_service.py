"""The process that keeps Qdrant's segments for another, its parent.

Qdrant's segment holds Python's lock while it stores. In a process of its own that stops nobody,
and the writer of profiles has a core for itself.

Run as `python -m stores.edge_service SOCKET PARENT`: a descriptor, and the number of a process.

It serves whoever holds the other end of the socket, by `stores.edge_wire`, and ends when that end
is closed: with its parent, whatever that dies of. What it was asked for until then it finishes.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from stores.edge_directory import EdgeDirectory
from stores.edge_wire import Answer, Asked, Failure, Opening, framed, next_frame, raw
from stores.points import Points

_opening = msgspec.msgpack.Decoder(Opening)
_asked = msgspec.msgpack.Decoder(Asked)


async def serve(connected: socket.socket, *, owner: int) -> None:
    """Open what the first frame says, and answer requests until the other end is closed."""
    reader, writer = await asyncio.open_unix_connection(sock=connected)
    first = await next_frame(reader)
    if first is None:
        return
    opening = _opening.decode(first)
    try:
        directory = EdgeDirectory.open(
            Path(opening.directory),
            namespace=opening.namespace,
            collections=opening.collections,
            owner=owner,
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side is told
        writer.write(framed(Answer(0, _failure(error))))
        await writer.drain()
        return
    writer.write(framed(Answer(0)))
    answering: set[asyncio.Task[None]] = set()
    while (frame := await next_frame(reader)) is not None:
        asked = _asked.decode(frame)
        # Tasks begin in the order in which they are made, so requests are in order too.
        task = asyncio.create_task(_answer(directory.collections, asked, writer))
        answering.add(task)
        task.add_done_callback(answering.discard)
    await asyncio.gather(*answering)
    await directory.close()


async def _answer(
    collections: Sequence[Points], asked: Asked, writer: asyncio.StreamWriter
) -> None:
    try:
        body = raw(await asked.request.answered_by(collections[asked.collection]))
        answer = Answer(asked.number, None, body)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other side raises it
        answer = Answer(asked.number, _failure(error))
    if not writer.is_closing():
        writer.write(framed(answer))


def _failure(error: Exception) -> Failure:
    return Failure(type(error).__name__, str(error))


def main() -> None:
    # A terminal's signals go to all of its processes; this one ends after its parent.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    connected = socket.socket(fileno=int(sys.argv[1]))
    # Told, not asked for: a parent that is dead by now has left us to another.
    asyncio.run(serve(connected, owner=int(sys.argv[2])))


if __name__ == "__main__":
    main()
