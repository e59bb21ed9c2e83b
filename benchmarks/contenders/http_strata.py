"""The lookup service over the profiles in Redis, as `strata serve` runs it, without Qdrant."""

import sys

from benchmarks.lookups import NAMESPACE
from benchmarks.people import described_items
from lookup.access import LoopbackAccess
from lookup.loops import run
from lookup.queries import Lookup
from lookup.server import serve
from lookup.service import create_app
from stores.connect import open_profile_stores, open_redis


async def main(redis_url: str) -> None:
    """Serve until ended."""
    profiles = await open_profile_stores("memory://", namespace=NAMESPACE, dimension=128)
    await profiles.items.put(described_items())
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=4)
    lookup = Lookup(
        users=profiles.users,
        items=profiles.items,
        personas=profiles.personas,
        cache=live.cache,
        aggregates=live.aggregates,
    )
    serving = await serve(create_app(lookup, access=LoopbackAccess()), port=0)
    sys.stdout.write(f"{serving.url}\n")
    sys.stdout.flush()
    await serving.wait()


if __name__ == "__main__":
    run(main(sys.argv[1]))
