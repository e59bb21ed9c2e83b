"""Reading cached profiles straight from Redis; needs `strata-client[redis]`."""

from typing import Self

from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

from strata_client.quick import QuickProfile, cache_key, from_cache

__all__ = ["AsyncRedisProfiles", "RedisProfiles"]


class RedisProfiles:
    """The profile cache of a namespace.

    A cache that is away, or does not answer in time, holds nothing: whoever reads asks the
    service then.

    Args:
        url: `redis://`, `rediss://` or `unix://`.
        namespace: The service's `STRATA_NAMESPACE`.
        timeout_s: For each request.
    """

    def __init__(self, url: str, *, namespace: str = "live", timeout_s: float = 0.1) -> None:
        self._redis = Redis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        )
        self._namespace = namespace

    def read(self, tenant: str, user_id: str) -> QuickProfile | None:
        """A user's cached view; None if there is none that can be read."""
        try:
            held = self._redis.get(cache_key(self._namespace, tenant, user_id))
        except RedisError:
            return None
        return from_cache(held if isinstance(held, bytes) else None)

    def close(self) -> None:
        self._redis.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncRedisProfiles:
    """As `RedisProfiles`, for an event loop."""

    def __init__(self, url: str, *, namespace: str = "live", timeout_s: float = 0.1) -> None:
        self._redis = AsyncRedis.from_url(
            url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
        )
        self._namespace = namespace

    async def read(self, tenant: str, user_id: str) -> QuickProfile | None:
        """A user's cached view; None if there is none that can be read."""
        try:
            held = await self._redis.get(cache_key(self._namespace, tenant, user_id))
        except RedisError:
            return None
        return from_cache(held if isinstance(held, bytes) else None)

    async def close(self) -> None:
        await self._redis.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
