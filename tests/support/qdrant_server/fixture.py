"""Start the test server, for contract and acceptance tests.

In a conftest: `from qdrant_server.fixture import qdrant_server_url`.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

__all__ = ["QUICK_DIRECTORY", "QdrantTestServer", "qdrant_server", "qdrant_server_url"]

QUICK_DIRECTORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
"""For temporary directories whose loss of power is not under test; None is the default one."""

_TESTS = Path(__file__).parents[1]
_STOP_S = 10


@dataclass
class QdrantTestServer:
    """A server process over a directory; started again on it, it has kept everything.

    Attributes:
        rest_url: For `open_profile_stores`, over REST alone.
        grpc_url: The same, over gRPC.
    """

    directory: Path
    rest_url: str = ""
    grpc_url: str = ""

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "qdrant_server", str(self.directory)],
            cwd=_TESTS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._child.stdout is not None
        ports = self._child.stdout.readline().split()
        if len(ports) != 2:
            raise RuntimeError("the Qdrant test server did not start; see its stderr above")
        self.rest_url = f"http://127.0.0.1:{ports[0]}?grpc_port=0"
        self.grpc_url = f"http://127.0.0.1:{ports[0]}?grpc_port={ports[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does; its directory keeps what it answered for."""
        self._child.kill()
        self._child.communicate(timeout=_STOP_S)


@pytest.fixture(scope="session")
def qdrant_server() -> Iterator[QdrantTestServer]:
    with (
        tempfile.TemporaryDirectory(prefix="strata-qdrant-", dir=QUICK_DIRECTORY) as path,
        QdrantTestServer(Path(path)) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def qdrant_server_url(qdrant_server: QdrantTestServer) -> str:
    """For `STRATA_QDRANT_URL`: a server that several processes may share; over REST."""
    return qdrant_server.rest_url
