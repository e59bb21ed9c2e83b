"""The Qdrant server that tests use, as a segment in one process serves no second worker.

It is a test asset (`tests/support/qdrant_server`), so it is started as a program and never
imported. Where only the package is installed, and not the repository, there is none.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.running import ROOT, ContenderFailed

__all__ = ["TestServer", "test_server"]

_SUPPORT: Final = ROOT / "tests" / "support"
_STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class TestServer:
    """Addresses for `open_profile_stores`: over REST alone, and over gRPC."""

    rest_url: str
    grpc_url: str


@contextmanager
def test_server(directory: Path) -> Iterator[TestServer]:
    """A server over a directory, for as long as this is open.

    Raises:
        ContenderFailed: it did not start.
    """
    if not (_SUPPORT / "qdrant_server").is_dir():
        raise ContenderFailed(f"there is no test server of Qdrant: {_SUPPORT} is not here")
    # It ends with its stdin, however we end.
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "qdrant_server", str(directory)],
        cwd=_SUPPORT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            ports = server.stdout.readline().split() if server.stdout else []
            if len(ports) != 2:
                raise ContenderFailed("the Qdrant test server did not start")
            rest = f"http://127.0.0.1:{ports[0]}?grpc_port="
            yield TestServer(rest_url=f"{rest}0", grpc_url=f"{rest}{ports[1]}")
        finally:
            server.kill()
            server.wait(_STOP_S)
