"""What people may ask of their own data, over HTTP."""

import json

import pytest
from ingest_world import Publishing
from lookup_world import LIBRARY, World, like

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def world() -> World:
    world = World()
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    await world.add_user("anna", [like("anna", "moby"), like("anna", "typee", at_ms=1)])
    await world.add_user("bea", [like("bea", "lupin")])
    return world


async def test_an_export_is_published_back_as_it_is(world: World) -> None:
    publishing = Publishing(world)
    async with publishing.client() as client:
        answer = await client.get("/v1/users/anna/export")
        assert answer.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in answer.text.splitlines()]
        accepted = await client.post("/v1/events", json=lines)
    assert [line["item_id"] for line in lines] == ["typee", "moby"]
    assert {line["user_id"] for line in lines} == {"anna"}
    assert accepted.json()["accepted"] == 2


async def test_of_an_unknown_user_nothing_is_exported(world: World) -> None:
    async with Publishing(world).client() as client:
        answer = await client.get("/v1/users/nobody/export")
    assert (answer.status_code, answer.content) == (200, b"")
