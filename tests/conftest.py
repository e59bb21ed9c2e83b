"""Fixtures for all tests: a real Kafka and a real Redis, started when first asked for."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.directory import DataDirectory
from local.errors import ProgramMissing
from local.kafka import KafkaServer
from local.redis import RedisServer


@pytest.fixture(scope="session")
def kafka_bootstrap() -> Iterator[str]:
    """`127.0.0.1:PORT` of a Kafka that lives as long as the session; topics are the caller's."""
    with (
        tempfile.TemporaryDirectory(prefix="strata-kafka-") as path,
        DataDirectory.lock(Path(path)) as directory,
    ):
        server = KafkaServer(directory)
        try:
            address = server.start()
        except ProgramMissing as missing:
            pytest.skip(str(missing))
        try:
            yield address
        finally:
            server.stop()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """`redis://127.0.0.1:PORT/0` of a Redis that lives as long as the session."""
    with (
        tempfile.TemporaryDirectory(prefix="strata-redis-") as path,
        DataDirectory.lock(Path(path)) as directory,
    ):
        server = RedisServer(directory)
        try:
            address = server.start()
        except ProgramMissing as missing:
            pytest.skip(str(missing))
        try:
            yield address
        finally:
            server.stop()
