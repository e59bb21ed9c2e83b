"""FastAPI with one route: the bytes of one GET."""

import sys

from fastapi import FastAPI
from redis.asyncio import Redis
from starlette.responses import Response

from benchmarks.lookups import REFERENCE
from lookup.loops import run
from lookup.server import serve


async def main(redis_url: str) -> None:
    """Serve until ended."""
    app, redis = FastAPI(), Redis.from_url(redis_url)

    @app.get("/v1/profiles/{user_id}")
    async def _profile(user_id: str) -> Response:
        body = await redis.get(f"{REFERENCE}/v1/profiles/{user_id}")
        return Response(body, media_type="application/json")

    serving = await serve(app, port=0)
    sys.stdout.write(f"{serving.url}\n")
    sys.stdout.flush()
    await serving.wait()


if __name__ == "__main__":
    run(main(sys.argv[1]))
