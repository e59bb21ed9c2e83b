"""Which failures of a server say "again", and which are bugs."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from qdrant_client.http.exceptions import UnexpectedResponse
from qdrant_server import rest
from qdrant_server.fixture import QdrantTestServer
from redis.asyncio import Redis
from redis.exceptions import ResponseError
from store_records import touched, vector

from profiles.ports import CounterTable, StoreUnavailable, Token
from stores.connect import open_profile_stores, open_redis
from stores.errors import StoreFull, StoreMismatch
from stores.points import Point
from stores.redis_connection import RedisConnection
from stores.users import PointUserStore

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["rest", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def url_of(server: QdrantTestServer, protocol: str) -> str:
    return server.rest_url if protocol == "rest" else server.grpc_url


async def test_nobody_listening_is_unavailable() -> None:
    for url in ("http://127.0.0.1:1?grpc_port=0", "http://127.0.0.1:1?grpc_port=1"):
        with pytest.raises(StoreUnavailable, match="Qdrant could not ask for the version"):
            await open_profile_stores(url, namespace="t", dimension=4, timeout_s=1)
    with pytest.raises(StoreUnavailable, match="Redis"):
        await open_redis("redis://127.0.0.1:1/0", namespace="t", partitions=1, timeout_s=1)


@pytest.fixture
async def silent_port(anyio_backend: str) -> AsyncIterator[int]:
    """Accepts connections and never answers."""
    assert anyio_backend == "asyncio"
    over = asyncio.Event()

    async def ignore(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    over.set()
    server.close()
    await server.wait_closed()


async def test_a_server_that_does_not_answer_in_time_is_unavailable(silent_port: int) -> None:
    for url in (
        f"http://127.0.0.1:{silent_port}?grpc_port=0",
        f"http://127.0.0.1:{silent_port}?grpc_port={silent_port}",
    ):
        with pytest.raises(StoreUnavailable):
            await open_profile_stores(url, namespace="t", dimension=4, timeout_s=0.5)
    with pytest.raises(StoreUnavailable):
        await open_redis(
            f"redis://127.0.0.1:{silent_port}/0", namespace="t", partitions=1, timeout_s=0.5
        )


async def test_a_server_killed_in_the_middle_is_unavailable_and_has_kept_what_it_answered(
    tmp_path: Path, protocol: str
) -> None:
    with QdrantTestServer(tmp_path) as server:
        stores = await open_profile_stores(url_of(server, protocol), namespace="t", dimension=4)
        (ann,) = await stores.users.claim([("t", "ann")], partition=0, token=Token(1))
        await stores.users.write([touched(ann, token=1)])
        server.kill()
        with pytest.raises(StoreUnavailable):
            await stores.users.write([touched(ann, token=1)])
        with pytest.raises(StoreUnavailable):
            await stores.users.read([ann.key])
        await stores.close()
    with QdrantTestServer(tmp_path) as server:
        stores = await open_profile_stores(url_of(server, protocol), namespace="t", dimension=4)
        (found,) = await stores.users.read([ann.key])
        assert found is not None
        assert found.state == b"state"
        await stores.close()


async def test_several_openers_at_once_agree_on_one_collection(
    qdrant_server: QdrantTestServer, protocol: str, namespace: str
) -> None:
    url = url_of(qdrant_server, protocol)
    opened = await asyncio.gather(
        *(open_profile_stores(url, namespace=namespace, dimension=4) for _ in range(4))
    )
    for number, stores in enumerate(opened):
        await stores.users.claim([("t", f"user {number}")], partition=0, token=Token(1))
    assert [await stores.users.count() for stores in opened] == [4, 4, 4, 4]
    for stores in opened:
        await stores.close()


async def test_another_dimension_is_refused(
    qdrant_server: QdrantTestServer, protocol: str, namespace: str
) -> None:
    url = url_of(qdrant_server, protocol)
    await (await open_profile_stores(url, namespace=namespace, dimension=4)).close()
    with pytest.raises(StoreMismatch, match="other vectors"):
        await open_profile_stores(url, namespace=namespace, dimension=5)


async def test_a_request_the_server_refuses_is_a_bug_and_not_retried(
    qdrant_server: QdrantTestServer, namespace: str
) -> None:
    stores = await open_profile_stores(qdrant_server.rest_url, namespace=namespace, dimension=4)
    assert isinstance(stores.users, PointUserStore)
    points = stores.users._points
    with pytest.raises(UnexpectedResponse, match="400"):
        await points.upsert([Point("not a uuid", vector(0, 0, 0, 0), {})])
    await stores.close()


async def test_a_server_that_would_ignore_conditions_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import uvicorn
    from qdrant_server.engine import Engine

    monkeypatch.setattr(rest, "VERSION", "1.16.3")
    server = uvicorn.Server(
        uvicorn.Config(
            rest.rest_application(Engine(tmp_path)), port=0, log_level="warning", lifespan="off"
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 -- uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    with pytest.raises(StoreMismatch, match=r"1\.16\.3 ignores conditions"):
        await open_profile_stores(
            f"http://127.0.0.1:{port}?grpc_port=0", namespace="t", dimension=4
        )
    server.should_exit = True
    await serving


async def test_an_emptied_redis_is_noticed_and_takes_nothing(
    redis_url: str, namespace: str
) -> None:
    from redis.asyncio import Redis

    # A database of its own: FLUSHDB must not reach other tests.
    url = f"{redis_url.rpartition('/')[0]}/9"
    stores = await open_redis(url, namespace=namespace, partitions=4)
    store, table = stores.aggregates, CounterTable("t", "", "popularity")
    await store.begin_build(0, token=Token(1), epoch=1)
    await store.finish_build(0, token=Token(1), epoch=1)
    async with Redis.from_url(url) as redis:
        await redis.flushdb()
        await redis.script_flush()
    assert (await store.applied(0, [b"user"])).epoch is None
    assert await store.built_epoch(0) is None
    assert not await store.apply(
        partition=0,
        token=Token(1),
        epoch=1,
        expected={},
        versions={b"user": 1},
        increments={table: {b"a": 1}},
        watermarks_ms={},
    )
    assert await store.tables(0) == []
    # The build that was under way does not become a finished one.
    await store.finish_build(0, token=Token(1), epoch=1)
    assert await store.built_epoch(0) is None
    await stores.close()


async def test_keys_of_one_partition_share_a_slot_whatever_they_are_named(
    redis_url: str, namespace: str
) -> None:
    from redis.asyncio import Redis
    from redis.crc import key_slot

    stores = await open_redis(redis_url, namespace=namespace, partitions=4)
    await stores.aggregates.begin_build(3, token=Token(1), epoch=1)
    tables = {CounterTable("{x}", "}{", "s", part): {b"{f}": 1} for part in ("{", "}", "{}")}
    assert await stores.aggregates.apply(
        partition=3,
        token=Token(1),
        epoch=1,
        expected={},
        versions={b"user": 1},
        increments=tables,
        watermarks_ms={"{t}": 1},
    )
    async with Redis.from_url(redis_url) as redis:
        keys = [key async for key in redis.scan_iter(match=f"strata:*{namespace}*")]
    assert len(keys) > len(tables)
    assert {key_slot(key) for key in keys} == {key_slot(f"{namespace}:p3".encode())}
    await stores.close()


async def test_a_redis_that_is_busy_with_a_script_is_unavailable(redis_url: str) -> None:
    """On a slow machine a step of a rebuild may take longer than Redis lets others wait."""
    stores = await open_redis(redis_url, namespace="t", partitions=1, timeout_s=5)
    async with Redis.from_url(redis_url) as other:
        await other.config_set("busy-reply-threshold", "20")
        endless = asyncio.ensure_future(other.eval("while true do end", 0))
        try:
            await asyncio.sleep(0.2)
            with pytest.raises(StoreUnavailable, match="BUSY"):
                await stores.aggregates.wanted_epoch()
        finally:
            await other.script_kill()
            with pytest.raises(ResponseError):
                await endless
            await other.config_set("busy-reply-threshold", "5000")
    assert await stores.aggregates.wanted_epoch() >= 0
    await stores.close()


async def test_a_redis_that_cannot_write_to_its_disk_is_full(redis_url: str) -> None:
    refusal = "MISCONF Errors writing to the AOF file: No space left on device"
    connection = RedisConnection(redis_url, timeout_s=5)
    with pytest.raises(StoreFull, match="No space left on device"):
        await connection.send([("EVAL", f"return redis.error_reply('{refusal}')", 0)])
    await connection.close()
