"""The files of embedded segments: their log, and a new segment put in an old one's place.

At every moment one whole segment can be told apart: under its own name, or, where a process
died between two renames, under the name of what was to replace it.

Beside its segments a directory of qdrant-edge has a log of the operations since they were
flushed (`wal`), which is read and carried out anew when it is opened. Each file of it is a memory
map, which on Linux `fdatasync` writes as it writes everything else of a file.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

__all__ = ["LOG", "draft_of", "log_synced", "settled", "swapped_in"]

LOG = "wal"
_DRAFT = "tmp-"
"""Of the log's next file, which holds nothing yet."""


def draft_of(directory: Path) -> Path:
    """Where a new segment is written; nothing there is whole."""
    return directory.with_name(f"{directory.name}.draft-{os.getpid()}")


def swapped_in(draft: Path, directory: Path) -> None:
    """Put a whole draft in the place of a directory that nobody has open, and delete that one."""
    written, old = _written(directory), _old(directory)
    draft.rename(written)
    directory.rename(old)
    written.rename(directory)
    # Renames survive a loss of power only once their directory is on the disk.
    _to_disk(directory.parent, os.fsync)
    shutil.rmtree(old)


def settled(directory: Path) -> None:
    """Finish, or undo, what a process that died was putting in place."""
    written, old = _written(directory), _old(directory)
    if written.exists():
        if directory.exists():
            # It may have been written to since: the old one counts.
            shutil.rmtree(written)
        else:
            written.rename(directory)
    for left in (old, *directory.parent.glob(f"{directory.name}.draft-*")):
        if left.exists():
            shutil.rmtree(left)


def log_synced(directory: Path) -> None:
    """Return when the log is on the disk, as it is now; nothing may write to it meanwhile.

    Raises:
        OSError: the disk failed. What was written may be lost, whatever a next call says.
    """
    log = directory / LOG
    for file in log.iterdir():
        if not file.name.startswith(_DRAFT):
            _to_disk(file, os.fdatasync)
    # A file of the log may be new, or have been renamed.
    _to_disk(log, os.fsync)


def _written(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.written")


def _old(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.old")


def _to_disk(path: Path, sync: Callable[[int], None]) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        sync(handle)
    finally:
        os.close(handle)
