import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from local.directory import DataDirectory
from local.errors import ProgramMissing
from local.java import find_java
from local.redis import find_redis


@pytest.fixture(autouse=True)
def _needs_the_programs(request: pytest.FixtureRequest) -> None:
    """Skip what is marked `stack` where neither the extra nor the programs are installed."""
    if request.node.get_closest_marker("stack"):
        try:
            find_java()
            find_redis()
        except ProgramMissing as missing:
            pytest.skip(str(missing))


@pytest.fixture
def data_path() -> Iterator[Path]:
    """A place that is gone after the test, with a name as difficult as users have them."""
    with tempfile.TemporaryDirectory(prefix="strata test, fünf-") as path:
        yield Path(path).resolve()


@pytest.fixture
def directory(data_path: Path) -> Iterator[DataDirectory]:
    with DataDirectory.lock(data_path) as directory:
        yield directory


@pytest.fixture
def new_children() -> Callable[[], list[psutil.Process]]:
    """The children of this process, and theirs, that the test has brought about."""

    def children() -> list[psutil.Process]:
        return psutil.Process().children(recursive=True)

    before = set(children())
    return lambda: [process for process in children() if process not in before]
