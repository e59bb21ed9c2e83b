from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.parts import Parts, opened_parts
from qdrant_server.fixture import qdrant_server
from write_side.fixtures import anyio_backend, ground, shared_ground

__all__ = ["anyio_backend", "ground", "parts", "qdrant_server", "shared_ground"]


@pytest.fixture
def parts(data_path: Path) -> Iterator[Parts]:
    """A Kafka and a Redis that only this test has, and may kill."""
    with opened_parts(data_path) as parts:
        yield parts
