"""Collections of one namespace on a server: shown as current, and dropped without the others."""

import uuid

import pytest
from qdrant_server.fixture import QdrantTestServer

from profiles.ports import Token
from stores.connect import drop_profile_stores, open_profile_stores, show_current_version

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


@pytest.mark.parametrize("over", ["rest_url", "grpc_url"])
async def test_aliases_for_others_follow_the_version_in_force(
    qdrant_server: QdrantTestServer, over: str
) -> None:
    url: str = getattr(qdrant_server, over)
    base = f"test-{uuid.uuid4().hex[:8]}"
    for users, namespace in enumerate((base, f"{base}--b"), start=1):
        stores = await open_profile_stores(url, namespace=namespace, dimension=4)
        names = [("t", f"user {number}") for number in range(users)]
        await stores.users.claim(names, partition=0, token=Token(1))
        await stores.close()
    for users, namespace in ((2, f"{base}--b"), (1, base), (2, f"{base}--b")):
        await show_current_version(url, base=base, namespace=namespace)
        shown = await open_profile_stores(url, namespace=f"{base}_current", dimension=4)
        assert await shown.users.count() == users
        await shown.close()
