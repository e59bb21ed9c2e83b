"""Reading one profile over HTTP, beside a route that has nothing to do."""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil
from redis.asyncio import Redis

from benchmarks.connection import Connection
from benchmarks.lookups import REFERENCE
from benchmarks.people import Person
from benchmarks.running import ContenderFailed
from benchmarks.spread import quantile

__all__ = ["Served", "served"]

_ROOT: Final = Path(__file__).parent.parent
_CONNECTIONS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """One service under one load.

    Attributes:
        p99_ms: From when a request was due to the last byte of its answer.
        cpu_us: Processor time of the service's process per request.
    """

    p99_ms: float
    cpu_us: float


async def served(
    redis_url: str, persons: list[Person], *, rate: float, seconds: float, rounds: int
) -> list[tuple[Served, Served]]:
    """`GET /v1/profiles/{id}`, and a route that returns the same bytes, in turn.

    The route is FastAPI's and makes one GET, on the same server and event loop. Requests leave
    by the clock, at `rate` a second, whether or not earlier ones have been answered.
    """
    paths = [f"/v1/profiles/{one.user_id}" for one in persons]
    async with _serving("http_strata", redis_url) as ours, _serving("http_plain", redis_url) as raw:
        await _copied(redis_url, ours.url, paths)
        return [
            (
                await _asked(ours, paths, rate=rate, seconds=seconds),
                await _asked(raw, paths, rate=rate, seconds=seconds),
            )
            for _ in range(rounds)
        ]


async def _copied(redis_url: str, url: str, paths: list[str]) -> None:
    """The answers of a service, for the other to return."""
    connection = await Connection.opened(url)
    plain = Redis.from_url(redis_url)
    try:
        for path in paths:
            await plain.set(REFERENCE + path, await _got(connection, path))
    finally:
        await plain.aclose()
        connection.close()


@dataclass(frozen=True, slots=True)
class _Service:
    url: str
    process: psutil.Process

    def cpu_s(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


async def _asked(service: _Service, paths: list[str], *, rate: float, seconds: float) -> Served:
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    connections = [await Connection.opened(service.url) for _ in range(_CONNECTIONS)]
    for connection in connections:
        await _got(connection, paths[0])
        idle.put_nowait(connection)
    took: list[float] = []

    async def ask(path: str, due: float) -> None:
        connection = await idle.get()
        await _got(connection, path)
        took.append(time.perf_counter() - due)
        idle.put_nowait(connection)

    cpu_s, start = service.cpu_s(), time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        for number in range(round(rate * seconds)):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asking.create_task(ask(paths[number % len(paths)], due))
    cpu_s = service.cpu_s() - cpu_s
    for connection in connections:
        connection.close()
    return Served(p99_ms=quantile(took, 0.99) * 1e3, cpu_us=cpu_s / len(took) * 1e6)


async def _got(connection: Connection, path: str) -> bytes:
    status, body = await connection.ask(path)
    if status != 200:
        raise ContenderFailed(f"{path} was answered {status}: {body[:200]!r}")
    return body


@asynccontextmanager
async def _serving(contender: str, redis_url: str) -> AsyncIterator[_Service]:
    """A service in a process of its own, which prints its URL first."""
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
        yield _Service(url, psutil.Process(process.pid))
    finally:
        process.terminate()
        await process.wait()
