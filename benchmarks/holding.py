"""Whether a running service holds a rate: `python -m benchmarks.holding URL [--rate R]`.

Reads profiles of known users at R a second and publishes a twentieth of that over HTTP, by the
clock, whether or not earlier requests have been answered. For a service without keys, on this
machine alone.
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from benchmarks.load import Load, Record
from benchmarks.spread import quantile
from lookup.loopback import is_loopback
from lookup.loops import run

_PUBLISHED: Final = 20
_CONNECTIONS: Final = 128
_TIMEOUT_S: Final = 30.0
_KNOWN: Final = 1_000
_KNOWN_WITHIN_S: Final = 120.0
_LOOK_S: Final = 0.2


@dataclass(slots=True)
class _Held:
    took_s: list[float] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)


async def held(url: str, *, rate: float, minutes: float) -> bool:
    """Print what came of it; whether every request was answered as it should be."""
    published = max(1, round(rate * minutes * 60 / _PUBLISHED))
    load = Load(events=published + _KNOWN, users=_KNOWN)
    events = load.interactions()
    known = await _made_known(url, list(islice(events, _KNOWN)))
    reads, writes = _Held(), _Held()
    async with (
        aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
        ) as session,
        asyncio.TaskGroup() as asking,
    ):

        async def read(user_id: str, due_s: float) -> None:
            await _timed(session.get(f"{url}/v1/profiles/{user_id}"), reads, due_s, status=200)

        async def write(event: bytes, due_s: float) -> None:
            posted = session.post(
                f"{url}/v1/events", data=event, headers={"Content-Type": "application/json"}
            )
            await _timed(posted, writes, due_s, status=202)

        start_s = time.perf_counter()
        for number in range(round(rate * minutes * 60)):
            due_s = start_s + number / rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            asking.create_task(read(known[number % len(known)], due_s))
            if number % _PUBLISHED == 0 and (event := next(events, None)) is not None:
                asking.create_task(write(event[1], due_s))
    for name, found in (("read", reads), ("published", writes)):
        p50, p99 = (quantile(found.took_s, part) * 1e3 for part in (0.5, 0.99))
        errors = sum(found.wrong.values())
        print(
            f"{name}: {len(found.took_s):,} at {rate if found is reads else rate / _PUBLISHED:g}/s,"
            f" errors {errors} {dict(found.wrong) or ''}, p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        )
    return not reads.wrong and not writes.wrong


async def _made_known(url: str, events: Sequence[Record]) -> list[str]:
    """Publish these, and wait until their users are answered by their own evidence."""
    users = sorted({key.decode() for key, _ in events})
    body = b"[" + b",".join(event for _, event in events) + b"]"
    async with aiohttp.ClientSession() as session, asyncio.timeout(_KNOWN_WITHIN_S):
        await session.post(
            f"{url}/v1/events", data=body, headers={"Content-Type": "application/json"}
        )
        for user in users:
            address = f"{url}/v1/profiles/{user}"
            while not (await (await session.get(address)).json())["known"]:  # noqa: ASYNC110
                await asyncio.sleep(_LOOK_S)
    return users


async def _timed(
    asked: "aiohttp.client._RequestContextManager", held: _Held, due_s: float, *, status: int
) -> None:
    try:
        async with asked as answer:
            await answer.read()
            if answer.status != status:
                held.wrong[str(answer.status)] += 1
    except (aiohttp.ClientError, TimeoutError) as error:
        held.wrong[type(error).__name__] += 1
    held.took_s.append(time.perf_counter() - due_s)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--rate", type=float, default=1_000.0, help="reads a second")
    parser.add_argument("--minutes", type=float, default=5.0)
    options = parser.parse_args()
    if not is_loopback(urlsplit(options.url).hostname or ""):
        parser.error("only a service on this machine is loaded")
    if not run(held(options.url, rate=options.rate, minutes=options.minutes)):
        sys.exit(1)


if __name__ == "__main__":
    main()
