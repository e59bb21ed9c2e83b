"""Profiles are answered ahead of the app's layers as they would be within them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import structlog
from ingest_world import Publishing
from keyed_world import Keyed
from lookup_world import World, client_of
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from lookup.queries import Lookup
from lookup.server import Serving, serve
from lookup.service import create_app
from schemas.views import Problem

pytestmark = pytest.mark.anyio


@pytest.fixture
def keyed(empty_world: World) -> Keyed:
    return Keyed(Publishing(empty_world))


@pytest.fixture
async def serving(world: World) -> AsyncIterator[Serving]:
    serving = await serve(create_app(world.lookup()), port=0)
    yield serving
    await serving.stop()


async def said(serving: Serving, request: bytes, *, answers: int) -> list[tuple[bytes, bytes]]:
    """Heads and bodies of what is answered to these bytes."""
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(request)
    found: list[tuple[bytes, bytes]] = []
    async with asyncio.timeout(10):
        for _ in range(answers):
            head = await reader.readuntil(b"\r\n\r\n")
            (length,) = [
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.startswith(b"content-length:")
            ] or [0]
            found.append((head, await reader.readexactly(length)))
        if b"connection: close" in found[-1][0]:
            assert await reader.read() == b""
    writer.close()
    return found


def lines(head: bytes) -> set[bytes]:
    # The route's long answers may come packed, of which its `Vary` tells; the id is each one's.
    return {
        line.replace(b", Accept-Encoding", b"")
        for line in head.split(b"\r\n")
        if not line.startswith((b"x-request-id", b"date"))
    }


@pytest.mark.parametrize(
    "more",
    [
        *("", "Connection: close\r\n", "Connection: keep-alive\r\n", 'If-None-Match: "x"\r\n'),
        *("If-None-Match: *\r\n", "Expect: 100-continue\r\n"),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "1.1"])
async def test_the_same_bytes_are_sent_as_by_the_route(
    serving: Serving, version: str, more: str
) -> None:
    heads = []
    for query in ("", "?by=route"):
        request = f"GET /v1/profiles/ishmael{query} HTTP/{version}\r\nHost: localhost\r\n{more}\r\n"
        ((head, body),) = await said(serving, request.encode(), answers=1)
        assert head.count(b"x-request-id") == head.count(b"date:") == 1
        heads.append((lines(head), body))
    assert heads[0] == heads[1]


async def test_requests_that_come_at_once_are_answered_in_their_order(serving: Serving) -> None:
    users = ["ishmael", "nobody", "edgar", "ishmael"]
    requests = "".join(f"GET /v1/profiles/{user} HTTP/1.1\r\nHost: x\r\n\r\n" for user in users)
    found = await said(serving, requests.encode(), answers=len(users))
    for user, (head, body) in zip(users, found, strict=True):
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert f'"user_id":"{user}"'.encode() in body


async def test_an_answer_is_sent_in_one_piece(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise each header would be looked at again by the server."""

    async def never(*_: object) -> None:
        raise AssertionError("sent as messages")

    monkeypatch.setattr(RequestResponseCycle, "send", never)
    request = b"GET /v1/profiles/ishmael HTTP/1.1\r\nHost: x\r\n\r\n"
    ((head, _),) = await said(serving, request, answers=1)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_request_that_goes_on_to_the_route_counts_once(keyed: Keyed) -> None:
    world = keyed.publishing.world
    world.user_points.down = world.cache.down = True
    key = keyed.key("default", burst=1, requests_per_s=0.001)
    async with keyed.client(key) as client:
        first = await client.get("/v1/profiles/anna")
        assert "store-unavailable" in first.text
        assert (await client.get("/v1/profiles/anna")).status_code == 429


async def test_a_key_asks_for_its_own_tenant_whatever_the_path_looks_like(keyed: Keyed) -> None:
    async with keyed.client(keyed.key("shop")) as client:
        for path in ("anna", "a%6Ena", "%61nna"):
            assert (await client.get(f"/v1/profiles/{path}")).json()["tenant"] == "shop"
    async with keyed.client() as client:
        for path in ("anna", "a%6Ena"):
            assert (await client.get(f"/v1/profiles/{path}")).status_code == 401


async def test_a_bug_is_logged_and_answered_by_the_route(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(Lookup, "profile_answer", broken)
    app = create_app(world.lookup())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://strata.test") as client:
        with structlog.testing.capture_logs() as logged:
            answer = await client.get("/v1/profiles/anna", headers={"X-Request-ID": "of-ours"})
        assert answer.status_code == 500
        assert Problem.model_validate_json(answer.content).request_id == "of-ours"
        assert any(one["log_level"] == "error" for one in logged)
        counted = (await client.get("/metrics")).text
    labels = 'method="GET",route="/v1/profiles/{user_id:path}",status="500"'
    assert f"strata_http_requests_total{{{labels}}} 1.0" in counted
    # Of the request that asks.
    assert "strata_http_requests_in_progress 1.0" in counted


async def test_what_is_logged_meanwhile_names_the_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: list[dict[str, Any]] = []
    answer = Lookup.profile_answer

    async def noted(self: Lookup, tenant: str, user_id: str) -> Any:
        bound.append(structlog.contextvars.get_contextvars())
        return await answer(self, tenant, user_id)

    monkeypatch.setattr(Lookup, "profile_answer", noted)
    async with client_of(world.lookup()) as client:
        await client.get("/v1/profiles/anna", headers={"X-Request-ID": "of-ours"})
    assert bound == [{"request_id": "of-ours"}]
    assert "request_id" not in structlog.contextvars.get_contextvars()
