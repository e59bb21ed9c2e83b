"""One file that holds points of collections and what belongs to them: the format of a backup.

A line that names the format, then a gzip stream of frames: the head, pages, models, and an end
with the digest of all that came before. So a file that was cut off or changed anywhere is
refused as a whole, and so is what is no backup at all.
"""

import gzip
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self, cast

import msgspec
import numpy as np

from profiles.documents.words import SparseVector
from stores.points import NO_WORDS, Payload, Point, PointId, Stored, vector_of

__all__ = [
    "ArchiveWriter",
    "ArchivedModels",
    "ArchivedPoint",
    "Head",
    "Page",
    "UnusableArchive",
    "checked",
    "frames_of",
]

_NAME: Final = b"strata backup "
_FORMAT: Final = 3
# The format before differs in the states of users, which are read in either format.
_READ: Final = (2, _FORMAT)
_LONGEST_NAME: Final = 64
_LARGEST_FRAME: Final = 1 << 30
_LENGTH: Final = struct.Struct(">I")
_COMPRESSION: Final = 3
_FLOAT_BYTES: Final = 4


class UnusableArchive(ValueError):
    """The file is no backup, not whole, or of another format; the message says which."""


class Head(msgspec.Struct, frozen=True, kw_only=True, tag="head"):
    """What was backed up.

    Attributes:
        created_ms: When it was begun, since the epoch.
        namespace: Of the stores it was copied from.
        partitions: Of the user-keyed topics.
        embedding_model: Whose vectors the items and passages have.
        dimension: Of item vectors.
        space_dimension: Of user vectors.
        cluster: Id of the Kafka that the offsets belong to.
        offsets: Next offset by topic and partition; what came before is in the copy.
    """

    created_ms: int
    namespace: str
    partitions: int
    embedding_model: str
    dimension: int
    space_dimension: int
    cluster: str
    offsets: dict[str, dict[int, int]]


class ArchivedPoint(msgspec.Struct, frozen=True, array_like=True):
    """A point; `vector` is float32 little-endian, `words` are indices and values."""

    id: PointId
    vector: bytes
    payload: Payload
    words: tuple[tuple[int, ...], tuple[float, ...]] = ((), ())

    def __post_init__(self) -> None:
        indices, values = self.words
        if len(self.vector) % _FLOAT_BYTES or len(indices) != len(values):
            raise ValueError("a point has parts that do not fit together")

    @classmethod
    def of(cls, stored: Stored) -> Self:
        return cls(
            stored.id,
            vector_of(stored).astype("<f4").tobytes(),
            stored.payload,
            (stored.words.indices, stored.words.values),
        )

    def point(self, *, payload: Payload | None = None) -> Point:
        """As it was, or with another payload."""
        indices, values = self.words
        return Point(
            self.id,
            np.frombuffer(self.vector, "<f4").astype(np.float32),
            self.payload if payload is None else payload,
            SparseVector(indices, values) if indices else NO_WORDS,
        )


class Page(msgspec.Struct, frozen=True, kw_only=True, tag="page"):
    """Points of one collection."""

    collection: str
    points: list[ArchivedPoint]


class ArchivedModels(msgspec.Struct, frozen=True, kw_only=True, tag="models"):
    """What was learned of a tenant and is in force."""

    tenant: str
    bodies: list[bytes]


class _End(msgspec.Struct, frozen=True, kw_only=True, tag="end"):
    counts: dict[str, int]
    digest: bytes


Frame = Head | Page | ArchivedModels
_decoder: Final = msgspec.msgpack.Decoder(Head | Page | ArchivedModels | _End)


