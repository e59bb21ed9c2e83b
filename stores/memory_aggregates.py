"""Aggregates in dictionaries: the default of unit tests, and a readable statement of the rules."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

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

__all__ = ["MemoryAggregateStore"]


@dataclass(slots=True)
class _Partition:
    """`epoch` is None until a build begins; `built` while one is under way."""

    token: int = 0
    epoch: int | None = None
    built: bool = False
    versions: dict[bytes, int] = field(default_factory=dict)
    tables: dict[CounterTable, dict[bytes, int]] = field(default_factory=dict)
    watermarks_ms: dict[str, int] = field(default_factory=dict)


class MemoryAggregateStore(AggregateStore):
    """Aggregates of `partitions` partitions."""

    def __init__(self, *, partitions: int) -> None:
        self._partitions = [_Partition() for _ in range(partitions)]
        self._wanted_epoch = 1
        self._snapshots: dict[str, bytes] = {}

    def clear(self) -> int:
        """Forget everything, as a store that came back empty; how many snapshots there were."""
        count = len(self._snapshots)
        self._partitions = [_Partition() for _ in self._partitions]
        self._wanted_epoch = 1
        self._snapshots.clear()
        return count

    async def applied(self, partition: int, users: Sequence[bytes]) -> Applied:
        held = self._at(partition)
        return Applied(
            epoch=held.epoch, versions={user: held.versions.get(user, 0) for user in users}
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
        require_exact(increments, items)
        held = self._at(partition)
        if held.epoch != epoch or held.token > token:
            return False
        if any(held.versions.get(user, 0) != version for user, version in expected.items()):
            return False
        held.token = token
        held.versions.update(versions)
        held.versions = {user: version for user, version in held.versions.items() if version}
        told = chain(increments.items(), chain.from_iterable(one.tables() for one in items))
        for table, fields in told:
            counters = held.tables.setdefault(table, {})
            for name, increment in fields.items():
                counters[name] = counters.get(name, 0) + increment
                if counters[name] == 0:
                    del counters[name]
            if not counters:
                del held.tables[table]
        for tenant, moment in watermarks_ms.items():
            held.watermarks_ms[tenant] = max(held.watermarks_ms.get(tenant, moment), moment)
        return True

    async def begin_build(self, partition: int, *, token: Token, epoch: int) -> None:
        self._require_newest(partition, token)
        self._partitions[partition] = _Partition(token=token, epoch=epoch)

    async def finish_build(self, partition: int, *, token: Token, epoch: int) -> None:
        self._require_newest(partition, token)
        held = self._at(partition)
        if held.epoch == epoch:
            held.token = token
            held.built = True

    async def tables(
        self, partition: int, *, series: Collection[str] | None = None
    ) -> list[CounterTable]:
        return sorted(
            table
            for table in self._at(partition).tables
            if series is None or table.series in series
        )

    async def drop(self, partition: int, tables: Sequence[CounterTable]) -> None:
        for table in tables:
            self._at(partition).tables.pop(table, None)

    async def trim(self, partition: int, table: CounterTable, *, keep: int) -> None:
        counters = self._at(partition).tables.pop(table, {})
        largest = sorted(counters.items(), key=lambda counter: (-counter[1], counter[0]))[:keep]
        if largest:
            self._at(partition).tables[table] = dict(largest)

    async def counters(
        self, partition: int, tables: Sequence[CounterTable]
    ) -> list[dict[bytes, int]]:
        return [dict(self._at(partition).tables.get(table, {})) for table in tables]

    async def watermarks_ms(self, partition: int) -> dict[str, int]:
        return dict(self._at(partition).watermarks_ms)

    async def wanted_epoch(self) -> int:
        return self._wanted_epoch

    async def want_rebuild(self) -> int:
        self._wanted_epoch += 1
        return self._wanted_epoch

    async def built_epoch(self, partition: int) -> int | None:
        held = self._at(partition)
        return held.epoch if held.built else None

    async def swap_snapshot(
        self, name: str, body: bytes, *, beside: Mapping[str, bytes]
    ) -> bytes | None:
        before = self._snapshots.get(name)
        self._snapshots |= {name: body, **beside}
        return before

    async def put_snapshot(self, name: str, body: bytes) -> None:
        self._snapshots[name] = body

    async def get_snapshots(self, names: Sequence[str]) -> list[bytes | None]:
        return [self._snapshots.get(name) for name in names]

    async def drop_snapshots(self, names: Sequence[str]) -> None:
        for name in names:
            self._snapshots.pop(name, None)

    async def forget_everything(self) -> None:
        """What a FLUSHALL does to Redis."""
        self._partitions = [_Partition() for _ in self._partitions]
        self._snapshots.clear()
        self._wanted_epoch = 1

    def _require_newest(self, partition: int, token: Token) -> None:
        if self._at(partition).token > token:
            raise Fenced(f"a newer owner has written the aggregates of partition {partition}")

    def _at(self, partition: int) -> _Partition:
        if not 0 <= partition < len(self._partitions):
            raise ValueError(f"partition {partition} of {len(self._partitions)}")
        return self._partitions[partition]
