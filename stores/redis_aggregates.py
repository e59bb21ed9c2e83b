"""Aggregates in Redis: all keys of a partition in one slot, `strata:{live:p3}:…`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from profiles.ports import AggregateStore, Applied, CounterTable, Fenced, Increments, Token
from stores.increments import require_exact
from stores.redis_connection import Argument, Command, RedisConnection, Reply, script_command
from stores.redis_scripts import APPLY, BEGIN_BUILD, DROP, FINISH_BUILD, TRIM

__all__ = ["LARGEST_APPLY", "RedisAggregateStore"]

LARGEST_APPLY = 1_000_000
"""Arguments of one `apply`; Redis takes 2**20. An increment needs two."""


@dataclass(frozen=True, slots=True)
class _Keys:
    """Of one partition. `tables` is the set of names of tables; each is a hash of its own."""

    meta: bytes
    versions: bytes
    tables: bytes
    watermarks: bytes
    table_prefix: bytes

    def table(self, table: CounterTable) -> bytes:
        return self.table_prefix + _name(table)


def _name(table: CounterTable) -> bytes:
    """Injective whatever the parts contain."""
    return msgspec.msgpack.encode((table.tenant, table.scope, table.series, table.part))


def _table(name: bytes) -> CounterTable:
    return CounterTable(*msgspec.msgpack.decode(name, type=tuple[str, str, str, str]))


class RedisAggregateStore(AggregateStore):
    """Aggregates of `partitions` partitions.

    An `apply` whose answer was lost may have been applied; repeated, it then
    answers False, because the versions are no longer as expected.
    """

    def __init__(self, connection: RedisConnection, *, namespace: str, partitions: int) -> None:
        self._connection = connection
        self._namespace = namespace
        self._partitions = partitions

    async def applied(self, partition: int, users: Sequence[bytes]) -> Applied:
        keys = self._keys(partition)
        commands: list[Command] = [("HGET", keys.meta, "epoch")]
        if users:
            commands.append(("HMGET", keys.versions, *users))
        epoch, *rest = await self._connection.send(commands, atomic=True)
        versions = _list(rest[0]) if rest else []
        return Applied(
            epoch=_optional_int(epoch),
            versions={
                user: _optional_int(version) or 0
                for user, version in zip(users, versions, strict=True)
            },
        )

    async def apply(
        self,
        *,
        partition: int,
        token: Token,
        epoch: int,
        expected: Mapping[bytes, int],
        versions: Mapping[bytes, int],
        increments: Increments,
        watermarks_ms: Mapping[str, int],
    ) -> bool:
        """See the port; more than `LARGEST_APPLY` arguments raise ValueError."""
        require_exact(increments)
        keys = self._keys(partition)
        arguments: list[Argument] = [token, epoch, keys.table_prefix]
        arguments += _counted(expected)
        arguments += _counted(versions)
        arguments.append(len(increments))
        for table, fields in increments.items():
            arguments.append(_name(table))
            arguments += _counted(fields)
        arguments += _counted(watermarks_ms)
        if len(arguments) > LARGEST_APPLY:
            raise ValueError(f"an apply of {len(arguments)} arguments; {LARGEST_APPLY} at most")
        command = script_command(
            APPLY,
            keys=[keys.meta, keys.versions, keys.tables, keys.watermarks],
            arguments=arguments,
        )
        return await self._connection.run(APPLY, command) == 1

    async def begin_build(self, partition: int, *, token: Token, epoch: int) -> None:
        keys = self._keys(partition)
        command = script_command(
            BEGIN_BUILD,
            keys=[keys.meta, keys.versions, keys.tables, keys.watermarks],
            arguments=[token, epoch, keys.table_prefix],
        )
        _require_newest(await self._connection.run(BEGIN_BUILD, command), partition)

    async def finish_build(self, partition: int, *, token: Token, epoch: int) -> None:
        command = script_command(
            FINISH_BUILD, keys=[self._keys(partition).meta], arguments=[token, epoch]
        )
        _require_newest(await self._connection.run(FINISH_BUILD, command), partition)

    async def tables(self, partition: int) -> list[CounterTable]:
        (names,) = await self._connection.send([("SMEMBERS", self._keys(partition).tables)])
        if not isinstance(names, set | list):
            raise TypeError("SMEMBERS answers with a set")
        return sorted(_table(name) for name in names if isinstance(name, bytes))

    async def drop(self, partition: int, tables: Sequence[CounterTable]) -> None:
        if tables:
            keys = self._keys(partition)
            command = script_command(
                DROP,
                keys=[keys.tables],
                arguments=[keys.table_prefix, *(_name(table) for table in tables)],
            )
            await self._connection.run(DROP, command)

    async def trim(self, partition: int, table: CounterTable, *, keep: int) -> None:
        keys = self._keys(partition)
        command = script_command(
            TRIM, keys=[keys.table(table), keys.tables], arguments=[keep, _name(table)]
        )
        await self._connection.run(TRIM, command)

    async def counters(
        self, partition: int, tables: Sequence[CounterTable]
    ) -> list[dict[bytes, int]]:
        keys = self._keys(partition)
        replies = await self._connection.send([("HGETALL", keys.table(table)) for table in tables])
        return [_counters(reply) for reply in replies]

    async def watermarks_ms(self, partition: int) -> dict[str, int]:
        (reply,) = await self._connection.send([("HGETALL", self._keys(partition).watermarks)])
        return {tenant.decode(): moment for tenant, moment in _counters(reply).items()}

    async def wanted_epoch(self) -> int:
        (reply,) = await self._connection.send([("GET", self._epoch_key())])
        return _optional_int(reply) or 1

    async def want_rebuild(self) -> int:
        _, raised = await self._connection.send(
            [("SET", self._epoch_key(), 1, "NX"), ("INCR", self._epoch_key())], atomic=True
        )
        if not isinstance(raised, int):
            raise TypeError("INCR answers with an integer")
        return raised

    async def built_epoch(self, partition: int) -> int | None:
        (reply,) = await self._connection.send(
            [("HMGET", self._keys(partition).meta, "epoch", "built")]
        )
        epoch, built = _list(reply)
        return _optional_int(epoch) if built == b"1" else None

    async def put_snapshot(self, name: str, body: bytes) -> None:
        await self._connection.send([("SET", self._snapshot_key(name), body)])

    async def get_snapshots(self, names: Sequence[str]) -> list[bytes | None]:
        replies = await self._connection.send([("GET", self._snapshot_key(name)) for name in names])
        return [reply if isinstance(reply, bytes) else None for reply in replies]

    def _keys(self, partition: int) -> _Keys:
        if not 0 <= partition < self._partitions:
            raise ValueError(f"partition {partition} of {self._partitions}")
        prefix = f"strata:{{{self._namespace}:p{partition}}}:".encode()
        return _Keys(
            meta=prefix + b"meta",
            versions=prefix + b"versions",
            tables=prefix + b"tables",
            watermarks=prefix + b"watermarks",
            table_prefix=prefix + b"table:",
        )

    def _epoch_key(self) -> bytes:
        return f"strata:{{{self._namespace}}}:epoch".encode()

    def _snapshot_key(self, name: str) -> bytes:
        return f"strata:{{{self._namespace}}}:snapshot:".encode() + name.encode()


def _counted(numbers: Mapping[bytes, int] | Mapping[str, int]) -> list[Argument]:
    """A length, and that many names with numbers."""
    arguments: list[Argument] = [len(numbers)]
    for pair in numbers.items():
        arguments += pair
    return arguments


def _require_newest(reply: Reply, partition: int) -> None:
    if reply != 1:
        raise Fenced(f"a newer owner has written the aggregates of partition {partition}")


def _list(reply: Reply) -> list[Reply]:
    if not isinstance(reply, list):
        raise TypeError("expected a list from Redis")
    return reply


def _optional_int(reply: Reply) -> int | None:
    return int(reply) if isinstance(reply, bytes | int) else None


def _counters(reply: Reply) -> dict[bytes, int]:
    if not isinstance(reply, dict):
        raise TypeError("HGETALL answers with a map")
    return {name: int(number) for name, number in reply.items()}
