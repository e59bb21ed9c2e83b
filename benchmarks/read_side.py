"""Processor time of one lookup inside the application: `python -m benchmarks.read_side [REQUESTS]`.

Without a server and without HTTP, which other work on the machine disturbs far more.
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec
from starlette.types import Message, Scope

from benchmarks.lookups import NAMESPACE, cached, lookup_over
from benchmarks.people import people
from local.directory import DataDirectory
from local.redis import RedisServer
from lookup.access import LoopbackAccess
from lookup.loops import run
from lookup.service import create_app
from stores.connect import open_redis

_PERSONS: Final = 500
_ROUNDS: Final = 3
_AT_ONCE: Final = 100


async def main(redis_url: str, requests: int) -> None:
    """Print µs per user: of a request, of the lookup, of the cache's client; singly, and of 100."""
    persons = people(_PERSONS, entries=100)
    await cached(redis_url, persons)
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=4)
    lookup = await lookup_over(live)
    app = create_app(lookup, access=LoopbackAccess())

    async def requested(number: int) -> None:
        path = f"/v1/profiles/{persons[number % _PERSONS].user_id}"
        await app(_scope("GET", path), _nothing, _checked)

    async def looked_up(number: int) -> None:
        await lookup.profile_answer("default", persons[number % _PERSONS].user_id)

    async def fetched(number: int) -> None:
        await live.cache.get([persons[number % _PERSONS].record.key])

    lots = [persons[start : start + _AT_ONCE] for start in range(0, _PERSONS, _AT_ONCE)]
    bodies = [msgspec.json.encode({"user_ids": [one.user_id for one in lot]}) for lot in lots]
    keys = [[one.record.key for one in lot] for lot in lots]

    async def several_requested(number: int) -> None:
        body = bodies[number % len(lots)]

        async def posted() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await app(_scope("POST", "/v1/profiles:batchGet"), posted, _checked)

    async def several_fetched(number: int) -> None:
        await live.cache.get(keys[number % len(lots)])

    steps: dict[str, tuple[Callable[[int], Awaitable[None]], int]] = {
        "request": (requested, 1),
        "lookup": (looked_up, 1),
        "cache's client": (fetched, 1),
        "request, 100 at once": (several_requested, _AT_ONCE),
        "cache's client, 100 at once": (several_fetched, _AT_ONCE),
    }
    for name, (step, users) in steps.items():
        found = []
        for _ in range(_ROUNDS):
            calls = max(1, requests // users)
            start = time.process_time()
            for number in range(calls):
                await step(number)
            found.append((time.process_time() - start) / calls / users * 1e6)
        print(f"{name:28}" + ", ".join(f"{one:.1f}" for one in found) + " µs")
    await live.close()


def _scope(method: str, path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
        "state": {},
    }


async def _nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _checked(message: Message) -> None:
    if message.get("status", 200) != 200:
        raise RuntimeError(f"answered {message['status']}")


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory() as place,
        DataDirectory.lock(Path(place) / "data") as directory,
        RedisServer(directory) as redis,
    ):
        run(main(redis.address, int(sys.argv[1]) if len(sys.argv) > 1 else 5_000))
