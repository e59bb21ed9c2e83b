"""The directory of an embedded Qdrant: one process at a time.

Measured: opening a segment a second time fails *and* breaks every later flush
of the one that has it open. Hence a lock of our own, taken before anything is
opened; the kernel releases it with the process, however that ends.
"""

import fcntl
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from stores.errors import StoreInUse
from stores.points import Collection
from stores.qdrant_edge import EdgePoints

__all__ = ["EdgeDirectory"]


class EdgeDirectory:
    """The collections of one namespace: one subdirectory each, named like on a server."""

    def __init__(self, lock: IO[str], collections: list[EdgePoints]) -> None:
        self._lock = lock
        self.collections = collections

    @classmethod
    def open(
        cls, directory: Path, *, namespace: str, collections: Sequence[Collection]
    ) -> "EdgeDirectory":
        """Lock the directory, then load or create what is in it.

        Raises:
            StoreInUse: another process has it open.
        """
        lock = _locked(directory, namespace)
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
        with _locked(directory, namespace):
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


def _locked(directory: Path, namespace: str) -> IO[str]:
    directory.mkdir(parents=True, exist_ok=True)
    lock = (directory / f"{namespace}.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise StoreInUse(
            f"{directory} is open in another process; several processes need a Qdrant server"
        ) from None
    return lock
