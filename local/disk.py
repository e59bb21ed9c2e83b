"""Recognising a full disk before, while and after something is written."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import DiskFull

MINIMUM_FREE_BYTES = 512 * 2**20
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_FULL_IN_WORDS = (
    "No space left on device",
    "Disk quota exceeded",
    # Redis's word for a disk that took a part of what it wrote.
    "Short write while writing to the AOF file",
)


def free_bytes(path: Path) -> int:
    """Space that this user may still fill where `path` is or will be created."""
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    return shutil.disk_usage(existing).free


def require_free_space(path: Path, *, minimum_bytes: int) -> None:
    """Refuse to start what would soon fail.

    Raises:
        DiskFull: fewer than `minimum_bytes` are free.
    """
    free = free_bytes(path)
    if free < minimum_bytes:
        raise DiskFull(path, free_bytes=free, needed_bytes=minimum_bytes)


def is_full(error: OSError) -> bool:
    """Whether this is the error of a disk or quota without space."""
    return error.errno in _FULL


def says_full(text: str) -> bool:
    """Whether a log speaks of a full disk, in the words of strerror(3) or of Redis."""
    return any(words in text for words in _FULL_IN_WORDS)


@contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Turn the ENOSPC of any write inside into one clear line.

    Raises:
        DiskFull: a write found no space.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise DiskFull(path, free_bytes=free_bytes(path)) from error
