"""The server inside somebody else's event loop."""

import asyncio
import signal
import socket

import httpx
import pytest
from lookup_world import World

from lookup.errors import PortInUse
from lookup.server import serve
from lookup.service import create_app
from schemas.views import ProfileView

pytestmark = pytest.mark.anyio


async def test_it_serves_on_a_free_port_until_stopped(world: World) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    serving = await serve(create_app(world.lookup()), port=0)
    try:
        assert serving.port > 0
        assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before
        async with httpx.AsyncClient(base_url=serving.url) as client:
            answer = await client.get("/v1/profiles/ann%2Fexplanation")
            assert ProfileView.model_validate_json(answer.content).user_id == "ann/explanation"
    finally:
        await serving.stop()
    with socket.socket() as probe:
        assert probe.connect_ex((serving.host, serving.port)) != 0


async def test_a_port_in_use_is_one_clear_error(world: World) -> None:
    app = create_app(world.lookup())
    serving = await serve(app, port=0)
    try:
        with pytest.raises(PortInUse, match=rf"127\.0\.0\.1:{serving.port} is in use"):
            await serve(app, port=serving.port)
    finally:
        await serving.stop()


async def test_a_stopped_waiter_leaves_the_server_running(world: World) -> None:
    serving = await serve(create_app(world.lookup()), port=0)
    try:
        waiter = asyncio.create_task(serving.wait())
        await asyncio.sleep(0)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        async with httpx.AsyncClient(base_url=serving.url) as client:
            assert (await client.get("/livez")).status_code == 200
    finally:
        await serving.stop()


async def test_answers_do_not_wait_for_a_delayed_acknowledgement(world: World) -> None:
    serving = await serve(create_app(world.lookup()), port=0)
    try:
        (listener,) = serving._server.servers[0].sockets
        # asyncio turns Nagle's algorithm off only for sockets that name their protocol.
        assert listener.proto == socket.IPPROTO_TCP
    finally:
        await serving.stop()
