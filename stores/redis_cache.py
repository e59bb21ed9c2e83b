"""The profile cache in Redis."""

from collections.abc import Sequence

from profiles.ports import ProfileCache
from stores.points import batches
from stores.redis_connection import RedisConnection, script_command
from stores.redis_scripts import PUT_VIEW

__all__ = ["RedisProfileCache"]


class RedisProfileCache(ProfileCache):
    """One key per user, whose value is the version in 8 bytes and the view.

    A key lives for `ttl_s` after its last change: users who went away leave the
    memory, and so does a view that a fenced worker put back after `forget`.
    """

    def __init__(self, connection: RedisConnection, *, namespace: str, ttl_s: int = 86_400) -> None:
        self._connection = connection
        self._prefix = f"strata:{namespace}:view:".encode()
        self._ttl_s = ttl_s

    async def put(self, views: Sequence[tuple[bytes, int, bytes]]) -> None:
        for batch in batches(views):
            await self._connection.run_all(
                PUT_VIEW,
                [
                    script_command(
                        PUT_VIEW,
                        keys=[self._key(key)],
                        arguments=[version.to_bytes(8, "big") + view, self._ttl_s],
                    )
                    for key, version, view in batch
                ],
            )

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        replies = await self._connection.send([("GET", self._key(key)) for key in keys])
        return [reply[8:] if isinstance(reply, bytes) else None for reply in replies]

    async def forget(self, keys: Sequence[bytes]) -> None:
        await self._connection.send([("UNLINK", self._key(key)) for key in keys])

    def _key(self, user: bytes) -> bytes:
        return self._prefix + user.hex().encode()
