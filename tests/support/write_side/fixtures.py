"""Fixtures for tests that drive the write side: import them in a conftest."""

from dataclasses import replace
from pathlib import Path

import pytest
from qdrant_server.fixture import QdrantTestServer, qdrant_server

from write_side.ground import Ground, fresh_topics

__all__ = ["anyio_backend", "ground", "qdrant_server", "shared_ground"]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def ground(
    anyio_backend: str, kafka_bootstrap: str, redis_url: str, tmp_path: Path
) -> Ground:
    """Empty topics, and stores that nobody used before; Qdrant is embedded."""
    assert anyio_backend == "asyncio"
    ground = Ground.new(
        bootstrap=kafka_bootstrap,
        redis_url=redis_url,
        qdrant_url=f"edge://{tmp_path}/qdrant",
        directory=str(tmp_path),
    )
    await fresh_topics(kafka_bootstrap, partitions=ground.partitions)
    return ground


@pytest.fixture
def shared_ground(ground: Ground, qdrant_server: QdrantTestServer) -> Ground:
    """The same over a Qdrant server, so that several workers can share it."""
    return replace(ground, qdrant_url=qdrant_server.grpc_url)
