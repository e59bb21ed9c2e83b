"""The directory of an embedded Qdrant: one process at a time.

Measured: opening a segment a second time fails *and* breaks every later flush
of the one that has it open. Hence a lock of our own, taken before anything is
opened; the kernel releases it with the process, however that ends.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final

from stores.errors import StoreInUse
from stores.locking import Owned, held_by, take
from stores.points import Collection
from stores.qdrant_edge import EdgePoints

__all__ = ["EdgeDirectory"]

_PATIENCE_S: Final = 15.0


class EdgeDirectory:
    """The collections of one namespace: one subdirectory each, named like on a server."""

    def __init__(self, lock: IO[str], collections: list[EdgePoints]) -> None:
        self._lock = lock
        self.collections = collections

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        namespace: str,
        collections: Sequence[Collection],
        owner: int | None = None,
    ) -> "EdgeDirectory":
        """Lock the directory, then load or create what is in it.

        Args:
            owner: Process for which it is opened, whose death ends this one; this one itself
                by default. What is left of a dead owner is waited for, a living one is not.

        Raises:
            StoreInUse: another process has it open.
        """
        lock = _locked(directory, namespace, owner=os.getpid() if owner is None else owner)
        try:
            opened = [
                EdgePoints.open(one, _place(directory, namespace, one.name)) for one in collections
            ]
        except BaseException:
            lock.close()
            raise
        return cls(lock, opened)

    @staticmethod
    def drop(directory: Path, *, namespace: str, names: Sequence[str]) -> None:
        """Delete these collections of a namespace; those that are not there are gone already.

        Raises:
            StoreInUse: a process has it open.
        """
        with _locked(directory, namespace, owner=os.getpid()):
            for name in names:
                stored = _place(directory, namespace, name)
                if stored.exists():
                    shutil.rmtree(stored)

    async def flush(self) -> None:
        for points in self.collections:
            await points.flush()

    async def close(self) -> None:
        for points in self.collections:
            await points.close()
        self._lock.close()


def _place(directory: Path, namespace: str, name: str) -> Path:
    return directory / f"{namespace}_{name}_v1"


def _locked(directory: Path, namespace: str, *, owner: int) -> IO[str]:
    directory.mkdir(parents=True, exist_ok=True)
    # Not emptied by opening: it names who has it.
    lock = (directory / f"{namespace}.lock").open("a+")
    try:
        take(lock.fileno(), patience_s=_PATIENCE_S)
    except Owned as error:
        lock.close()
        raise StoreInUse(
            f"{directory} is open in another process; several processes need a Qdrant server"
        ) from error
    held_by(lock.fileno(), owner)
    return lock
