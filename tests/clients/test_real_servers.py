"""Publishing into a real Kafka, and reading from a real Redis."""

import asyncio
import uuid

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from clients_script import Script
from lookup_world import NOON_MS, World, like

from lookup.examples import EXAMPLES
from schemas import topics
from schemas.fast import Rejection, decode
from schemas.keys import event_key
from schemas.partitions import partition_of
from schemas.positions import decode_token
from stores.connect import open_redis
from strata_client import AsyncStrata, Interaction, Item, Strata
from strata_client.errors import NotAcknowledged
from strata_client.kafka import AsyncKafkaPublisher, KafkaPublisher
from strata_client.redis import AsyncRedisProfiles, RedisProfiles
from streams.topics import ensure_topics

pytestmark = pytest.mark.stack

PARTITIONS = 4
NOWHERE = "127.0.0.1:1"


async def stored_at(bootstrap: str, place: tuple[str, int], offset: int) -> tuple[bytes, bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([TopicPartition(*place)])
        consumer.seek(TopicPartition(*place), offset)
        record = await consumer.getone()
    finally:
        await consumer.stop()
    return record.key or b"", record.value or b""


@pytest.mark.anyio
async def test_events_lie_in_kafka_where_the_token_says(kafka_bootstrap: str) -> None:
    await ensure_topics(kafka_bootstrap, partitions=PARTITIONS)
    async with (
        AsyncKafkaPublisher(kafka_bootstrap) as publisher,
        AsyncStrata(publisher=publisher, tenant="shop") as strata,
    ):
        for number in range(20):
            event = Interaction(user_id=f"u{number}", item_id="i", action="view")
            published = await strata.publish(event)
            ((place, offset),) = decode_token(published.token).items()
            key, value = await stored_at(kafka_bootstrap, place, offset)
            found = decode(value, received_ms=2**42)
            assert not isinstance(found, Rejection)
            assert (found.event_id, found.tenant) == (event.event_id, "shop")
            assert key == event_key(found)
            assert place == (topics.INTERACTIONS, partition_of(key, PARTITIONS))


def test_without_an_event_loop_too(kafka_bootstrap: str) -> None:
    asyncio.run(ensure_topics(kafka_bootstrap, partitions=PARTITIONS))
    with KafkaPublisher(kafka_bootstrap) as publisher, Strata(publisher=publisher) as strata:
        batch = [Interaction(user_id=f"u{n}", item_id="i", action="view") for n in range(50)]
        published = strata.publish([*batch, Item(item_id="i", text="t")])
        again = strata.publish(batch)
    reached, later = decode_token(published.token), decode_token(again.token)
    assert published.events == 51
    assert {topic for topic, _ in reached} == {topics.INTERACTIONS, topics.ITEMS}
    assert all(later[place] > reached[place] for place in later)
    publisher.close()


@pytest.mark.anyio
async def test_a_kafka_that_is_away_is_told_in_time() -> None:
    async with (
        AsyncKafkaPublisher(NOWHERE, timeout_s=1.0) as publisher,
        AsyncStrata(publisher=publisher) as strata,
    ):
        with pytest.raises(NotAcknowledged, match=NOWHERE):
            await strata.publish(Interaction(user_id="u", item_id="i", action="view"))


@pytest.mark.anyio
async def test_a_topic_that_does_not_exist_is_told_in_time(kafka_bootstrap: str) -> None:
    from strata_client.events import Record

    async with AsyncKafkaPublisher(kafka_bootstrap, timeout_s=2.0) as publisher:
        with pytest.raises(NotAcknowledged):
            await publisher.send([Record(f"strata.never-{uuid.uuid4().hex}", b"k", b"{}")])


def test_a_producer_is_configured_as_asked(kafka_bootstrap: str) -> None:
    with KafkaPublisher(kafka_bootstrap, options={"security_protocol": "SSL"}) as publisher:
        pass
    with (
        KafkaPublisher(
            kafka_bootstrap, timeout_s=2.0, options={"security_protocol": "NONSENSE"}
        ) as publisher,
        pytest.raises(ValueError, match="security_protocol"),
    ):
        publisher.send([])


async def cache_of(redis_url: str, namespace: str) -> World:
    """A user written as the write side writes it, into a real Redis."""
    world = World()
    await world.add_item("moby", (1.0, 0.0, 0.0, 0.0))
    await world.add_user("ishmael", [like("ishmael", "moby", at_ms=NOON_MS)])
    (held,) = world.cache._views.items()
    key, (version, view) = held
    stores = await open_redis(redis_url, namespace=namespace, partitions=1)
    await stores.cache.put([(key, version, view)])
    await stores.close()
    return world


@pytest.mark.anyio
async def test_a_profile_is_read_straight_from_redis(redis_url: str) -> None:
    namespace = f"n{uuid.uuid4().hex[:12]}"
    await cache_of(redis_url, namespace)
    profile = EXAMPLES["get", "/v1/profiles/{user_id}"].response
    script = Script(httpx.Response(200, json=profile))
    async with (
        AsyncRedisProfiles(redis_url, namespace=namespace) as cache,
        AsyncStrata("http://strata.test", cache=cache, transport=script.transport) as strata,
    ):
        quick = await strata.quick_profile("ishmael")
        assert (quick.source, quick.version, quick.newest_ms) == ("redis", 1, NOON_MS)
        assert (quick.worth("moby") or 0) > 0
        assert quick.vector is not None
        assert len(quick.vector) == 4 * 4
        assert script.requests == []
        assert (await strata.quick_profile("nobody")).source == "http"
        assert len(script.requests) == 1


def test_without_an_event_loop_from_redis_too(redis_url: str) -> None:
    namespace = f"n{uuid.uuid4().hex[:12]}"
    asyncio.run(cache_of(redis_url, namespace))
    with RedisProfiles(redis_url, namespace=namespace) as cache:
        found = cache.read("default", "ishmael")
        assert found is not None
        assert found.user_id == "ishmael"
        assert cache.read("other", "ishmael") is None
    with RedisProfiles(redis_url, namespace="another") as cache:
        assert cache.read("default", "ishmael") is None


@pytest.mark.anyio
async def test_a_redis_that_is_away_holds_nothing() -> None:
    async with AsyncRedisProfiles(f"redis://{NOWHERE}/0") as cache:
        assert await cache.read("default", "ishmael") is None
    with RedisProfiles(f"redis://{NOWHERE}/0") as cache_of_thread:
        assert cache_of_thread.read("default", "ishmael") is None
