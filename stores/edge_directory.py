"""The directory of an embedded Qdrant: one process at a time.

Measured: opening a segment a second time fails *and* breaks every later flush
of the one that has it open. Hence a lock of our own, taken before anything is
opened; the kernel releases it with the process, however that ends.
"""

import fcntl
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
        directory.mkdir(parents=True, exist_ok=True)
        lock = (directory / f"{namespace}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise StoreInUse(
                f"{directory} is open in another process; several processes need a Qdrant server"
            ) from None
        try:
            opened = [
                EdgePoints.open(one, directory / f"{namespace}_{one.name}_v1")
                for one in collections
            ]
        except BaseException:
            lock.close()
            raise
        return cls(lock, opened)

    async def flush(self) -> None:
        for points in self.collections:
            await points.flush()

    async def close(self) -> None:
        for points in self.collections:
            await points.close()
        self._lock.close()
