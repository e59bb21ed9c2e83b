"""The HTTP service as it is put together: with a Kafka it publishes, without it only reads."""

import pytest
from lookup_world import World

from cli.composition import Addresses, OpenStores
from cli.errors import CommandFailed
from cli.service import service_opened
from cli.settings import Settings
from lookup.answering import Answering
from stores.connect import open_profile_stores, open_redis

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def stores_in_memory() -> OpenStores:
    return OpenStores(
        profiles=await open_profile_stores("memory://", namespace="n", dimension=4),
        redis=await open_redis("memory://", namespace="n", partitions=4),
    )


def at(kafka_bootstrap: str) -> Addresses:
    return Addresses(kafka_bootstrap=kafka_bootstrap, redis_url="memory://", qdrant_url="memory://")


async def test_without_a_kafka_it_only_reads() -> None:
    stores, lookup = await stores_in_memory(), World().lookup()
    async with service_opened(Settings(), at(""), stores, Answering(lookup=lookup)) as app:
        paths = app.openapi()["paths"]
    assert "/v1/rank" in paths
    assert "/v1/events" not in paths


async def test_a_kafka_that_is_not_there_is_one_clear_error() -> None:
    stores, lookup = await stores_in_memory(), World().lookup()
    with pytest.raises(CommandFailed, match=r"Kafka at 127\.0\.0\.1:1 cannot be reached"):
        async with service_opened(Settings(), at("127.0.0.1:1"), stores, Answering(lookup=lookup)):
            pass


@pytest.mark.stack
async def test_with_a_kafka_it_publishes(kafka_bootstrap: str) -> None:
    stores, lookup = await stores_in_memory(), World().lookup()
    async with service_opened(
        Settings(), at(kafka_bootstrap), stores, Answering(lookup=lookup)
    ) as app:
        assert "/v1/events" in app.openapi()["paths"]
