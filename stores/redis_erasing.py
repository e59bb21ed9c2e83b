"""Removing all keys of a namespace."""

from stores.redis_connection import RedisConnection, scanned

__all__ = ["erase_namespace"]

_AT_ONCE = 1_000


async def erase_namespace(connection: RedisConnection, namespace: str) -> int:
    """Remove what the cache, the aggregates and the answers keep; how many keys there were.

    A key that is written meanwhile may stay: nobody may be at work in the namespace.

    Args:
        namespace: Letters, digits, `_` and `-`, so that no part of it is a pattern.
    """
    removed = 0
    # As the adapters name them; `{…}` keeps a partition's keys in one slot of a cluster.
    for pattern in (
        f"strata:{namespace}:*",
        f"strata:{{{namespace}}}:*",
        f"strata:{{{namespace}:p*",
    ):
        cursor = 0
        while True:
            (page,) = await connection.send([("SCAN", cursor, "MATCH", pattern, "COUNT", _AT_ONCE)])
            cursor, keys = scanned(page)
            if keys:
                await connection.send([("UNLINK", *keys)])
                removed += len(keys)
            if cursor == 0:
                break
    return removed