class ArchiveWriter:
    """Writes beside the file it is meant to be, and puts it there when all is written.

    Use as a context; an exception inside leaves nothing behind. The file is readable for its
    owner alone, because it holds what people did and wrote.

    Attributes:
        counts: Points written, by collection.
        size_bytes: Of the finished file.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.draft-{os.getpid()}")
        self._head = head
        self._digest = blake2b(digest_size=32)
        self.counts: dict[str, int] = {}
        self.size_bytes = 0

    def __enter__(self) -> Self:
        descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._file.write(b"%s%d\n" % (_NAME, _FORMAT))
        self._stream = gzip.GzipFile(
            filename="", mode="wb", compresslevel=_COMPRESSION, fileobj=self._file, mtime=0
        )
        self.write(self._head)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self._write(_End(counts=self.counts, digest=self._digest.digest()))
                self._stream.close()
                self._file.flush()
                os.fsync(self._file.fileno())
                self.size_bytes = self._file.tell()
                self._draft.replace(self._path)
        finally:
            self._file.close()
            self._draft.unlink(missing_ok=True)

    def write(self, frame: Frame) -> None:
        """Add a frame; blocks for as long as compressing it takes."""
        if isinstance(frame, Page):
            self.counts[frame.collection] = self.counts.get(frame.collection, 0) + len(frame.points)
        self._write(frame)

    def _write(self, frame: Frame | _End) -> None:
        body = msgspec.msgpack.encode(frame)
        self._digest.update(body)
        self._stream.write(_LENGTH.pack(len(body)))
        self._stream.write(body)


def checked(path: Path) -> tuple[Head, Mapping[str, int]]:
    """Read the file to its end: its head, and how many points of each collection it holds.

    Raises:
        UnusableArchive: see there.
        OSError: it cannot be read.
    """
    head: Head | None = None
    counts: dict[str, int] = {}
    for frame in frames_of(path):
        if isinstance(frame, Head):
            head = frame
        elif isinstance(frame, Page):
            counts[frame.collection] = counts.get(frame.collection, 0) + len(frame.points)
    if head is None:
        raise UnusableArchive(f"{path} has no head")
    return head, counts


def frames_of(path: Path) -> Iterator[Frame]:
    """All frames in order; raises as `checked`, at the latest after the last one."""
    with path.open("rb") as file:
        _require_format(file, path)
        digest = blake2b(digest_size=32)
        counts: dict[str, int] = {}
        try:
            with gzip.GzipFile(fileobj=file, mode="rb") as stream:
                while True:
                    body = _frame(cast("IO[bytes]", stream))
                    frame = _decoder.decode(body)
                    if isinstance(frame, _End):
                        if (frame.digest, frame.counts) != (digest.digest(), counts):
                            raise UnusableArchive(f"{path} is damaged: its checksum is another")
                        if stream.read(1):
                            raise UnusableArchive(f"{path} is damaged: something follows its end")
                        return
                    digest.update(body)
                    if isinstance(frame, Page):
                        at = frame.collection
                        counts[at] = counts.get(at, 0) + len(frame.points)
                    yield frame
        except EOFError as error:
            raise UnusableArchive(f"{path} is cut off: it ends before its end") from error
        except (gzip.BadGzipFile, zlib.error, msgspec.DecodeError, ValueError) as error:
            if isinstance(error, UnusableArchive):
                raise
            raise UnusableArchive(f"{path} is damaged: {error}") from error


def _require_format(file: IO[bytes], path: Path) -> None:
    first = file.readline(_LONGEST_NAME)
    if not first.startswith(_NAME):
        raise UnusableArchive(f"{path} is no backup of Strata")
    found = first.removeprefix(_NAME).strip()
    if found not in [b"%d" % number for number in _READ]:
        raise UnusableArchive(
            f"{path} is a backup of format {found.decode(errors='replace')}, "
            f"and this Strata reads format {' and '.join(map(str, _READ))}"
        )


def _frame(stream: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    if length > _LARGEST_FRAME:
        raise ValueError("a frame is longer than any that is written")
    return _exactly(stream, length)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    body = stream.read(size)
    if len(body) < size:
        raise EOFError
    return body
