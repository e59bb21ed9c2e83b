"""Who asks by drops, or takes no answer, on any route: the service is there for everybody else."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import httpx
import pytest
from every_route import ASKED, Asked, named, publishing
from keyed_world import EVERYTHING, Keyed, bearer
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup.loops import loop_factory
from lookup.server import Serving, serve

pytestmark = pytest.mark.anyio

# Long enough for whoever is not slow, where one loop serves all of them and asks, too.
PATIENCE_S: Final = 3.0
WITHIN_S: Final = 3.0
TAKING_S: Final = 1.0
KEEP_ALIVE_S: Final = 3
BOUND_S: Final = 40.0
"""In which slow clients have to be gone: seconds, and more on a busy machine."""

LIVE: Final = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
SMALL_ROOM_BYTES: Final = 4_096


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, object]]:
    if request.param == "uvloop" and loop_factory() is None:
        pytest.skip("there is no uvloop here")
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(scope="module")
def keyed() -> Keyed:
    return Keyed(publishing())


@asynccontextmanager
async def running(
    app: ASGIApp, *, keep_alive_s: int = KEEP_ALIVE_S, taking_s: float = TAKING_S
) -> AsyncIterator[Serving]:
    serving = await serve(
        app, port=0, patience_s=PATIENCE_S, taking_s=taking_s, keep_alive_s=keep_alive_s
    )
    try:
        yield serving
    finally:
        await serving.stop()


def head_by_drops(head: bytes, _body: bytes) -> Iterator[bytes]:
    yield from (bytes([byte]) for byte in head)
    while True:
        yield b"x"


def body_by_drops(head: bytes, body: bytes) -> Iterator[bytes]:
    yield head + b"\r\nContent-Length: %d\r\n\r\n" % (len(body) + 10_000)
    yield from (bytes([byte]) for byte in body)
    while True:
        yield b" "


def packed_body_by_drops(head: bytes, body: bytes) -> Iterator[bytes]:
    return body_by_drops(head + b"\r\nContent-Encoding: gzip", b"\x1f\x8b" + body)


def pieces_by_drops(head: bytes, _body: bytes) -> Iterator[bytes]:
    yield head + b"\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"1\r\n \r\n"


def answers_not_taken(head: bytes, body: bytes) -> Iterator[bytes]:
    yield (head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body) * 10


WAYS: Final = (
    head_by_drops,
    body_by_drops,
    packed_body_by_drops,
    pieces_by_drops,
    answers_not_taken,
)


def written(asked: Asked, key: str) -> tuple[bytes, bytes]:
    """A head without its end, and a body."""
    told = named(asked, "anna")
    headers = {**told["headers"], **bearer(key), "Host": "strata.test"}
    lines = [f"{told['method']} {told['url']} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode(), told.get("content", "").encode()


@asynccontextmanager
async def connected(
    serving: Serving, *, room_bytes: int = SMALL_ROOM_BYTES
) -> AsyncIterator[socket.socket]:
    """A client with hardly any room for what it is sent."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, (serving.host, serving.port))
        yield client


async def misbehave(serving: Serving, pieces: Iterator[bytes], begun: list[None]) -> None:
    """Send without reading for as long as it is taken, and stay."""
    async with connected(serving) as client:
        begun.append(None)
        with suppress(ConnectionError):
            for piece in pieces:
                await asyncio.get_running_loop().sock_sendall(client, piece)
                await asyncio.sleep(0.05)
        await asyncio.Event().wait()


async def once_each(serving: Serving, key: str) -> None:
    """As it should be; the first time takes longest."""
    async with httpx.AsyncClient(base_url=serving.url, timeout=BOUND_S) as client:
        for asked in ASKED:
            told = named(asked, "anna")
            await client.request(**{**told, "headers": {**told["headers"], **bearer(key)}})


