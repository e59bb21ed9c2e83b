"""The lookup service over the profiles in Redis, as `strata serve` runs it, without Qdrant."""

import sys

from benchmarks.lookups import NAMESPACE, lookup_over
from lookup.access import LoopbackAccess
from lookup.loops import run
from lookup.server import serve
from lookup.service import create_app
from stores.connect import open_redis


async def main(redis_url: str) -> None:
    """Serve until ended."""
    live = await open_redis(redis_url, namespace=NAMESPACE, partitions=4)
    lookup = await lookup_over(live)
    serving = await serve(create_app(lookup, access=LoopbackAccess()), port=0)
    sys.stdout.write(f"{serving.url}\n")
    sys.stdout.flush()
    await serving.wait()


if __name__ == "__main__":
    run(main(sys.argv[1]))
