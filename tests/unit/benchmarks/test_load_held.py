"""What the service is asked under load, and by what."""

from collections import Counter
from itertools import islice

import msgspec
import pytest
from lookup_world import World

from benchmarks.connection import Pool
from benchmarks.load import Load
from benchmarks.mix import MIX, PUBLISHED, asked
from lookup.server import serve
from lookup.service import create_app

USERS = ["anna", "anna", "anna", "ben"]


def test_requests_come_in_the_stated_shares() -> None:
    load = Load(events=20_000, users=100, items=20)
    drawn = Counter(one.kind for one in islice(asked(USERS, load.interactions()), 10_000))
    assert {kind: count / 10_000 for kind, count in drawn.items()} == pytest.approx(MIX, abs=0.02)


def test_strangers_are_asked_about_once_and_the_active_more_often() -> None:
    load = Load(events=20_000, users=100, items=20)
    paths = Counter(one.path for one in islice(asked(USERS, load.interactions()), 10_000))
    strangers = [count for path, count in paths.items() if "stranger" in path]
    assert len(strangers) > 100
    assert set(strangers) == {1}
    assert paths["/v1/profiles/anna"] > 2 * paths["/v1/profiles/ben"]


def test_it_ends_with_the_events_that_there_are_to_publish() -> None:
    load = Load(events=100, users=10, items=5)
    bodies = [one.body for one in asked(USERS, load.interactions()) if one.status == 202]
    published = [event for body in bodies for event in msgspec.json.decode(body or b"")]
    assert len(bodies) == 100 / PUBLISHED
    assert len({event["event_id"] for event in published}) == 100


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_one_connection_answers_one_question_after_another() -> None:
    serving = await serve(create_app(World().lookup()), port=0)
    try:
        async with Pool.opened(serving.url, most=1) as pool:
            status, body = await pool.ask("/v1/profiles/anna")
            assert (status, msgspec.json.decode(body)["user_id"]) == (200, "anna")
            status, body = await pool.ask("/v1/profiles:batchGet", b'{"user_ids": ["ben"]}')
            assert (status, msgspec.json.decode(body)["profiles"][0]["user_id"]) == (200, "ben")
            assert (await pool.ask("/v1/profiles:batchGet", b"{}"))[0] == 422
    finally:
        await serving.stop()
