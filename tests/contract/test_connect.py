import pytest

from stores.connect import open_profile_stores, open_redis
from stores.errors import UnknownStore

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("url", ["", "localhost:6333", "ftp://host", "memory", "qdrant"])
async def test_a_url_nobody_answers_to_is_refused(url: str) -> None:
    with pytest.raises(UnknownStore):
        await open_profile_stores(url, namespace="live", dimension=4)
    with pytest.raises(UnknownStore):
        await open_redis(url, namespace="live", partitions=4)


@pytest.mark.parametrize("namespace", ["", "a b", "a:b", "{a}", "a*", "../up", "a" * 65])
async def test_a_namespace_that_a_key_or_path_could_misread_is_refused(namespace: str) -> None:
    with pytest.raises(ValueError, match="namespace"):
        await open_profile_stores("memory://", namespace=namespace, dimension=4)
    with pytest.raises(ValueError, match="namespace"):
        await open_redis("memory://", namespace=namespace, partitions=4)