async def longest_wait_s(serving: Serving, key: str, over: asyncio.Event) -> float:
    """What somebody else has to wait for an answer at most, until it is over."""
    longest_s = 0.0
    async with httpx.AsyncClient(
        base_url=serving.url, headers={**bearer(key), "Host": "strata.test"}, timeout=BOUND_S
    ) as client:
        while not over.is_set():
            for path in ("/livez", "/v1/profiles/anna", "/v1/statistics"):
                began_s = time.monotonic()
                assert (await client.get(path)).status_code == 200
                longest_s = max(longest_s, time.monotonic() - began_s)
            await asyncio.sleep(0.05)
    return longest_s


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(BOUND_S):
        while not holds():  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_route_is_held_up_by_who_is_slow(
    keyed: Keyed, way: Callable[[bytes, bytes], Iterator[bytes]]
) -> None:
    key = keyed.key("default", EVERYTHING, requests_per_s=1e6, burst=1_000_000)
    app = keyed.publishing.app(access=keyed.access, body_within_s=WITHIN_S)
    over = asyncio.Event()
    async with running(app) as serving, asyncio.TaskGroup() as others:
        await once_each(serving, key)
        meanwhile = others.create_task(longest_wait_s(serving, key, over))
        begun: list[None] = []
        slow = [
            others.create_task(misbehave(serving, way(*written(asked, key)), begun))
            for asked in ASKED
        ]
        await until(lambda: len(begun) == len(ASKED))
        await until(lambda: serving.connections <= 1)
        over.set()
        for one in slow:
            one.cancel()
    assert meanwhile.result() < BOUND_S / 4


def large(size_bytes: int) -> ASGIApp:
    return Response(b"x" * size_bytes)


def endless() -> ASGIApp:
    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 10_000
            await asyncio.sleep(0)

    return StreamingResponse(pieces())


@pytest.mark.parametrize(
    "head",
    [LIVE, LIVE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
    ids=["kept", "closed"],
)
@pytest.mark.parametrize(
    "answer", [partial(large, 8 << 20), partial(large, 4 << 20), endless], ids=["8", "4", "endless"]
)
async def test_a_connection_whose_answer_nobody_takes_is_dropped(
    answer: Callable[[], ASGIApp], head: bytes
) -> None:
    async with running(answer(), keep_alive_s=600) as serving, connected(serving) as client:
        await asyncio.get_running_loop().sock_sendall(client, head)
        await until(lambda: serving.connections == 1)
        await until(lambda: serving.connections == 0)


async def test_an_answer_that_is_taken_slowly_is_given_whole() -> None:
    size_bytes = 8 << 20
    loop = asyncio.get_running_loop()
    async with (
        running(large(size_bytes)) as serving,
        connected(serving, room_bytes=1 << 16) as client,
    ):
        await loop.sock_sendall(client, LIVE)
        began_s, taken = time.monotonic(), 0
        while taken < size_bytes:
            piece = await loop.sock_recv(client, 1 << 20)
            assert piece, f"closed after {taken} bytes"
            taken += len(piece)
            # Longer than a look at it takes; but something is taken in between.
            if time.monotonic() - began_s < 3 * TAKING_S:
                await asyncio.sleep(0.1)
        assert time.monotonic() - began_s > 2 * TAKING_S


async def test_a_connection_that_asks_without_end_is_dropped() -> None:
    """Whoever reads a little has more read in, of which each request takes its room."""
    reading = asyncio.Event()

    async def after_a_while(scope: Scope, receive: Receive, send: Send) -> None:
        await reading.wait()
        await Response(b"x")(scope, receive, send)

    loop = asyncio.get_running_loop()
    # What is not taken is no reason here.
    async with running(after_a_while, taking_s=600.0) as serving, connected(serving) as client:
        await loop.sock_sendall(client, LIVE * 101)
        await asyncio.sleep(0.2)
        assert serving.connections == 1, "so many may wait"
        reading.set()
        with suppress(ConnectionError):
            for _ in range(100):
                await loop.sock_sendall(client, LIVE * 1_000)
        await until(lambda: serving.connections == 0)
