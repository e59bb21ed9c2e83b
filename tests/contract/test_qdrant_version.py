"""Which releases of Qdrant's server are good enough, and for what."""

from types import SimpleNamespace
from unittest.mock import AsyncMock

import pytest
from qdrant_client import AsyncQdrantClient
from structlog.testing import capture_logs

from stores.errors import StoreMismatch
from stores.qdrant_server import require_version

pytestmark = pytest.mark.anyio


def server(version: str) -> AsyncQdrantClient:
    client = AsyncMock(spec=AsyncQdrantClient)
    client.info.return_value = SimpleNamespace(version=version)
    return client


@pytest.mark.parametrize("version", ["1.16.3", "0.11.7"])
async def test_a_server_without_conditional_writes_is_refused(version: str) -> None:
    with pytest.raises(StoreMismatch, match=rf"Qdrant {version} .* 1\.17 or later"):
        await require_version(server(version))


@pytest.mark.parametrize(
    ("version", "warnings"), [("1.17.0", 1), ("1.18.2", 1), ("1.19.0", 0), ("2.0.0-dev", 0)]
)
async def test_only_servers_that_count_words_among_everybody_are_warned_of(
    version: str, warnings: int
) -> None:
    with capture_logs() as logs:
        await require_version(server(version))
    assert len(logs) == warnings
