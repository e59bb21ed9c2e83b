"""Beside another Kafka a restored state keeps what it knows and takes in all that is new."""

from pathlib import Path

import pytest
from streams_world import DIMENSION, PARTITIONS, TEXT_DIMENSION, Engines, World, item, liked

from profiles.ids import user_key
from profiles.state import DataType, decode_state
from stores.archive import ArchiveWriter, Head, checked, frames_of
from streams.backup import copy_in, copy_out
from streams.memory import MemoryConsumer

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def moved_to_another_kafka(world: World, path: Path, *, positions_hold: bool) -> World:
    head = Head(
        created_ms=0,
        namespace="test",
        partitions=PARTITIONS,
        embedding_model="hashing",
        dimension=TEXT_DIMENSION,
        space_dimension=DIMENSION,
        cluster="",
        offsets={},
    )
    with ArchiveWriter(path, head) as writer:
        await copy_out(world.profiles, world.redis.aggregates, writer, copied=lambda *_: None)
    other = await World.open()
    await copy_in(
        other.profiles,
        other.redis.aggregates,
        frames_of(path),
        positions_hold=positions_hold,
        copied=lambda *_: None,
        total=sum(checked(path)[1].values()),
    )
    return other


async def likes_of(world: World, user: str) -> int:
    (record,) = await world.profiles.users.read([user_key("default", user)])
    assert record is not None
    return decode_state(record.state).totals[DataType.INTERACTIONS]["like"]


async def world_with_three_likes() -> World:
    world = await World.open()
    for number in range(3):
        world.publish(item(f"book-{number}", "sea storm"))
        world.publish(liked("ann", f"book-{number}", number))
    await Engines(world).drain()
    assert await likes_of(world, "ann") == 3
    return world


async def test_events_of_another_kafka_count_from_its_first_offset(tmp_path: Path) -> None:
    world = await world_with_three_likes()
    other = await moved_to_another_kafka(world, tmp_path / "backup", positions_hold=False)
    for number in range(2):
        other.publish(liked("ann", f"book-{number}", 100 + number))
    engines = Engines(other, nonce="two")
    await engines.drain()
    assert await likes_of(other, "ann") == 5


async def test_events_of_the_same_kafka_are_not_counted_again(tmp_path: Path) -> None:
    world = await world_with_three_likes()
    other = await moved_to_another_kafka(world, tmp_path / "backup", positions_hold=True)
    other.consumer = MemoryConsumer()
    other.consumer.logs = world.consumer.logs
    other.publish(liked("ann", "book-0", 100))
    await Engines(other, nonce="two").drain()
    assert await likes_of(other, "ann") == 4
