"""Redis's own files: an append-only file keeps what was deleted until it is written anew."""

import asyncio
from typing import Final

import structlog
from redis.exceptions import ResponseError

from stores.redis_connection import RedisConnection

__all__ = ["rewrite_files"]

_POLL_S: Final = 0.1
_BUSY: Final = "in progress"

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


async def rewrite_files(connection: RedisConnection) -> None:
    """Have the append-only file written anew, and return when the old one is gone.

    Where there is none, or the server does not let us, its files stay its operator's.

    Raises:
        StoreUnavailable: the server does not answer.
    """
    try:
        while (await _persistence(connection)).get("aof_enabled") == "1":
            await _settled(connection)
            try:
                await connection.send([("BGREWRITEAOF",)])
            except ResponseError as error:
                # Another worker, or the server itself, has begun one in between.
                if _BUSY not in str(error):
                    raise
                continue
            await _settled(connection)
            if (await _persistence(connection)).get("aof_last_bgrewrite_status") == "ok":
                return
            await asyncio.sleep(_POLL_S)
    except ResponseError as error:
        _log.warning("the files of Redis are not written anew", reason=str(error))


async def _settled(connection: RedisConnection) -> None:
    while True:
        info = await _persistence(connection)
        names = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress")
        if all(info.get(name, "0") == "0" for name in names):
            return
        await asyncio.sleep(_POLL_S)


async def _persistence(connection: RedisConnection) -> dict[str, str]:
    (reply,) = await connection.send([("INFO", "persistence")])
    if not isinstance(reply, dict):
        raise TypeError("INFO answers with a map")
    return {str(name): str(value) for name, value in reply.items()}
