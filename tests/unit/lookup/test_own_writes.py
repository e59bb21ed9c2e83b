"""Reads that name a token answer no older than it, or say that they cannot yet."""

import asyncio

import httpx
import msgspec
import pytest
from ingest_world import PARTITIONS, RATED, Publishing
from lookup_world import TOKEN, World
from msgspec.structs import replace

from lookup.own_writes import _BOOKMARK
from profiles.ids import user_key
from profiles.ports import Control
from schemas import topics
from schemas.keys import record_key
from schemas.partitions import partition_of
from schemas.positions import encode_token
from schemas.snapshots import decode_profile, encode_profile
from schemas.views import AcceptedView, Problem
from streams import ownership

pytestmark = pytest.mark.anyio

HOME = partition_of(b"ishmael", PARTITIONS)


@pytest.fixture
def publishing(world: World) -> Publishing:
    return Publishing(world)


async def bookmarked(publishing: Publishing, topic: str, next_offset: int) -> None:
    control = await publishing.control.read(HOME) or await publishing.control.take(HOME, "nonce")
    await publishing.control.bookmark(
        Control(HOME, control.token, "nonce"), {_BOOKMARK + topic: next_offset}
    )


def token_of(*, topic: str = topics.INTERACTIONS, offset: int, partition: int = HOME) -> str:
    return encode_token({(topic, partition): offset})


def asking(client: httpx.AsyncClient, token: str) -> dict[str, httpx.Request]:
    at_least = {"at_least": token}
    return {
        "profile": client.build_request("GET", "/v1/profiles/ishmael", params=at_least),
        "profiles": client.build_request(
            "POST", "/v1/profiles:batchGet", params=at_least, json={"user_ids": ["x", "ishmael"]}
        ),
        "rank": client.build_request(
            "POST", "/v1/rank", params=at_least, json={"user_id": "ishmael"}
        ),
        "similar": client.build_request("GET", "/v1/users/ishmael/similar", params=at_least),
    }


def not_yet(answer: httpx.Response) -> bool:
    if answer.status_code == 200:
        return False
    assert answer.status_code == 503, answer.text
    assert answer.headers["retry-after"] == "1"
    return Problem.model_validate_json(answer.content).type == "urn:strata:problem:not-yet"


def test_the_bookmarks_are_named_as_the_write_side_names_them() -> None:
    assert _BOOKMARK == ownership.BOOKMARK


@pytest.mark.parametrize("question", ["profile", "profiles", "rank", "similar"])
async def test_a_question_is_answered_from_the_offset_after_the_token_on(
    publishing: Publishing, question: str
) -> None:
    async with publishing.client() as client:
        request = asking(client, token_of(offset=5))[question]
        assert not_yet(await client.send(request))
        await bookmarked(publishing, topics.INTERACTIONS, 5)
        assert not_yet(await client.send(request))
        await bookmarked(publishing, topics.PREFERENCES, 6)
        assert not_yet(await client.send(request))
        await bookmarked(publishing, topics.INTERACTIONS, 6)
        assert not not_yet(await client.send(request))


async def test_it_waits_for_what_comes_soon(publishing: Publishing) -> None:
    publishing.wait_s = 20.0
    async with publishing.client() as client:
        request = asking(client, token_of(offset=0))["profile"]
        answer = asyncio.create_task(client.send(request))
        await asyncio.sleep(0.05)
        assert not answer.done()
        await bookmarked(publishing, topics.INTERACTIONS, 1)
        assert not not_yet(await asyncio.wait_for(answer, 10))


async def test_a_cached_view_older_than_the_stored_user_is_waited_for(
    publishing: Publishing, world: World
) -> None:
    key = user_key("default", "ishmael")
    (record,) = await world.users.read([key])
    assert record is not None
    await world.users.write([replace(record, version=2, token=TOKEN)])
    await bookmarked(publishing, topics.INTERACTIONS, 1)
    async with publishing.client() as client:
        request = asking(client, token_of(offset=0))["profile"]
        assert not_yet(await client.send(request))
        (view,) = await world.cache.get([key])
        assert view is not None
        newer = msgspec.structs.replace(decode_profile(view), version=2)
        await world.cache.put([(key, 2, encode_profile(newer))])
        assert not not_yet(await client.send(request))


@pytest.mark.parametrize("body", [None, b"\x09 of another format"])
async def test_a_view_that_will_not_be_used_is_not_waited_for(
    publishing: Publishing, world: World, body: bytes | None
) -> None:
    key = user_key("default", "ishmael")
    await world.cache.forget([key])
    if body is not None:
        await world.cache.put([(key, 1, body)])
    await bookmarked(publishing, topics.INTERACTIONS, 1)
    async with publishing.client() as client:
        assert not not_yet(await client.send(asking(client, token_of(offset=0))["profile"]))


async def test_a_cache_that_is_away_holds_nobody_up(publishing: Publishing, world: World) -> None:
    await bookmarked(publishing, topics.INTERACTIONS, 1)
    world.cache.down = True
    async with publishing.client() as client:
        assert not not_yet(await client.send(asking(client, token_of(offset=0))["profile"]))


@pytest.mark.parametrize(
    "token",
    [
        token_of(offset=9, partition=(HOME + 1) % PARTITIONS),
        token_of(offset=9, topic=topics.ITEMS),
        encode_token({}),
    ],
)
async def test_events_of_others_are_not_waited_for(publishing: Publishing, token: str) -> None:
    async with publishing.client() as client:
        assert not not_yet(await client.send(asking(client, token)["profile"]))


@pytest.mark.parametrize("token", ["", "nonsense", "ü", token_of(offset=1)[:-3], "A" * 20_000])
async def test_what_is_no_token_is_a_problem(publishing: Publishing, token: str) -> None:
    async with publishing.client() as client:
        answer = await client.get("/v1/profiles/ishmael", params={"at_least": token})
    assert answer.status_code == 422
    problem = Problem.model_validate_json(answer.content)
    assert problem.fields[0].where == "query.at_least"


async def test_only_so_many_wait_at_a_time(publishing: Publishing) -> None:
    publishing.most_waiting = 2
    publishing.wait_s = 5.0
    async with publishing.client() as client:
        request = asking(client, token_of(offset=0))["profile"]
        waiting = [asyncio.create_task(client.send(request)) for _ in range(2)]
        await asyncio.sleep(0.05)
        assert not_yet(await client.send(request))
        await bookmarked(publishing, topics.INTERACTIONS, 1)
        assert not any(map(not_yet, await asyncio.gather(*waiting)))
        assert not not_yet(await client.send(request))


async def test_the_token_of_publishing_is_one_that_a_read_understands(
    publishing: Publishing,
) -> None:
    async with publishing.client() as client:
        event = RATED | {"user_id": "ishmael"}
        answer = await client.post("/v1/events", json=event)
        token = AcceptedView.model_validate_json(answer.content).token
        request = asking(client, token)["profile"]
        assert not_yet(await client.send(request))
        await bookmarked(publishing, topics.INTERACTIONS, 1)
        assert not not_yet(await client.send(request))
    assert publishing.log.records[0].key == record_key("default", "ishmael")


async def test_without_knowing_the_stores_progress_a_token_is_refused_not_ignored(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/profiles/ishmael", params={"at_least": token_of(offset=0)})
    assert answer.status_code == 501
