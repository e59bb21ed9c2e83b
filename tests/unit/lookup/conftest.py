"""Fixtures of the read side: nobody, and a small library with two readers."""

from collections.abc import AsyncIterator

import httpx
import pytest
from lookup_world import (
    LIBRARY,
    NOON_MS,
    SEA,
    World,
    client_of,
    like,
)

from profiles.personas import Label, Persona
from schemas import decoded as events


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def empty_world() -> World:
    return World()


@pytest.fixture
async def world() -> World:
    """Seven books; "ishmael" of the sea persona p1, "edgar" of the tiny persona p2."""
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    await world.add_item("burnt", SEA, retired=True)
    await world.add_item("rumoured", None)
    await world.publish_personas(
        Persona("p1", 40, (Label("sea", 3.0, 20), Label("whales", 2.0, 9))),
        Persona("p2", 3, (Label("crime", 3.0, 2),)),
        Persona("p3", 60),
    )
    await world.publish_statistics(
        {"lupin": 9.0, "burnt": 8.5, "rumoured": 8.0, "moby": 7.0, "sonnets": 5.0, "odes": 2.0}
    )
    await world.publish_statistics({"moby": 6.0, "omoo": 4.0, "typee": 1.0}, scope="p1")
    await world.publish_statistics({"lupin": 2.0, "holmes": 1.0}, scope="p2")
    await world.add_user(
        "ishmael",
        [
            like("ishmael", "moby"),
            like("ishmael", "typee", at_ms=NOON_MS + 1000),
            events.Interaction(
                "default", "no", NOON_MS + 2000, "ishmael", "lupin", "dislike", None, None
            ),
            events.Attributes("default", "a", NOON_MS, "ishmael", {"country": "NL", "age": 30}),
        ],
        persona="p1",
    )
    await world.add_user("edgar", [like("edgar", "holmes")], persona="p2")
    return world


@pytest.fixture
async def client(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(world.lookup()) as client:
        yield client


@pytest.fixture
async def empty_client(empty_world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(empty_world.lookup()) as client:
        yield client
