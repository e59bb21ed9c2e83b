"""`strata` as processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil

__all__ = ["RunningUp", "Strata", "strata_in"]

_UP_WITHIN_S = 90.0


@dataclass(frozen=True, slots=True)
class Strata:
    """The command with an environment."""

    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path

    def __call__(
        self, *arguments: str, timeout_s: float = 120.0
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end."""
        return subprocess.run(
            [*self.command, *arguments],
            env=dict(self.environment),
            cwd=self.directory,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )


def strata_in(data_directory: Path, working_directory: Path) -> Strata:
    """The command with settings of its own, whatever the environment says."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("STRATA_")
    } | {
        "STRATA_DATA_DIR": str(data_directory),
        "STRATA_EMBEDDING_MODEL": "hashing",
        "STRATA_HTTP_PORT": "0",
        # Statistics are told as they are.
        "STRATA_MINIMUM_PERSONA_SIZE": "1",
        "COLUMNS": "120",
    }
    return Strata([sys.executable, "-m", "cli.main"], environment, working_directory)


@dataclass(frozen=True, slots=True)
class RunningUp:
    """`strata up` at work.

    Attributes:
        children: Every process under it when it was up.
    """

    process: subprocess.Popen[bytes]
    children: list[psutil.Process]
    log: Path

    @classmethod
    def start(cls, strata: Strata) -> Self:
        """Return when it says that it is up.

        Raises:
            AssertionError: it ended instead, or took too long.
        """
        log = strata.directory / f"up-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*strata.command, "up"],
                env=dict(strata.environment),
                cwd=strata.directory,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _UP_WITHIN_S
        while "Strata is up" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
        return cls(process, psutil.Process(process.pid).children(recursive=True), log)
