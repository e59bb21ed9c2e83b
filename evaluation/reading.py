"""Event files in protocol order."""

import gzip
import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Final

from evaluation.errors import UnreadableEvents
from schemas.decoded import Document, FastEvent
from schemas.fast import decode
from schemas.rejection import Rejection

__all__ = ["in_protocol_order", "lines_of", "read_events", "read_line"]

# The end of year 9999: a file is read long after its events, and no clock is consulted.
_RECEIVED_MS: Final = 253_402_300_799_999


def lines_of(path: Path) -> Iterator[tuple[int, bytes]]:
    """Lines of a `.jsonl` or `.jsonl.gz` file that are not blank, numbered from 1.

    Raises:
        UnreadableEvents: the file is missing, or is not what its name says.
    """
    try:
        with _open(path) as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.rstrip(b"\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableEvents(f"{path}: {error}") from error


def read_line(path: Path, number: int, line: bytes) -> FastEvent:
    """The event in a line.

    Raises:
        UnreadableEvents: it is none.
    """
    event = decode(line, received_ms=_RECEIVED_MS)
    if isinstance(event, Rejection):
        raise UnreadableEvents(f"{path}:{number}: {event.reason.value}: {event.detail}")
    return event


def read_events(path: Path) -> list[FastEvent]:
    """The events of a `.jsonl` or `.jsonl.gz` file, in file order.

    Raises:
        UnreadableEvents: no such file, a line that is no event, or events of several tenants.
    """
    events: list[FastEvent] = []
    for number, line in lines_of(path):
        event = read_line(path, number, line)
        if events and event.tenant != events[0].tenant:
            raise UnreadableEvents(f"{path}:{number}: a second tenant, {event.tenant!r}")
        events.append(event)
    return events


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    return gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")


def in_protocol_order(events: list[FastEvent]) -> Iterator[FastEvent]:
    """By time, documents after everything else of their instant, then as in the file.

    A reason is written with its preference and carries the same time; it must not be seen
    before the preference is predicted.
    """
    return iter(
        sorted(events, key=lambda event: (event.occurred_at_ms, isinstance(event, Document)))
    )
