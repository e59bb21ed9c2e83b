"""Aggregates in Redis: all keys of a partition in one slot, `strata:{live:p3}:…`."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from profiles.ports import (
    AggregateStore,
    Applied,
    CounterTable,
    Fenced,
    Increments,
    ItemCounters,
    Token,
)
from stores.increments import require_exact
from stores.redis_connection import (
    Argument,
    Command,
    RedisConnection,
    Reply,
    packed_text,
    script_command,
)
from stores.redis_scripts import APPLY, BEGIN_BUILD, DROP, FINISH_BUILD, TRIM

__all__ = ["RedisAggregateStore"]

_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True, slots=True)
class _Keys:
    """Of one partition.

    `series` is the set of series that have tables; each has a set of its tables'
    names; each table is a hash of its own.
    """

    meta: bytes
    versions: bytes
    series: bytes
    watermarks: bytes
    table_prefix: bytes
    series_prefix: bytes

    def table(self, table: CounterTable) -> bytes:
        return self.table_prefix + _name(table)

    def names(self, series: str) -> bytes:
        """Key of the set of names of a series' tables."""
        return self.series_prefix + series.encode()


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
        items: Sequence[ItemCounters] = (),
        watermarks_ms: Mapping[str, int],
    ) -> bool:
        """See the port."""
        require_exact(increments, items)
        keys = self._keys(partition)
        packed = _encoder.encode(
            (
                _flat(expected),
                _flat(versions),
                [
                    *(
                        part
                        for table, fields in increments.items()
                        for part in (
                            table.series,
                            [packed_text(_name(table))],
                            [len(fields)],
                            *_columns(fields),
                        )
                    ),
                    *(part for columns in items for part in _group(columns)),
                ],
                _flat(watermarks_ms),
            )
        )
        command = script_command(
            APPLY,
            keys=[keys.meta, keys.versions, keys.series, keys.watermarks],
            arguments=[token, epoch, keys.table_prefix, keys.series_prefix, packed],
        )
        return await self._connection.run(APPLY, command) == 1

    async def begin_build(self, partition: int, *, token: Token, epoch: int) -> None:
        keys = self._keys(partition)
        command = script_command(
            BEGIN_BUILD,
            keys=[keys.meta, keys.versions, keys.series, keys.watermarks],
            arguments=[token, epoch, keys.table_prefix, keys.series_prefix],
        )
        _require_newest(await self._connection.run(BEGIN_BUILD, command), partition)

    async def finish_build(self, partition: int, *, token: Token, epoch: int) -> None:
        command = script_command(
            FINISH_BUILD, keys=[self._keys(partition).meta], arguments=[token, epoch]
        )
        _require_newest(await self._connection.run(FINISH_BUILD, command), partition)

    async def tables(
        self, partition: int, *, series: Collection[str] | None = None
    ) -> list[CounterTable]:
        keys = self._keys(partition)
        if series is None:
            (found,) = await self._connection.send([("SMEMBERS", keys.series)])
            series = [name.decode() for name in _members(found)]
        replies = await self._connection.send([("SMEMBERS", keys.names(name)) for name in series])
        return sorted(_table(name) for reply in replies for name in _members(reply))

    async def drop(self, partition: int, tables: Sequence[CounterTable]) -> None:
        if tables:
            keys = self._keys(partition)
            named: list[Argument] = []
            for table in tables:
                named += (table.series, _name(table))
            command = script_command(
                DROP,
                keys=sorted({keys.names(table.series) for table in tables}),
                arguments=[keys.table_prefix, keys.series_prefix, *named],
            )
            await self._connection.run(DROP, command)

    async def trim(self, partition: int, table: CounterTable, *, keep: int) -> None:
        keys = self._keys(partition)
        command = script_command(
            TRIM,
            keys=[keys.table(table), keys.names(table.series)],
            arguments=[keep, _name(table)],
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

    async def swap_snapshot(
        self, name: str, body: bytes, *, beside: Mapping[str, bytes]
    ) -> bytes | None:
        before, *_ = await self._connection.send(
            [
                ("GET", self._snapshot_key(name)),
                *(
                    ("SET", self._snapshot_key(one), put)
                    for one, put in {**beside, name: body}.items()
                ),
            ],
            atomic=True,
        )
        return before if isinstance(before, bytes) else None

    async def put_snapshot(self, name: str, body: bytes) -> None:
        await self._connection.send([("SET", self._snapshot_key(name), body)])

    async def get_snapshots(self, names: Sequence[str]) -> list[bytes | None]:
        if not names:
            return []
        keys = [self._snapshot_key(name) for name in names]
        several = await self._connection.read((b"MGET", *keys))
        replies = several if isinstance(several, list) else []
        return [reply if isinstance(reply, bytes) else None for reply in replies]

    async def drop_snapshots(self, names: Sequence[str]) -> None:
        # UNLINK frees large values outside of the store's one thread.
        await self._connection.send([("UNLINK", self._snapshot_key(name)) for name in names])

    def _keys(self, partition: int) -> _Keys:
        if not 0 <= partition < self._partitions:
            raise ValueError(f"partition {partition} of {self._partitions}")
        prefix = f"strata:{{{self._namespace}:p{partition}}}:".encode()
        return _Keys(
            meta=prefix + b"meta",
            versions=prefix + b"versions",
            series=prefix + b"series",
            watermarks=prefix + b"watermarks",
            table_prefix=prefix + b"table:",
            series_prefix=prefix + b"tables:",
        )

    def _epoch_key(self) -> bytes:
        return f"strata:{{{self._namespace}}}:epoch".encode()

    def _snapshot_key(self, name: str) -> bytes:
        return f"strata:{{{self._namespace}}}:snapshot:".encode() + name.encode()


def _flat(numbers: Mapping[bytes, int] | Mapping[str, int]) -> list[msgspec.Raw | int]:
    """Names and numbers in turn."""
    flat: list[msgspec.Raw | int] = []
    for name, number in numbers.items():
        flat.append(packed_text(name if isinstance(name, bytes) else name.encode()))
        flat.append(number)
    return flat


def _columns(numbers: Mapping[bytes, int]) -> tuple[list[msgspec.Raw], list[int]]:
    """Names and numbers apart."""
    return [packed_text(name) for name in numbers], list(numbers.values())


# An item as MessagePack: a str of 8 bytes. Counts: the smallest integers that hold all of a group.
_ITEM: Final = np.dtype([("str8", "u1"), ("item", "<u8")])
_STR8: Final = 0xA8
_INT8: Final = 0xD0, np.dtype([("int", "u1"), ("count", "i1")])
_INT64: Final = 0xD3, np.dtype([("int", "u1"), ("count", ">i8")])


def _group(
    columns: ItemCounters,
) -> tuple[str, list[msgspec.Raw], Sequence[int], msgspec.Raw, msgspec.Raw]:
    """Series, names of tables, how many counters each has, items, counts; without a loop."""
    items = np.empty(len(columns.items), _ITEM)
    items["str8"], items["item"] = _STR8, columns.items
    small = bool((np.abs(columns.counts) < 1 << 7).all())
    integer, pair = _INT8 if small else _INT64
    counts = np.empty(len(columns.counts), pair)
    counts["int"], counts["count"] = integer, columns.counts
    # As `_name`, with the part left to be added: its length and it.
    start = b"\x94" + b"".join(
        map(_encoder.encode, (columns.tenant, columns.scope, columns.series))
    )
    names = [packed_text(start + _encoder.encode(part)) for part in columns.parts]
    return columns.series, names, columns.sizes, _array(items), _array(counts)


def _array(packed: npt.NDArray[np.void]) -> msgspec.Raw:
    """Packed elements as a MessagePack array."""
    return msgspec.Raw(b"\xdd" + len(packed).to_bytes(4, "big") + packed.tobytes())


def _members(reply: Reply) -> list[bytes]:
    if not isinstance(reply, set | list):
        raise TypeError("SMEMBERS answers with a set")
    return [member for member in reply if isinstance(member, bytes)]


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
