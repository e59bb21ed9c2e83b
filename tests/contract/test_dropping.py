"""Collections of one namespace are dropped from a server, and no others."""

import uuid

import pytest
from qdrant_server.fixture import QdrantTestServer

from profiles.ports import Token
from stores.connect import drop_profile_stores, open_profile_stores

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("over", ["rest_url", "grpc_url"])
async def test_a_dropped_namespace_can_begin_anew_in_another_dimension(
    qdrant_server: QdrantTestServer, over: str
) -> None:
    url: str = getattr(qdrant_server, over)
    kept = f"test-{uuid.uuid4().hex[:8]}"
    for namespace in (kept, f"{kept}--b"):
        stores = await open_profile_stores(url, namespace=namespace, dimension=4)
        await stores.users.claim([("t", "ann")], partition=0, token=Token(1))
        await stores.close()
    await drop_profile_stores(url, namespace=f"{kept}--b")
    for namespace, dimension, users in ((kept, 4, 1), (f"{kept}--b", 3, 0)):
        stores = await open_profile_stores(url, namespace=namespace, dimension=dimension)
        assert await stores.users.count() == users
        await stores.close()
        await drop_profile_stores(url, namespace=namespace)
