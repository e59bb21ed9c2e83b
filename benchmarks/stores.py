"""Claims, writes and reads of users per second, per store: `python -m benchmarks.stores URL…`.

A URL is what `open_profile_stores` takes; `test-rest` and `test-grpc` start the
test server. Each store gets users in batches of 512, several batches in flight
as the profile agent has them.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
from msgspec.structs import replace

from benchmarks.qdrant import test_server
from profiles.ports import Token, UserRecord
from stores.connect import ProfileStores, open_profile_stores

BATCH = 512
IN_FLIGHT = 4


async def in_batches(
    batches: Sequence[Sequence[UserRecord]],
    call: Callable[[Sequence[UserRecord]], Awaitable[object]],
) -> float:
    """Records per second."""
    gate = asyncio.Semaphore(IN_FLIGHT)

    async def one(batch: Sequence[UserRecord]) -> None:
        async with gate:
            await call(batch)

    started = time.perf_counter()
    await asyncio.gather(*(one(batch) for batch in batches))
    return sum(map(len, batches)) / (time.perf_counter() - started)


@asynccontextmanager
async def opened(url: str, dimension: int, directory: Path) -> AsyncIterator[ProfileStores]:
    if url.startswith("test-"):
        with test_server(directory) as server:
            address = server.grpc_url if url == "test-grpc" else server.rest_url
            stores = await open_profile_stores(address, namespace="bench", dimension=dimension)
            yield stores
            await stores.close()
        return
    address = f"edge://{directory}" if url == "edge" else url
    stores = await open_profile_stores(
        address, namespace="bench", dimension=dimension, timeout_s=60
    )
    yield stores
    await stores.close()


def touched(claimed: UserRecord, dimension: int, rng: np.random.Generator) -> UserRecord:
    direction = rng.standard_normal(dimension).astype(np.float32)
    return replace(
        claimed,
        token=Token(1),
        version=claimed.version + 1,
        state=os.urandom(900),
        outbox=os.urandom(100),
        vector=direction / np.linalg.norm(direction),
        mass=1.0,
    )


async def measure(url: str, *, users: int, dimension: int) -> None:
    rng = np.random.default_rng(0)
    names = [("default", f"user {number}") for number in range(users)]
    slices = [slice(start, start + BATCH) for start in range(0, users, BATCH)]
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as path:
        async with opened(url, dimension, Path(path)) as stores:
            claimed: list[UserRecord] = []

            async def claim(batch: Sequence[UserRecord], *, token: int) -> None:
                pairs = [(one.tenant, one.user_id) for one in batch]
                claimed.extend(await stores.users.claim(pairs, partition=0, token=Token(token)))

            started = time.perf_counter()
            for part in slices:
                claimed += await stores.users.claim(names[part], partition=0, token=Token(1))
            fresh = users / (time.perf_counter() - started)

            records = [touched(one, dimension, rng) for one in claimed]
            batches = [records[part] for part in slices]
            write = await in_batches(batches, stores.users.write)
            again = await in_batches(batches, stores.users.write)
            read = await in_batches(
                batches, lambda batch: stores.users.read([one.key for one in batch])
            )
            claim_again = await in_batches(batches, lambda batch: claim(batch, token=2))

            lookups = [records[n].key for n in rng.integers(0, users, 200)]
            started = time.perf_counter()
            for key in lookups:
                await stores.users.read([key])
            lookup_ms = (time.perf_counter() - started) / len(lookups) * 1e3
            started = time.perf_counter()
            for _ in range(20):
                await stores.users.similar(
                    tenant="default", vector=records[0].vector, space=0, limit=10
                )
            similar_ms = (time.perf_counter() - started) / 20 * 1e3
    print(
        f"{url:12} claims of new users {fresh:7.0f}/s  writes {write:7.0f}/s  again {again:7.0f}/s"
        f"  reads {read:7.0f}/s  claims of known users {claim_again:7.0f}/s"
        f"  one read {lookup_ms:.2f} ms  similar {similar_ms:.1f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="*", default=["edge", ":memory:", "test-rest", "test-grpc"])
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--dimension", type=int, default=384)
    options = parser.parse_args()
    for url in options.urls:
        asyncio.run(measure(url, users=options.users, dimension=options.dimension))


if __name__ == "__main__":
    main()
