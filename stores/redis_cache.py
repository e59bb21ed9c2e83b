"""The profile cache in Redis."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Final

import msgspec

from profiles.ports import ProfileCache
from stores.points import batches
from stores.redis_connection import (
    Argument,
    Command,
    RedisConnection,
    packed_text,
    scanned,
    script_command,
)
from stores.redis_scripts import PUT_VIEWS, SEAL

__all__ = ["RedisProfileCache"]

_SCANNED: Final = 1_000
_AT_ONCE: Final = 256
"""Views per call of the script: others wait for less than a millisecond."""

_encoder = msgspec.msgpack.Encoder()


class RedisProfileCache(ProfileCache):
    """One key per user, whose value is the version in 8 bytes and the view.

    A key lives for `ttl_s` after its last change: users who went away leave the
    memory, and so does a view that a fenced worker put back after `forget`.

    Views and seals go in one pipeline, which no restart of Redis survives: whoever is
    answered knows that one life of it took them all. Where it takes several, each raises
    the seal by a step that only the one before it can have left.
    """

    def __init__(self, connection: RedisConnection, *, namespace: str, ttl_s: int = 86_400) -> None:
        self._connection = connection
        self._prefix = f"strata:{namespace}:view:".encode()
        self._seals = f"strata:{namespace}:seal:p"
        self._ttl_s = ttl_s

    async def put(
        self,
        views: Sequence[tuple[bytes, int, bytes | None]],
        *,
        seals: Mapping[int, tuple[int, int]] | None = None,
        anew: bool = False,
    ) -> None:
        parts = batches(views, _AT_ONCE) or [[]] * bool(seals)
        for number, part in zip(count(1), parts, strict=False):
            commands: list[Command] = []
            if part:
                keys = [self._key(part[0][0])]
                arguments: list[Argument] = [self._ttl_s, self._packed(part), int(anew)]
                commands.append(script_command(PUT_VIEWS, keys=keys, arguments=arguments))
            for partition, (before, after) in (seals or {}).items():
                commands.append(self._raised(partition, before, after, number, len(parts)))
            await self._connection.run_in_order((PUT_VIEWS, SEAL), commands)

    def _packed(self, views: Sequence[tuple[bytes, int, bytes | None]]) -> bytes:
        flat: list[msgspec.Raw] = []
        for key, version, view in views:
            flat.append(packed_text(self._key(key)))
            flat.append(packed_text(version.to_bytes(8, "big") + (view or b"")))
        return _encoder.encode(flat)

    def _raised(self, partition: int, before: int, after: int, number: int, steps: int) -> Command:
        """One step of `steps` from one seal to another; the last arrives there."""
        on_the_way = [f"{after}:{step}" for step in range(1, steps)]
        names = [str(before), *on_the_way, str(after)]
        # The first is where every repetition begins, however far the call had come.
        held = names if number == 1 else [names[number - 1]]
        key = self._seal(partition)
        return script_command(SEAL, keys=[key], arguments=[names[number], *held])

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        if not keys:
            return []
        several = await self._connection.read((b"MGET", *(self._key(key) for key in keys)))
        replies = several if isinstance(several, list) else []
        return [reply[8:] if isinstance(reply, bytes) else None for reply in replies]

    async def forget(self, keys: Sequence[bytes]) -> None:
        await self._connection.send([("UNLINK", self._key(key)) for key in keys])

    async def read_seal(self, partition: int) -> int:
        (reply,) = await self._connection.send([("GET", self._seal(partition))])
        # One that is on its way is nobody's.
        return int(reply) if isinstance(reply, bytes) and reply.isdigit() else 0

    async def set_seal(self, partition: int, seal: int) -> None:
        await self._connection.send([("SET", self._seal(partition), seal)])

    async def read_versions(self, cursor: int) -> tuple[int, list[tuple[bytes, int]]]:
        (page,) = await self._connection.send(
            [("SCAN", cursor, "MATCH", self._prefix + b"*", "COUNT", _SCANNED)]
        )
        after, keys = scanned(page)
        versions = await self._connection.send([("GETRANGE", key, 0, 7) for key in keys])
        return after, [
            (bytes.fromhex(key[len(self._prefix) :].decode()), int.from_bytes(version, "big"))
            for key, version in zip(keys, versions, strict=True)
            if isinstance(version, bytes) and version
        ]

    def _key(self, user: bytes) -> bytes:
        return self._prefix + user.hex().encode()

    def _seal(self, partition: int) -> bytes:
        return f"{self._seals}{partition}".encode()
