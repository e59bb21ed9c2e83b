"""The whole service over a small library: in this process, and on a port in a thread."""

import time
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI
from ingest_world import Publishing
from lookup_world import LIBRARY, NOON_MS, World, like
from served import served

from profiles.personas import Label, Persona
from strata_client import AsyncStrata, RetryPolicy

HASTY = RetryPolicy(attempts=2, first_pause_s=0.0, deadline_s=0.0)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def library() -> World:
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    await world.publish_personas(
        Persona("p1", 40, (Label("sea", 3.0, 20),)), Persona("p3", 60), Persona("p4", 60)
    )
    await world.publish_statistics({"lupin": 9.0, "moby": 7.0})
    await world.publish_statistics({"moby": 6.0, "omoo": 4.0}, scope="p1")
    happened = [like("ishmael", "moby"), like("ishmael", "typee", at_ms=NOON_MS + 1000)]
    await world.add_user("ishmael", happened, persona="p1")
    await world.add_user("ben", [like("ben", "moby")])
    await world.add_user("a/b c?%é", [like("a/b c?%é", "lupin")])
    return world


@pytest.fixture
async def publishing() -> Publishing:
    return Publishing(await library())


@pytest.fixture
async def strata(publishing: Publishing) -> AsyncIterator[AsyncStrata]:
    async with AsyncStrata(
        "http://strata.test", transport=publishing.transport(), retries=HASTY
    ) as client:
        yield client


@pytest.fixture
def service_url() -> Iterator[str]:
    """Where the service answers, for clients without an event loop."""

    async def publishing() -> FastAPI:
        made = Publishing(await library(), now_ms=lambda: time.time_ns() // 1_000_000)
        await made.taken_in()
        return made.app()

    with served(publishing) as url:
        yield url
