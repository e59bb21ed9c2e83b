"""A file whose lock makes one process the owner of a directory."""

import fcntl
import os
import time
from typing import Final

__all__ = ["Owned", "held_by", "take"]

_LONGEST_PID: Final = 20
_RETRY_S: Final = 0.1


class Owned(RuntimeError):
    """Somebody else holds the lock.

    Attributes:
        holder: Process that wrote itself into the file; None if none did.
    """

    def __init__(self, holder: int | None) -> None:
        super().__init__(f"held by process {holder}")
        self.holder = holder


def take(lock_fd: int, *, patience_s: float) -> None:
    """Lock an open file; the kernel releases it with the last process that has it open.

    Args:
        patience_s: How long to wait for what a dead owner's children still hold;
            a living owner is never waited for.

    Raises:
        Owned: it could not be had.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _written_pid(lock_fd)
            owner_lives = holder is None or _lives(holder)
            if owner_lives or time.monotonic() >= deadline:
                raise Owned(holder) from error
            time.sleep(_RETRY_S)
        else:
            return


def held_by(lock_fd: int, pid: int) -> None:
    """Write the owner into the locked file."""
    os.ftruncate(lock_fd, 0)
    os.pwrite(lock_fd, f"{pid}\n".encode(), 0)


def _written_pid(lock_fd: int) -> int | None:
    text = os.pread(lock_fd, _LONGEST_PID, 0).strip()
    return int(text) if text.isdigit() else None


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
