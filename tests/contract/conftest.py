"""The adapters under contract, by name. A new store is a new row."""

import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from qdrant_server.fixture import QUICK_DIRECTORY, qdrant_server, qdrant_server_url

from stores.connect import ProfileStores, RedisStores, open_profile_stores, open_redis
from stores.control import PointControlStore
from stores.erasures import PointErasureStore
from stores.items import PointItemStore
from stores.passages import PointPassageStore
from stores.personas import PointPersonaStore
from stores.points import Except, Points
from stores.users import PointUserStore

__all__ = ["qdrant_server", "qdrant_server_url"]

DIMENSION = 4
PARTITIONS = 8

_PROFILE_STORES: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "memory": lambda _request: "memory://",
    "edge": lambda request: f"edge://{request.getfixturevalue('quick_path')}/qdrant",
    "client-local-mode": lambda _request: ":memory:",
    "client-rest": lambda request: request.getfixturevalue("qdrant_server").rest_url,
    "client-grpc": lambda request: request.getfixturevalue("qdrant_server").grpc_url,
}
_REDIS_STORES: dict[str, Callable[[pytest.FixtureRequest], str]] = {
    "memory": lambda _request: "memory://",
    "redis": lambda request: request.getfixturevalue("redis_url"),
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def quick_path() -> Iterator[Path]:
    """A directory where syncing costs nothing, if the machine has one."""
    with tempfile.TemporaryDirectory(prefix="strata-test-", dir=QUICK_DIRECTORY) as path:
        yield Path(path)


@pytest.fixture
def namespace() -> str:
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture(params=list(_PROFILE_STORES))
def qdrant_url(request: pytest.FixtureRequest) -> str:
    return _PROFILE_STORES[request.param](request)


@pytest.fixture
async def stores(qdrant_url: str, anyio_backend: str) -> AsyncIterator[ProfileStores]:
    """Empty stores. On a server the collections are kept: making them takes 0.3 s."""
    assert anyio_backend == "asyncio"
    opened = await open_profile_stores(qdrant_url, namespace="contract", dimension=DIMENSION)
    for points in all_points(opened):
        await points.delete((Except(()),))
    yield opened
    await opened.close()


def all_points(stores: ProfileStores) -> list[Points]:
    assert isinstance(stores.users, PointUserStore)
    assert isinstance(stores.items, PointItemStore)
    assert isinstance(stores.control, PointControlStore)
    assert isinstance(stores.personas, PointPersonaStore)
    assert isinstance(stores.passages, PointPassageStore)
    assert isinstance(stores.erasures, PointErasureStore)
    return [
        stores.users._points,
        stores.items._points,
        stores.control._points,
        stores.personas._points,
        stores.passages._points,
        stores.erasures._points,
    ]


@pytest.fixture(params=list(_REDIS_STORES))
def any_redis_url(request: pytest.FixtureRequest) -> str:
    return _REDIS_STORES[request.param](request)


@pytest.fixture
async def redis_stores(
    any_redis_url: str, namespace: str, anyio_backend: str
) -> AsyncIterator[RedisStores]:
    assert anyio_backend == "asyncio"
    opened = await open_redis(any_redis_url, namespace=namespace, partitions=PARTITIONS)
    yield opened
    await opened.close()
