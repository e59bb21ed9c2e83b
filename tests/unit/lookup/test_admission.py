"""More than can be answered is refused at once, and what is taken in is answered."""

import asyncio

import httpx
import pytest
from lookup_world import World
from starlette.types import Message, Scope

from lookup.admission import Admission, Places
from lookup.service import create_app
from schemas.views import Problem

pytestmark = pytest.mark.anyio


def service_of(world: World, *, most: int) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(create_app(world.lookup(), most_at_once=most))
    return httpx.AsyncClient(transport=transport, base_url="http://strata.test")


async def test_what_is_beyond_is_told_to_come_back_and_the_rest_is_answered(world: World) -> None:
    async with service_of(world, most=3) as client:
        answers = await asyncio.gather(*(client.get("/v1/profiles/nobody") for _ in range(10)))
        refused = [one for one in answers if one.status_code == 503]
        assert sorted(one.status_code for one in answers) == [200] * 3 + [503] * 7
        assert {one.headers["retry-after"] for one in refused} == {"1"}
        problem = Problem.model_validate_json(refused[0].content)
        assert problem.type == "urn:strata:problem:overloaded"
        assert problem.request_id == refused[0].headers["x-request-id"]
        # Whatever was refused or answered has given its place back.
        assert (await client.get("/v1/profiles/nobody")).status_code == 200


async def test_a_failure_gives_its_place_back(world: World) -> None:
    world.cache.down = world.user_points.down = True
    async with service_of(world, most=1) as client:
        for _ in range(3):
            answer = await client.get("/v1/profiles/nobody")
            assert "store-unavailable" in answer.text


async def test_probes_and_metrics_are_answered_whatever_else_is_under_way() -> None:
    going_on = asyncio.Event()
    asked: list[str] = []

    async def app(scope: Scope, _receive: object, _send: object) -> None:
        asked.append(scope["path"])
        if scope["path"].startswith("/v1/"):
            await going_on.wait()

    admission = Admission(app, places=Places(1))
    waiting = asyncio.ensure_future(admission(a_scope("GET", "/v1/profiles/x"), nothing, unsent))
    await asyncio.sleep(0)
    for path in ("/livez", "/readyz", "/metrics"):
        await admission(a_scope("GET", path), nothing, unsent)
    going_on.set()
    await waiting
    assert asked == ["/v1/profiles/x", "/livez", "/readyz", "/metrics"]


async def test_who_sends_slowly_keeps_nobody_out() -> None:
    answered: list[str] = []

    async def app(scope: Scope, receive: object, _send: object) -> None:
        assert callable(receive)
        while (await receive())["more_body"]:
            pass
        answered.append(scope["path"])

    rest = asyncio.Event()
    pieces = iter([True, False])

    async def slowly() -> Message:
        more = next(pieces)
        if not more:
            await rest.wait()
        return {"type": "http.request", "body": b"{", "more_body": more}

    admission = Admission(app, places=Places(1))
    slow = asyncio.ensure_future(admission(a_scope("POST", "/v1/events"), slowly, unsent))
    await asyncio.sleep(0)
    await admission(a_scope("POST", "/v1/rank"), nothing, unsent)
    rest.set()
    await slow
    assert answered == ["/v1/rank", "/v1/events"]


def a_scope(method: str, path: str) -> Scope:
    return {"type": "http", "method": method, "path": path, "headers": []}


async def nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def unsent(message: Message) -> None:
    raise AssertionError(f"answered {message}")
