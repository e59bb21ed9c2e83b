"""One server process under a guardian, and what its log says."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from local import guardian
from local.directory import DataDirectory
from local.disk import free_bytes, full_disk_named, says_full
from local.errors import ChildDied, DiskFull

STOP_GRACE_S = 10.0
# So that errors come in the words that we know, and Java finds paths that are not ASCII.
_LOCALE = {"LC_ALL": "C.UTF-8"}
_BEYOND_GRACE_S = 5.0
_TAIL_LINES = 10
_TAIL_BYTES = 16 * 1024
_READ_BYTES = 1024 * 1024
# Less than a log line and a batch of records need.
_NO_SPACE_BYTES = 1024 * 1024


class Child:
    """A running program that ends when we do.

    Its guardian leads a session of its own, so Ctrl-C on the terminal reaches us alone and
    we decide when the child goes.
    """

    def __init__(
        self, name: str, guardian_process: subprocess.Popen[bytes], *, log_path: Path
    ) -> None:
        """Not for callers: use `start`."""
        self.name = name
        self.log_path = log_path
        self._guardian = guardian_process
        self._log_seen_bytes = 0
        self._group_ended = False

    @classmethod
    def start(
        cls,
        name: str,
        command: Sequence[str],
        *,
        directory: DataDirectory,
        working_path: Path,
        grace_s: float = STOP_GRACE_S,
    ) -> Self:
        """Start `command`; what it prints goes to `NAME.log` in `working_path`.

        The log of the run before is kept as `NAME.log.1`.

        Args:
            name: Of the log, and in errors.
            command: Program and arguments.
            directory: Its lock is held until the program has ended.
            working_path: Created if needed; where crash files land.
            grace_s: Seconds between SIGTERM and SIGKILL when it is stopped; > 0.

        Raises:
            DiskFull: the log cannot be written.
        """
        log_path = working_path / f"{name}.log"
        with full_disk_named(directory.path):
            working_path.mkdir(parents=True, exist_ok=True)
            if log_path.exists():
                log_path.replace(log_path.with_suffix(".log.1"))
            with log_path.open("wb") as log:
                guardian_process = subprocess.Popen(  # noqa: S603
                    [
                        sys.executable,
                        *("-I", "-S", guardian.__file__),
                        *(str(os.getpid()), str(grace_s)),
                        *command,
                    ],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=working_path,
                    env={**os.environ, **_LOCALE},
                    pass_fds=[directory.fileno()],
                    start_new_session=True,
                )
        return cls(name, guardian_process, log_path=log_path)

    def exit_code(self) -> int | None:
        """How the program ended (128 + n for signal n), or None while it runs."""
        code = self._guardian.poll()
        if code is None:
            return None
        if not self._group_ended:
            # If the guardian was killed itself, nobody else will end its program now.
            self._kill_group()
            self._group_ended = True
        return code if code >= 0 else 128 - code

    def wait(self, *, timeout_s: float) -> int:
        """Wait for a program that ends by itself and return its exit code.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        code = self._guardian.wait(timeout=timeout_s)
        self._let_go()
        return self.exit_code() or code

    def ask_to_stop(self) -> None:
        """Begin the stop and return at once; `stop` ends it."""
        self._let_go()

    def stop(self, *, grace_s: float = STOP_GRACE_S) -> None:
        """Return when the program has ended: by SIGTERM, else by SIGKILL after its grace."""
        self._let_go()
        try:
            self._guardian.wait(timeout=grace_s + _BEYOND_GRACE_S)
        except subprocess.TimeoutExpired:
            self._kill_group()
            self._guardian.wait()

    def check(self) -> None:
        """Return if the program runs and its disk is not full.

        Raises:
            ChildDied: it has ended.
            DiskFull: there is no space, or it has complained of that since last asked, whether
                or not it survived it.
        """
        code = self.exit_code()
        free = free_bytes(self.log_path.parent)
        if says_full(self._unseen_log()) or free < _NO_SPACE_BYTES:
            raise DiskFull(self.log_path.parent, free_bytes=free)
        if code is not None:
            raise self.death(code)

    def death(self, exit_code: int) -> ChildDied | DiskFull:
        """The error that says best why the program ended."""
        free = free_bytes(self.log_path.parent)
        # On a full disk the complaint itself may not have found room in the log.
        if says_full(self.log_text()) or free < _NO_SPACE_BYTES:
            return DiskFull(self.log_path.parent, free_bytes=free)
        return ChildDied(
            self.name, exit_code=exit_code, log_path=self.log_path, log_tail=self.log_tail()
        )

    def log_text(self) -> str:
        """The last 16 KiB of the log."""
        with self.log_path.open("rb") as log:
            log.seek(max(0, self.log_path.stat().st_size - _TAIL_BYTES))
            return log.read().decode(errors="replace")

    def log_tail(self) -> list[str]:
        """The last ten lines of the log."""
        return self.log_text().splitlines()[-_TAIL_LINES:]

    def _unseen_log(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(self._log_seen_bytes)
            unseen = log.read(_READ_BYTES)
        self._log_seen_bytes += len(unseen)
        return unseen.decode(errors="replace")

    def _let_go(self) -> None:
        if self._guardian.stdin is not None:
            self._guardian.stdin.close()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._guardian.pid, signal.SIGKILL)
