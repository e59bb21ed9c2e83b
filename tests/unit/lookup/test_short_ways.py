"""The short ways of what comes with a body answer as the routes do, and leave to them the rest."""

import json

import httpx
import pytest
from fastapi.routing import APIRoute
from ingest_world import RATED, Publishing
from lookup_world import World, client_of
from starlette.routing import Match

from lookup.errors import EventsNotTaken
from lookup.short_ways import ShortRoute

pytestmark = pytest.mark.anyio

# A question that is not plain, though it asks for nothing else.
BY_THE_ROUTE = "?by=route"
JSON = (b"Content-Type", b"application/json")


async def both(
    client: httpx.AsyncClient, path: str, body: bytes, headers: list[tuple[bytes, bytes]]
) -> tuple[httpx.Response, httpx.Response]:
    return (
        await client.post(path, content=body, headers=headers),
        await client.post(path + BY_THE_ROUTE, content=body, headers=headers),
    )


def told(answer: httpx.Response) -> tuple[int, object, dict[str, str]]:
    body = json.loads(answer.content) if answer.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    own = {"x-request-id", "content-length"}
    headers = {name: value for name, value in answer.headers.items() if name not in own}
    return answer.status_code, body, headers


BODIES = {
    "/v1/profiles:batchGet": [
        *(b'{"user_ids":["ishmael","edgar","nobody","ishmael"]}', b'{"user_ids":[]}'),
        *(b'{"user_ids":[""]}', b'{"user_ids":[1]}', b'{"user_ids":"ishmael"}', b"{}"),
        *(b'{"user_ids":["a"],"more":1}', b'{"user_ids":["\\ud800"]}', b'{"user_ids":["\xff"]}'),
        json.dumps({"user_ids": ["x"] * 100}).encode(),
        json.dumps({"user_ids": ["x"] * 101}).encode(),
        json.dumps({"user_ids": ["x" * 513]}).encode(),
        *(
            b'{"user_ids":["a"],"user_ids":["b"]}',
            b"",
            b"[]",
            b"null",
            b"{",
            b'\xef\xbb\xbf{"a":1}',
        ),
    ],
    "/v1/rank": [
        *(b'{"user_id":"ishmael"}', b'{"user_id":"nobody"}', b'{"user_id":""}', b'{"user_id":5}'),
        *(b'{"user_id":"ishmael","limit":2}', b'{"user_id":"ishmael","limit":0}'),
        *(b'{"user_id":"ishmael","limit":101}', b'{"user_id":"ishmael","limit":"2"}'),
        *(b'{"user_id":"ishmael","limit":2.0}', b'{"user_id":"ishmael","limit":2.5}'),
        *(b'{"user_id":"ishmael","limit":true}', b'{"user_id":"ishmael","limit":null}'),
        *(b'{"user_id":"ishmael","exclude_seen":false}', b'{"user_id":"i","exclude_seen":"no"}'),
        *(b'{"user_id":"ishmael","exclude_seen":0}', b'{"user_id":"ishmael","other":1}'),
        *(b"", b"null", b"[" * 5_000),
    ],
}


@pytest.mark.parametrize(
    ("path", "body"), [(path, body) for path, bodies in BODIES.items() for body in bodies]
)
async def test_both_ways_say_the_same(client: httpx.AsyncClient, path: str, body: bytes) -> None:
    short, long = await both(client, path, body, [JSON])
    assert told(short) == told(long)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"Content-Type", b"text/plain")],
        [(b"Content-Type", b"application/json; charset=utf-8")],
        [JSON, JSON],
        [JSON, (b"X-Strata-Tenant", b"other")],
        [JSON, (b"X-Strata-Tenant", "käse".encode())],
        [JSON, (b"X-Strata-Tenant", b"\xff")],
        [JSON, (b"X-Strata-Tenant", b"")],
        [JSON, (b"X-Strata-Tenant", b"default"), (b"X-Strata-Tenant", b"other")],
        [JSON, (b"Content-Encoding", b"gzip")],
    ],
)
@pytest.mark.parametrize("path", list(BODIES))
async def test_both_ways_read_headers_alike(
    client: httpx.AsyncClient, path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    short, long = await both(client, path, BODIES[path][0], headers)
    assert told(short) == told(long)


async def test_both_ways_say_the_same_when_stores_fail(world: World) -> None:
    world.cache.down = world.user_points.down = True
    async with client_of(world.lookup()) as client:
        for path, bodies in BODIES.items():
            short, long = await both(client, path, bodies[0], [JSON])
            assert short.status_code == 503
            assert told(short) == told(long)


async def test_what_is_plain_is_answered_without_the_route(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client_of(world.lookup()) as client:
        for path, bodies in BODIES.items():
            answers = await both(client, path, bodies[0], [JSON])
            assert {one.status_code for one in answers} == {200}

        async def never(*_: object, **__: object) -> None:
            raise AssertionError("by the route")

        monkeypatch.setattr(ShortRoute, "matches", lambda *_: (Match.NONE, {}))
        monkeypatch.setattr(APIRoute, "handle", never)
        for path, bodies in BODIES.items():
            with pytest.raises(AssertionError, match="by the route"):
                await client.post(path, content=bodies[0], headers=[JSON])
        monkeypatch.undo()
        monkeypatch.setattr(APIRoute, "handle", never)
        for path, bodies in BODIES.items():
            assert (await client.post(path, content=bodies[0], headers=[JSON])).status_code == 200


@pytest.mark.parametrize(
    ("events", "status"),
    [
        (RATED, 202),
        ([RATED, {**RATED, "event_id": "e2"}], 202),
        ({**RATED, "event_id": ""}, 422),
        ([RATED, {**RATED, "event_id": ""}], 422),
        ([], 422),
        ({**RATED, "tenant": "other"}, 403),
        ("no event", 422),
    ],
)
async def test_events_are_taken_once_on_either_way_and_refused_alike(
    empty_world: World, events: object, status: int
) -> None:
    answers: list[tuple[int, object, dict[str, str]]] = []
    for query in ("", BY_THE_ROUTE):
        publishing = Publishing(empty_world)
        async with publishing.client() as client:
            answer = await client.post(
                "/v1/events" + query, content=json.dumps(events).encode(), headers=[JSON]
            )
        assert answer.status_code == status
        taken = json.loads(answer.content).get("accepted", 0)
        assert len(publishing.log.records) == taken
        answers.append(told(answer))
    assert answers[0] == answers[1]


async def test_events_that_may_have_been_taken_are_not_sent_again_by_the_route(
    empty_world: World,
) -> None:
    publishing = Publishing(empty_world)
    asked: list[object] = []

    async def untaken(records: object) -> list[int]:
        asked.append(records)
        raise EventsNotTaken("no acknowledgement came")

    publishing.log.append = untaken  # type: ignore[method-assign]
    async with publishing.client() as client:
        answer = await client.post("/v1/events", content=json.dumps(RATED).encode(), headers=[JSON])
    assert answer.status_code == 503
    assert len(asked) == 1
