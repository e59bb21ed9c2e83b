"""The file by which commands find the stack that runs in a data directory."""

import fcntl
import os
from pathlib import Path
from typing import Final

import msgspec

from cli.errors import NotRunning

__all__ = ["RunningStack", "announce", "find_running", "withdraw"]

_FILE: Final = "running.json"


class RunningStack(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of a running stack are, and how they were set.

    Attributes:
        pid: Of the process that owns the data directory.
        http_url: Of its lookup service.
        control: Path of the socket by which it can be asked (`cli.control`).
    """

    pid: int
    kafka_bootstrap: str
    redis_url: str
    qdrant_url: str
    http_url: str
    namespace: str
    partitions: int
    group: str
    embedding_model: str
    control: str = ""


_decoder = msgspec.json.Decoder(RunningStack)


def announce(directory: Path, stack: RunningStack) -> None:
    """Leave the addresses in the data directory, readable for its owner alone."""
    partial = directory / f"{_FILE}.partial"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(stack)))
    partial.replace(directory / _FILE)


def withdraw(directory: Path) -> None:
    """Take the addresses away again."""
    (directory / _FILE).unlink(missing_ok=True)


def find_running(directory: Path) -> RunningStack:
    """The stack that runs in a data directory.

    Raises:
        NotRunning: none does, or it was killed and left its file behind.
    """
    advice = "run `strata up`, or say where the servers are (STRATA_URL, STRATA_KAFKA_BOOTSTRAP)"
    try:
        stack = _decoder.decode((directory / _FILE).read_bytes())
    except FileNotFoundError:
        raise NotRunning(f"no stack is running in {directory}: {advice}") from None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotRunning(f"{directory / _FILE} cannot be read ({error}): {advice}") from error
    if not _is_owned(directory, stack.pid):
        raise NotRunning(f"the stack of {directory} has ended without notice: {advice}")
    return stack


def _is_owned(directory: Path, pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # Somebody has that number; it is the owner if the directory is locked.
    try:
        descriptor = os.open(directory / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)
