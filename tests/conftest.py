"""Fixtures for all tests: a real Kafka and a real Redis, started when first asked for."""

import functools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import structlog

from local.directory import DataDirectory
from local.errors import ProgramMissing
from local.java import find_java
from local.kafka import KafkaServer
from local.redis import RedisServer, find_redis


@functools.cache
def _what_the_stack_lacks() -> str | None:
    try:
        find_java()
        find_redis()
    except ProgramMissing as missing:
        return str(missing)
    return None


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that sets up logs, or runs what does, leaves none that write to its closed streams."""
    yield
    structlog.reset_defaults()


@pytest.fixture(autouse=True)
def _needs_the_programs(request: pytest.FixtureRequest) -> None:
    """Skip what is marked `stack` where neither the extra nor the programs are installed."""
    if request.node.get_closest_marker("stack") and (lacking := _what_the_stack_lacks()):
        pytest.skip(lacking)


@contextmanager
def _locked_for_the_session() -> Iterator[DataDirectory]:
    with (
        tempfile.TemporaryDirectory(prefix="strata-test-") as path,
        DataDirectory.lock(Path(path)) as directory,
    ):
        yield directory


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """`127.0.0.1:PORT` of a Kafka that lives as long as the session; topics are the caller's."""
    with _locked_for_the_session() as directory:
        server = KafkaServer(directory)
        try:
            address = server.start()
        except ProgramMissing as missing:
            pytest.skip(str(missing))
        with server:
            yield address


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """`redis://127.0.0.1:PORT/0` of a Redis that lives as long as the session."""
    with _locked_for_the_session() as directory:
        server = RedisServer(directory)
        try:
            address = server.start()
        except ProgramMissing as missing:
            pytest.skip(str(missing))
        with server:
            yield address


@pytest.fixture
def data_path() -> Iterator[Path]:
    """A place that is gone after the test, with a name as difficult as users have them."""
    with tempfile.TemporaryDirectory(prefix="strata test, fünf-") as path:
        yield Path(path).resolve()


@pytest.fixture
def directory(data_path: Path) -> Iterator[DataDirectory]:
    """`data_path`, locked."""
    with DataDirectory.lock(data_path) as directory:
        yield directory


@pytest.fixture
def new_children() -> Callable[[], list[psutil.Process]]:
    """The children of this process, and theirs, that the test has brought about."""

    def children() -> list[psutil.Process]:
        return psutil.Process().children(recursive=True)

    before = set(children())
    return lambda: [process for process in children() if process not in before]
