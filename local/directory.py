"""The data directory and the lock that makes one process its owner."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from local.disk import full_disk_named
from local.errors import DataDirectoryBusy, DataDirectoryUnusable
from stores.locking import Owned, held_by, take


class DataDirectory:
    """A directory that nobody else has open, for as long as this object is not closed.

    The lock belongs to the open file and is inherited by the guardians of the children
    (`local.guardian`), so the directory stays taken until the last child has really ended,
    even when the owner was killed.
    """

    def __init__(self, path: Path, lock_fd: int) -> None:
        """Not for callers: use `lock`."""
        self.path = path
        self._lock_fd: int | None = lock_fd

    @classmethod
    def lock(cls, path: Path, *, patience_s: float = 15.0) -> Self:
        """Create the directory if needed and become its owner.

        Args:
            path: Becomes absolute; parents are created.
            patience_s: How long to wait for the children of an owner that is already dead;
                a living owner is never waited for.

        Raises:
            DataDirectoryBusy: somebody else is its owner.
            DataDirectoryUnusable: it cannot be created or written.
            DiskFull: there is no space even for the lock.
        """
        try:
            with full_disk_named(path):
                path = path.resolve()
                path.mkdir(parents=True, exist_ok=True)
                lock_fd = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise DataDirectoryUnusable(path, error.strerror or str(error)) from error
        try:
            take(lock_fd, patience_s=patience_s)
            with full_disk_named(path):
                held_by(lock_fd, os.getpid())
        except Owned as error:
            os.close(lock_fd)
            raise DataDirectoryBusy(path, error.holder) from error
        except BaseException:
            os.close(lock_fd)
            raise
        return cls(path, lock_fd)

    def fileno(self) -> int:
        """The descriptor that carries the lock.

        Raises:
            ValueError: the directory is closed.
        """
        if self._lock_fd is None:
            raise ValueError(f"data directory {self.path} is closed")
        return self._lock_fd

    def close(self) -> None:
        """Give the directory up. Closing again changes nothing."""
        if self._lock_fd is not None:
            os.close(self._lock_fd)
            self._lock_fd = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
