"""Reads over one connection: each gets its own answer, and none waits for what does not come."""

import asyncio
from urllib.parse import urlsplit

import pytest
from proxy import Trouble, proxied
from redis.asyncio import Redis

from profiles.ports import StoreUnavailable
from stores.redis_connection import RedisConnection
from stores.redis_reads import PipelinedReads, ReadRefused

pytestmark = pytest.mark.anyio


async def test_whoever_asks_at_once_is_answered_with_what_they_asked_for(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        for number in range(200):
            await redis.set(f"reads:{number}", f"value {number}")
    reads = PipelinedReads(redis_url, timeout_s=5)
    answers = await asyncio.gather(
        *(reads.ask((b"GET", f"reads:{number}".encode())) for number in range(200))
    )
    assert answers == [f"value {number}".encode() for number in range(200)]
    reads.close()


async def test_who_gives_up_leaves_their_answer_to_nobody_else(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        await redis.mset({"reads:a": "a", "reads:b": "b"})
    reads = PipelinedReads(redis_url, timeout_s=5)
    await reads.ask((b"PING",))
    gone = asyncio.ensure_future(reads.ask((b"GET", b"reads:a")))
    await asyncio.sleep(0)
    gone.cancel()
    assert await reads.ask((b"GET", b"reads:b")) == b"b"
    reads.close()


async def test_an_error_is_asked_about_again_by_the_client_that_knows_it(redis_url: str) -> None:
    reads = PipelinedReads(redis_url, timeout_s=5)
    with pytest.raises(ReadRefused, match="unknown command"):
        await reads.ask((b"NOSUCH",))
    # The connection is as good as before.
    assert await reads.ask((b"ECHO", b"x")) == b"x"
    reads.close()


async def test_a_password_and_a_database_are_said_first(redis_url: str) -> None:
    address = urlsplit(redis_url)
    named = f"redis://reader:p%40ss@{address.hostname}:{address.port}/3"
    third_url = f"redis://{address.netloc}/3"
    async with Redis.from_url(redis_url) as redis, Redis.from_url(third_url) as third:
        await redis.execute_command("ACL", "SETUSER", "reader", "on", ">p@ss", "~*", "+@read")  # type: ignore[no-untyped-call]
        await redis.execute_command("ACL", "SETUSER", "reader", "+select")  # type: ignore[no-untyped-call]
        await third.set("reads:where", "in the third")
        reads = PipelinedReads(named, timeout_s=5)
        assert await reads.ask((b"GET", b"reads:where")) == b"in the third"
        reads.close()
        wrong = PipelinedReads(named.replace("p%40ss", "wrong"), timeout_s=5)
        with pytest.raises(ReadRefused, match="WRONGPASS"):
            await wrong.ask((b"GET", b"reads:where"))
        await redis.execute_command("ACL", "DELUSER", "reader")  # type: ignore[no-untyped-call]


async def test_what_does_not_come_is_waited_for_no_longer_than_said(redis_url: str) -> None:
    port = urlsplit(redis_url).port or 0
    async with proxied(port) as proxy:
        connection = RedisConnection(f"redis://127.0.0.1:{proxy.port}/0", timeout_s=0.3)
        assert await connection.read((b"ECHO", b"before")) == b"before"
        for trouble in (Trouble.UNANSWERED, Trouble.CUT, Trouble.REFUSING):
            proxy.meet(trouble)
            async with asyncio.timeout(5):
                with pytest.raises(StoreUnavailable):
                    await connection.read((b"ECHO", b"meanwhile"))
            assert proxy.met[trouble] or trouble is Trouble.REFUSING
            proxy.meet(Trouble.NONE)
            async with asyncio.timeout(5):
                assert await connection.read((b"ECHO", b"after")) == b"after"
        await connection.close()


@pytest.mark.parametrize(
    "url", ["rediss://127.0.0.1/0", "unix:///tmp/redis.sock", "redis://127.0.0.1/0?protocol=3"]
)
def test_what_takes_more_is_left_to_the_other_client(url: str) -> None:
    assert not PipelinedReads.can_read(url)
