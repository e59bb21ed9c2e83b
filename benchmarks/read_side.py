"""Processor time of one lookup inside the application: `python -m benchmarks.read_side [REQUESTS]`.

Without a server and without HTTP, which other work on the machine disturbs far more.
"""

import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

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


async def main(redis_url: str, requests: int) -> None:
    """Print µs per request: of everything, of the lookup, of the cache's client."""
    persons = people(_PERSONS, entries=100)
    await cached(redis_url, persons)
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=4)
    lookup = await lookup_over(live)
    app = create_app(lookup, access=LoopbackAccess())

    async def requested(number: int) -> None:
        path = f"/v1/profiles/{persons[number % _PERSONS].user_id}"
        await app(_scope(path), _nothing, _checked)

    async def looked_up(number: int) -> None:
        await lookup.profile_answer("default", persons[number % _PERSONS].user_id)

    async def fetched(number: int) -> None:
        await live.cache.get([persons[number % _PERSONS].record.key])

    steps: dict[str, Callable[[int], Awaitable[None]]] = {
        "request": requested,
        "lookup": looked_up,
        "cache's client": fetched,
    }
    for name, step in steps.items():
        found = []
        for _ in range(_ROUNDS):
            start = time.process_time()
            for number in range(requests):
                await step(number)
            found.append((time.process_time() - start) / requests * 1e6)
        print(f"{name:16}" + ", ".join(f"{one:.1f}" for one in found) + " µs")
    await live.close()


def _scope(path: str) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "root_path": "",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
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
