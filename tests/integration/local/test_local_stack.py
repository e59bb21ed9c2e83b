"""The stack as its users see it: a Kafka and a Redis that work and remember."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import UnknownTopicOrPartitionError

from local.directory import DataDirectory
from local.errors import PortInUse
from local.kafka import KafkaServer
from local.ports import free_port
from local.redis import RedisServer
from local.stack import EmbeddedStack

Children = Callable[[], list[psutil.Process]]
pytestmark = pytest.mark.stack
TOPIC, GROUP = "greetings", "readers"


async def create_topic(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(TOPIC, num_partitions=1, replication_factor=1)])
    finally:
        await admin.close()


async def produce(bootstrap: str, *values: bytes) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(TOPIC, value)
    finally:
        await producer.stop()


async def consume_and_commit(bootstrap: str, *, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(
        TOPIC,
        bootstrap_servers=bootstrap,
        group_id=GROUP,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()
    try:
        values: list[bytes] = []
        for _ in range(count):
            record = await asyncio.wait_for(consumer.getone(), timeout=20)
            values.append(record.value)
        await consumer.commit({TopicPartition(TOPIC, 0): record.offset + 1})
        return values
    finally:
        await consumer.stop()


def test_kafka_carries_records_and_redis_runs_scripts(
    directory: DataDirectory, new_children: Children
) -> None:
    with EmbeddedStack(directory) as stack:
        addresses = stack.start()

        async def talk() -> list[bytes]:
            await create_topic(addresses.kafka_bootstrap)
            await produce(addresses.kafka_bootstrap, b"one", b"two")
            return await consume_and_commit(addresses.kafka_bootstrap, count=2)

        assert asyncio.run(talk()) == [b"one", b"two"]
        with redis.Redis.from_url(addresses.redis_url) as client:
            client.set("answer", "41")
            script = "return redis.call('INCRBY', KEYS[1], ARGV[1])"
            assert client.eval(script, 1, "answer", "1") == 42
        assert addresses.qdrant_url == f"edge://{directory.path}/qdrant"
        stack.check()
    assert new_children() == []


def test_a_restart_keeps_topics_offsets_and_values(data_path: Path) -> None:
    with DataDirectory.lock(data_path) as directory, EmbeddedStack(directory) as stack:
        before = stack.start()

        async def first_half() -> None:
            await create_topic(before.kafka_bootstrap)
            await produce(before.kafka_bootstrap, b"one", b"two", b"three")
            await consume_and_commit(before.kafka_bootstrap, count=2)

        asyncio.run(first_half())
        with redis.Redis.from_url(before.redis_url) as client:
            client.set("kept", "yes")

    with DataDirectory.lock(data_path) as directory, EmbeddedStack(directory) as stack:
        after = stack.start()
        assert asyncio.run(consume_and_commit(after.kafka_bootstrap, count=1)) == [b"three"]
        with redis.Redis.from_url(after.redis_url) as client:
            assert client.get("kept") == b"yes"
        assert after.kafka_bootstrap != before.kafka_bootstrap


def test_an_unknown_topic_is_not_created_by_asking(kafka_bootstrap: str) -> None:
    async def ask() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka_bootstrap, request_timeout_ms=2000)
        await producer.start()
        try:
            await producer.partitions_for("never-created")
        finally:
            await producer.stop()

    with pytest.raises(UnknownTopicOrPartitionError):
        asyncio.run(ask())


def test_redis_is_durable_and_local(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        settings = client.config_get("append*", "save", "bind", "protected-mode")
    assert isinstance(settings, dict)
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["save"] == ""
    assert settings["bind"] == "127.0.0.1"
    assert settings["protected-mode"] == "yes"


@pytest.mark.parametrize("name", ["kafka", "redis"])
def test_a_given_port_in_use_is_named(
    directory: DataDirectory, name: str, new_children: Children
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        given = {"kafka": None, "redis": None, name: port}
        stack = EmbeddedStack(directory, kafka_port=given["kafka"], redis_port=given["redis"])
        with pytest.raises(PortInUse) as raised:
            stack.start()
    assert str(raised.value) == f"port {port} for {name} is already in use on 127.0.0.1"
    assert new_children() == []


def test_a_given_port_is_used_again_and_again(directory: DataDirectory) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = RedisServer(directory, port=port)
    for _ in range(2):
        with server:
            assert server.address == f"redis://127.0.0.1:{port}/0"
            with redis.Redis.from_url(server.address) as client:
                assert client.ping()


@pytest.mark.parametrize("kind", [RedisServer, KafkaServer])
def test_a_chosen_port_that_gets_lost_is_replaced(
    directory: DataDirectory,
    kind: type[RedisServer | KafkaServer],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as quicker:
        quicker.bind(("127.0.0.1", 0))
        quicker.listen()
        lost = quicker.getsockname()[1]
        choices = iter([lost])
        monkeypatch.setattr("local.server.free_port", lambda: next(choices, None) or free_port())
        with kind(directory) as server:
            assert server.port != lost
            assert next(choices, None) is None


def test_starting_and_stopping_twice_changes_nothing(
    directory: DataDirectory, new_children: Children
) -> None:
    with RedisServer(directory) as server:
        running = new_children()
        assert server.start() == server.address
        assert new_children() == running
        server.stop()
    assert new_children() == []


def test_another_redis_on_the_lost_port_is_not_taken_for_ours(
    data_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        DataDirectory.lock(data_path / "theirs") as theirs,
        DataDirectory.lock(data_path / "ours") as ours,
        RedisServer(theirs) as stranger,
    ):
        choices = iter([stranger.port])
        monkeypatch.setattr("local.server.free_port", lambda: next(choices, None) or free_port())
        with RedisServer(ours) as server:
            assert server.port != stranger.port
