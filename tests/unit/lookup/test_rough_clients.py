"""Slow, silent and oversized clients are shown the door; the service answers everybody else."""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from ingest_world import RATED, Publishing
from lookup_world import World

from lookup.ingest_routes import MAX_EVENTS_BYTES
from lookup.server import Serving, configured, serve
from schemas.views import Problem

pytestmark = pytest.mark.anyio

PATIENCE_S = 0.5
WITHIN_S = 0.4


@pytest.fixture
async def serving(empty_world: World) -> AsyncIterator[Serving]:
    app = Publishing(empty_world).app(body_within_s=WITHIN_S)
    serving = await serve(app, port=0, patience_s=PATIENCE_S)
    yield serving
    await serving.stop()


async def until_closed(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(10):
        return await reader.read()


async def still_answers(serving: Serving) -> bool:
    async with httpx.AsyncClient(base_url=serving.url) as client:
        return (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "said", [b"", b"GET /livez HTTP/1.1\r\n", b"GET /livez HTTP/1.1\r\nHost: "]
)
async def test_a_head_that_does_not_end_is_given_up(serving: Serving, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(said)
    assert await until_closed(reader) == b""
    writer.close()
    assert await still_answers(serving)


@pytest.mark.parametrize(
    "said",
    [b"\x00\x01\r\n\r\n", b"GET / HTTP/1.1\r\nX: \x00\r\n\r\n", b"GET /" + b"x" * 100_000],
    ids=["bytes", "control", "long"],
)
async def test_what_is_no_http_is_told_so(serving: Serving, said: bytes) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(said)
    head, _, body = (await until_closed(reader)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert Problem.model_validate_json(body).status == 400
    writer.close()
    assert await still_answers(serving)


async def test_a_head_without_end_is_refused_before_it_is_given_up(empty_world: World) -> None:
    serving = await serve(Publishing(empty_world).app(), port=0, patience_s=600.0)
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(b"GET /livez HTTP/1.1\r\n")
    for number in range(70):
        writer.write(b"X-%d: " % number + b"x" * 1_000 + b"\r\n")
        await asyncio.sleep(0)
    try:
        assert (await until_closed(reader)).startswith(b"HTTP/1.1 400 ")
    except ConnectionError:
        # What was still under way when the connection ended may cost the sender the answer.
        pass
    finally:
        writer.close()
    assert await still_answers(serving)
    await serving.stop()


async def test_the_answer_arrives_although_more_was_sent_than_was_read(serving: Serving) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(b"GET /" + b"x" * 8_000_000)
    head = await reader.readuntil(b"\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    await writer.drain()
    assert await until_closed(reader)
    writer.close()
    assert await still_answers(serving)


async def test_a_head_by_drops_is_given_up(serving: Serving) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    started_s = time.monotonic()
    writer.write(b"GET /livez HTTP/1.1\r\nX: ")
    while not reader.at_eof() and time.monotonic() - started_s < 20 * PATIENCE_S:
        writer.write(b"x")
        await asyncio.sleep(0.02)
        if writer.is_closing():
            break
        try:
            async with asyncio.timeout(0.01):
                await reader.read(1)
        except TimeoutError:
            continue
        except ConnectionError:
            break
    assert time.monotonic() - started_s < 20 * PATIENCE_S
    writer.close()
    assert await still_answers(serving)


async def test_the_second_head_on_a_connection_is_not_waited_for_either(serving: Serving) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.readline()).endswith(b"200 OK\r\n")
    writer.write(b"GET /livez HTTP/1.1\r\n")
    assert b"live" in await until_closed(reader)
    writer.close()


async def test_a_silent_connection_is_kept_longer_than_a_head_is_waited_for(
    serving: Serving,
) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    for _ in range(2):
        writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"live" in await reader.readuntil(b"}")
        await asyncio.sleep(2 * PATIENCE_S)
    writer.close()


async def test_a_silent_connection_is_closed_in_the_end(empty_world: World) -> None:
    serving = await serve(Publishing(empty_world).app(), port=0, keep_alive_s=0)
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"live" in await until_closed(reader)
    writer.close()
    await serving.stop()


def test_connections_are_kept_for_longer_than_clients_keep_theirs() -> None:
    # Go's; who closes first may close on a request that is under way.
    assert configured("nothing:nothing").timeout_keep_alive > 90


async def test_a_body_that_does_not_come_is_answered_and_closed(serving: Serving) -> None:
    reader, writer = await asyncio.open_connection(serving.host, serving.port)
    writer.write(
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\n\r\n{"
    )
    head, _, body = (await until_closed(reader)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in head.lower()
    assert Problem.model_validate_json(body).status == 408
    writer.close()
    assert await still_answers(serving)


async def test_many_silent_connections_do_not_stop_the_service(serving: Serving) -> None:
    opened = [await asyncio.open_connection(serving.host, serving.port) for _ in range(200)]
    for _, writer in opened:
        writer.write(b"POST /v1/rank HTTP/1.1\r\n")
    assert await still_answers(serving)
    assert await asyncio.gather(*(until_closed(reader) for reader, _ in opened)) == [b""] * 200
    for _, writer in opened:
        writer.close()


async def test_an_answer_that_takes_longer_than_the_patience_is_given(empty_world: World) -> None:
    publishing = Publishing(empty_world)
    publishing.log.gate.clear()
    serving = await serve(publishing.app(body_within_s=WITHIN_S), port=0, patience_s=PATIENCE_S)
    try:
        async with httpx.AsyncClient(base_url=serving.url) as client:
            asked = asyncio.create_task(client.post("/v1/events", json=RATED))
            await asyncio.sleep(2.5 * PATIENCE_S)
            publishing.log.gate.set()
            assert (await asked).status_code == 202
    finally:
        await serving.stop()


async def test_bombs_and_giants_are_refused(serving: Serving) -> None:
    bomb = gzip.compress(b"[" + b" " * (64 << 20) + b"]", 9)
    deep = b"[" * 100_000
    giant = json.dumps([RATED] * 1_001).encode()
    json_type = {"Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=serving.url) as client:
        for body, headers, status in (
            (bomb, {"Content-Encoding": "gzip"}, 415),
            (bomb, {"Content-Encoding": "GZIP, identity"}, 415),
            (bomb, {}, 422),
            (deep, {}, 422),
            (giant, {}, 422),
            (b" " * (MAX_EVENTS_BYTES + 1), {}, 413),
        ):
            answer = await client.post("/v1/events", content=body, headers=json_type | headers)
            assert answer.status_code == status
            assert Problem.model_validate_json(answer.content).status == status
        for path in ("/v1/rank", "/v1/profiles:batchGet", "/v1/context"):
            for body in (bomb, deep):
                answer = await client.post(
                    path, content=body, headers=json_type | {"Content-Encoding": "gzip"}
                )
                assert 400 <= answer.status_code < 500
                Problem.model_validate_json(answer.content)
    assert await still_answers(serving)
