"""Directories of embedded segments: written beside the old one, then put in its place.

At every moment one whole segment can be told apart: under its own name, or, where a process
died between two renames, under the name of what was to replace it.
"""

import os
import shutil
from pathlib import Path

__all__ = ["draft_of", "settled", "swapped_in"]


def draft_of(directory: Path) -> Path:
    """Where a new segment is written; nothing there is whole."""
    return directory.with_name(f"{directory.name}.draft-{os.getpid()}")


def swapped_in(draft: Path, directory: Path) -> None:
    """Put a whole draft in the place of a directory that nobody has open, and delete that one."""
    written, old = _written(directory), _old(directory)
    draft.rename(written)
    directory.rename(old)
    written.rename(directory)
    _synced(directory.parent)
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


def _written(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.written")


def _old(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.old")


def _synced(parent: Path) -> None:
    """Renames survive a loss of power only once their directory is on the disk."""
    handle = os.open(parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
