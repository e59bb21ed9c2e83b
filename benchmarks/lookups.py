"""Reading one profile: directly from Redis, and over HTTP."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from redis.asyncio import Redis

from benchmarks.people import Person
from benchmarks.running import ContenderFailed
from benchmarks.spread import quantile
from schemas.snapshots import decode_profile
from stores.connect import open_redis

__all__ = ["cached", "direct_us", "http_p99_ms"]

NAMESPACE: Final = "bench-lookups"
REFERENCE: Final = "bench-reference:"
_ROOT: Final = Path(__file__).parent.parent
_PARTITIONS: Final = 4
_CONNECTIONS: Final = 32


async def cached(redis_url: str, persons: list[Person]) -> None:
    """Put the views where lookups find them, and the same bytes where nobody decodes them."""
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=_PARTITIONS)
    plain = Redis.from_url(redis_url)
    try:
        await live.cache.put([(one.record.key, one.record.version, one.view) for one in persons])
        await plain.mset({REFERENCE + one.user_id: one.view for one in persons})
    finally:
        await plain.aclose()
        await live.close()


async def direct_us(
    redis_url: str, persons: list[Person], *, lookups: int, rounds: int
) -> list[tuple[float, float]]:
    """Median µs of a lookup with decoding, and of redis-py's GET, in rounds that alternate."""
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=_PARTITIONS)
    plain = Redis.from_url(redis_url)
    found: list[tuple[float, float]] = []
    try:
        for _ in range(rounds):
            ours: list[float] = []
            theirs: list[float] = []
            for number in range(lookups):
                person = persons[number % len(persons)]
                start = time.perf_counter()
                (body,) = await live.cache.get([person.record.key])
                profile = decode_profile(body or b"")
                between = time.perf_counter()
                value = await plain.get(REFERENCE + person.user_id)
                end = time.perf_counter()
                if profile.user_id != person.user_id or value != person.view:
                    raise RuntimeError("a lookup found something else")
                ours.append(between - start)
                theirs.append(end - between)
            found.append((quantile(ours, 0.5) * 1e6, quantile(theirs, 0.5) * 1e6))
    finally:
        await plain.aclose()
        await live.close()
    return found


async def http_p99_ms(
    redis_url: str, persons: list[Person], *, rate: float, seconds: float, rounds: int
) -> list[tuple[float, float]]:
    """99th percentile of `GET /v1/profiles/{id}`, and of a route that returns the same bytes.

    The route is FastAPI's and makes one GET. Requests leave by the clock, at `rate` a second,
    whether or not earlier ones have been answered; each is timed from when it was due.
    """
    paths = [f"/v1/profiles/{one.user_id}" for one in persons]
    async with _serving("http_strata", redis_url) as ours, _serving("http_plain", redis_url) as raw:
        await _copied(redis_url, ours, paths)
        return [
            (
                await _p99_ms(ours, paths, rate=rate, seconds=seconds),
                await _p99_ms(raw, paths, rate=rate, seconds=seconds),
            )
            for _ in range(rounds)
        ]


async def _copied(redis_url: str, url: str, paths: list[str]) -> None:
    """The answers of a service, for the other to return."""
    connection = await _Connection.opened(url)
    plain = Redis.from_url(redis_url)
    try:
        for path in paths:
            await plain.set(REFERENCE + path, await connection.get(path))
    finally:
        await plain.aclose()
        connection.close()


async def _p99_ms(url: str, paths: list[str], *, rate: float, seconds: float) -> float:
    idle: asyncio.Queue[_Connection] = asyncio.Queue()
    connections = [await _Connection.opened(url) for _ in range(_CONNECTIONS)]
    for connection in connections:
        await connection.get(paths[0])
        idle.put_nowait(connection)
    took: list[float] = []

    async def ask(path: str, due: float) -> None:
        connection = await idle.get()
        await connection.get(path)
        took.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    start = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for number in range(round(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.create_task(ask(paths[number % len(paths)], due))
    for connection in connections:
        connection.close()
    return quantile(took, 0.99) * 1e3


class _Connection:
    """One kept-alive HTTP/1.1 connection; no more of HTTP than these services speak."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def opened(cls, url: str) -> "_Connection":
        parts = urlsplit(url)
        return cls(*await asyncio.open_connection(parts.hostname, parts.port))

    async def get(self, path: str) -> bytes:
        self._writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())
        head = await self._reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: {head[:200]!r}")
        length = next(
            int(line.partition(b":")[2])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        return await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()


@asynccontextmanager
async def _serving(contender: str, redis_url: str) -> AsyncIterator[str]:
    """A service in a process of its own; yields its URL, which it prints first."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"benchmarks.contenders.{contender}",
        redis_url,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
    )
    if process.stdout is None:
        raise AssertionError("asked for a pipe")
    try:
        url = (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()
        if not url.startswith("http://"):
            raise ContenderFailed(f"{contender} did not start")
        yield url
    finally:
        process.terminate()
        await process.wait()
