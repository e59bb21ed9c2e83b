"""Files of events: one JSON object per line, `.jsonl` or `.jsonl.gz`."""

import gzip
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from cli.errors import CommandFailed
from schemas.decoded import FastEvent
from schemas.fast import decode
from schemas.keys import event_key
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.rejection import Reason, Rejection
from schemas.topics import TOPIC_OF

__all__ = ["InvalidLine", "Line", "OutgoingEvent", "lines_of", "outgoing", "size_bytes"]


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is not blank, without its end; cut if it is longer than a record may be."""

    path: Path
    number: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class OutgoingEvent:
    """An event that the stream will accept, and where it belongs."""

    topic: str
    key: bytes
    value: bytes
    event: FastEvent


@dataclass(frozen=True, slots=True)
class InvalidLine:
    """A line that would become a dead letter."""

    line: Line
    rejection: Rejection

    def __str__(self) -> str:
        reason, detail = self.rejection.reason.value, self.rejection.detail
        return f"{self.line.path}:{self.line.number}: {reason}: {detail}"


def lines_of(
    path: Path,
    *,
    limits: Limits = DEFAULT_LIMITS,
    read_bytes: Callable[[int], None] = lambda _: None,
) -> Iterator[Line]:
    """Lines of a file, in bounded memory however long they are.

    Args:
        read_bytes: Told now and then how much of the file on disk has been read.

    Raises:
        CommandFailed: the file cannot be read.
    """
    longest = limits.max_record_bytes + 1
    try:
        with path.open("rb") as stored:
            file: IO[bytes] = (
                gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored  # type: ignore[assignment]
            )
            number = 0
            while raw := file.readline(longest + 1):
                number += 1
                cut = not raw.endswith(b"\n") and len(raw) > longest
                if cut:
                    _skip_rest(file)
                line = raw.rstrip(b"\r\n")
                if line.strip():
                    yield Line(path, number, line)
                if number % 512 == 0:
                    read_bytes(stored.tell())
            read_bytes(stored.tell())
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CommandFailed(f"{path} is a damaged gzip file: {error}") from error
    except OSError as error:
        raise CommandFailed(f"{path} cannot be read: {error.strerror or error}") from error


def size_bytes(path: Path) -> int:
    """Of the file on disk; 0 if that cannot be told."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _skip_rest(file: IO[bytes]) -> None:
    while (more := file.readline(1 << 16)) and not more.endswith(b"\n"):
        pass


def outgoing(line: Line, *, now_ms: int) -> OutgoingEvent | InvalidLine:
    """The line as a record, or why the stream would refuse it when it arrives at `now_ms`."""
    event = decode(line.raw, received_ms=now_ms)
    if isinstance(event, Rejection):
        return InvalidLine(line, event)
    key = event_key(event)
    if not key:
        return InvalidLine(line, Rejection(Reason.INVALID_ID, "the id is empty"))
    return OutgoingEvent(TOPIC_OF[event.type], key, line.raw, event)
