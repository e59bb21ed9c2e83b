"""What starting, watching and stopping Kafka and Redis have in common."""

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from local.child import Child
from local.directory import DataDirectory
from local.disk import MINIMUM_FREE_BYTES, require_free_space
from local.errors import PortInUse, StartTimeout
from local.ports import free_port, is_taken

START_TIMEOUT_S = 60.0
_POLL_S = 0.02
_PORT_ATTEMPTS = 5
# Kafka says that it failed to bind to 127.0.0.1:9092: …, Redis that it could not create a
# server TCP listening socket 127.0.0.1:6379: bind: …
_BIND_FAILED = re.compile(r"127\.0\.0\.1:(\d+)\D.*Address already in use")


class Server(ABC):
    """A server on a loopback port, with its files in its own part of a data directory.

    `launch` and `wait_ready` are apart so that several servers can start at the same time.
    """

    name: str

    def __init__(
        self,
        directory: DataDirectory,
        *,
        port: int | None = None,
        minimum_free_bytes: int = MINIMUM_FREE_BYTES,
        start_timeout_s: float = START_TIMEOUT_S,
    ) -> None:
        """Nothing is started yet.

        Args:
            directory: Locked; files go to the folder `name` in it.
            port: A given port is used or refused; without one a free port is found.
            minimum_free_bytes: Space to insist on before starting.
            start_timeout_s: Patience of `wait_ready`; > 0.
        """
        self._directory = directory
        self._given_port = port
        self._minimum_free_bytes = minimum_free_bytes
        self._start_timeout_s = start_timeout_s
        self._port = 0
        self._child: Child | None = None

    @property
    @abstractmethod
    def address(self) -> str:
        """Where clients find it, in the form that they want it."""

    @abstractmethod
    def _prepare(self) -> None:
        """Bring what the command needs into place, once per start."""

    @abstractmethod
    def _command(self, port: int) -> Sequence[str]:
        """The command that listens on this port."""

    @abstractmethod
    def _is_ready(self) -> bool:
        """Whether *this* server, and not a stranger on its port, serves requests."""

    @property
    def path(self) -> Path:
        """Where its files are."""
        return self._directory.path / self.name

    @property
    def port(self) -> int:
        """The port of the running server.

        Raises:
            RuntimeError: it does not run.
        """
        if self._child is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._port

    def start(self) -> str:
        """Start, wait until requests are served and return the address.

        Starting a server that runs changes nothing.

        Raises:
            LocalStackError: as `launch` and `wait_ready`.
        """
        if self._child is None:
            self.launch()
            self.wait_ready()
        return self.address

    def launch(self) -> None:
        """Start the process without waiting for it.

        Raises:
            DiskFull: less than the minimum is free.
            PortInUse: the given port is taken.
            ProgramMissing, DownloadFailed: what it runs is not there.
        """
        if self._child is not None:
            raise RuntimeError(f"{self.name} is already running")
        require_free_space(self._directory.path, minimum_bytes=self._minimum_free_bytes)
        if self._given_port is not None and is_taken(self._given_port):
            raise PortInUse(self.name, self._given_port)
        self._prepare()
        self._spawn()

    def wait_ready(self) -> None:
        """Return when requests are served; move to another port if the chosen one got lost.

        On any error the process is stopped.

        Raises:
            PortInUse: the given port was taken meanwhile.
            ChildDied: it ended.
            DiskFull: it ended for want of space.
            StartTimeout: it does not answer.
        """
        try:
            self._wait_ready()
        except BaseException:
            self.stop()
            raise

    def check(self) -> None:
        """Return if the server runs and has space.

        Raises:
            ChildDied: it has ended.
            DiskFull: it has met a full disk since last asked.
        """
        self._running().check()

    def ask_to_stop(self) -> None:
        """Begin the stop and return at once; `stop` ends it."""
        if self._child is not None:
            self._child.ask_to_stop()

    def stop(self) -> None:
        """Return when it has ended: SIGTERM, then SIGKILL. Stopping again changes nothing."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        attempts = 1
        while not self._is_ready():
            child = self._running()
            code = child.exit_code()
            if code is not None:
                if not self._lost_its_port(child) or attempts == _PORT_ATTEMPTS:
                    raise child.death(code)
                attempts += 1
                child.stop()
                self._spawn()
            if time.monotonic() >= deadline:
                raise StartTimeout(
                    self.name,
                    timeout_s=self._start_timeout_s,
                    log_path=child.log_path,
                    log_tail=child.log_tail(),
                )
            time.sleep(_POLL_S)

    def _running(self) -> Child:
        if self._child is None:
            raise RuntimeError(f"{self.name} is not running")
        return self._child

    def _spawn(self) -> None:
        self._port = free_port() if self._given_port is None else self._given_port
        self._child = Child.start(
            self.name,
            self._command(self._port),
            directory=self._directory,
            working_path=self.path,
        )

    def _lost_its_port(self, child: Child) -> bool:
        failed = _BIND_FAILED.search(child.log_text())
        if failed is None:
            return False
        if int(failed[1]) == self._given_port:
            raise PortInUse(self.name, self._given_port)
        return True
