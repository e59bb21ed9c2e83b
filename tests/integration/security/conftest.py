"""Servers that want to know who asks, and speak to nobody in the clear."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import Certificates
from secured_kafka import SecuredKafka, SecuredServer

from local.directory import DataDirectory
from local.errors import ProgramMissing
from local.ports import LOOPBACK, free_port


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secured_kafka(certificates: Certificates) -> Iterator[SecuredKafka]:
    with (
        tempfile.TemporaryDirectory(prefix="strata-test-") as path,
        DataDirectory.lock(Path(path)) as directory,
    ):
        server = SecuredServer(directory)
        server.certificates = certificates
        server.sasl_port, server.mutual_port = free_port(), free_port()
        try:
            server.start()
        except ProgramMissing as missing:
            pytest.skip(str(missing))
        with server:
            yield SecuredKafka(f"{LOOPBACK}:{server.sasl_port}", f"{LOOPBACK}:{server.mutual_port}")
