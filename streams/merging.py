"""Merging the partitions' counters into one snapshot per tenant and scope."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.contributions import MEAN_SCALE, TREND_WINDOWS, TrendWindow, is_settled
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.policy import Policy
from profiles.popularity import decayed, trends
from profiles.ports import AggregateStore, CounterTable, Token
from profiles.silencing import DEFAULT_SETTINGS, SilencingSettings
from schemas.snapshots import (
    ItemCount,
    ItemTrend,
    SilencedSnapshot,
    StatisticsSnapshot,
    encode_statistics,
    statistics_name,
)
from streams.merged import Merged, Tables
from streams.retrying import until_available
from streams.sealed import SealedSnapshots
from streams.silencing import SilencingWatch

__all__ = ["Merged", "Merger", "mean_vector"]

_MOST_POPULAR: Final = 500
_MOST_TRENDS: Final = 50
_MOST_VALUES: Final = 50
_SERIES: Final = frozenset(
    {"size", "events", "mean", "positive", "negative", "popularity", "attribute"}
    # People instead of entries, for what is released.
    | {"likers", "dislikers", "doers"}
    | {window.series for window in TREND_WINDOWS}
)


class Merger:
    """Reads the counters of every partition and publishes what lookups need.

    Args:
        partitions: Of the user-keyed topics.
        dimension: Length of user vectors.
        silencing: When a persona counts as silenced by the average.

    Attributes:
        renewed: At the last merge it was time to publish everything again.
    """

    def __init__(
        self,
        *,
        aggregates: AggregateStore,
        snapshots: SealedSnapshots,
        policy: Policy,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        partitions: int,
        dimension: int,
        clock_ms: Callable[[], int],
        silencing: SilencingSettings = DEFAULT_SETTINGS,
    ) -> None:
        self._aggregates = aggregates
        self._policy = policy
        self._declared = declared
        self._partitions = range(partitions)
        self._dimension = dimension
        self._clock_ms = clock_ms
        self._silencing = SilencingWatch(policy, silencing, clock_ms=clock_ms)
        self._published: dict[str, bytes] = {}
        self._snapshots = snapshots
        self._wanted = 0
        self.renewed = False

    async def merge(self) -> list[Merged]:
        """Counters of every tenant."""
        self.renewed = await self._snapshots.check()
        if self.renewed:
            self._published.clear()
        wanted = self._declared.build(await until_available(self._aggregates.wanted_epoch))
        if wanted != self._wanted:
            # A rebuild may follow on a store that was put back to older snapshots.
            self._wanted = wanted
            self._published.clear()
        watermarks: dict[str, int] = {}
        scopes: dict[str, dict[str, Tables]] = {}
        stale = False
        for place in self._partitions:
            built = await until_available(partial(self._aggregates.built_epoch, place))
            stale = stale or built != wanted
            for tenant, mark in (
                await until_available(partial(self._aggregates.watermarks_ms, place))
            ).items():
                watermarks[tenant] = max(watermarks.get(tenant, 0), mark)
            asked = await until_available(partial(self._aggregates.tables, place, series=_SERIES))
            found = await until_available(partial(self._aggregates.counters, place, asked))
            _sum_into(scopes, asked, found)
        now_ms = self._clock_ms()
        return [
            Merged(tenant, min(mark, now_ms), scopes.get(tenant, {}), stale)
            for tenant, mark in sorted(watermarks.items())
        ]

    async def publish(self, merged: Merged) -> int:
        """Publish the snapshots that changed; how many did."""
        changed = 0
        silenced = await self._silencing.look(merged, declared=self._declared.by_id)
        # A declared persona that lost its last member has no counters any more.
        for scope in {"", *self._declared.by_id, *merged.scopes}:
            name = statistics_name(merged.tenant, scope)
            told = None if scope else silenced
            body = encode_statistics(self._snapshot(merged, scope, told))
            if self._published.get(name) != body:
                await self._snapshots.put(name, body)
                self._published[name] = body
                changed += 1
            # A scope takes milliseconds; lookups in this process get their turn.
            await asyncio.sleep(0)
        return changed

    def silenced(self) -> tuple[float, float] | None:
        """As of `SilencingWatch.silenced`."""
        return self._silencing.silenced()

    def begin(self, token: Token | None) -> None:
        """A leadership begins, or ends (None): nothing is known of what is published."""
        self._published.clear()
        self._silencing.forget()
        self._snapshots.begin(str(token))

    def _snapshot(
        self, merged: Merged, scope: str, silenced: SilencedSnapshot | None
    ) -> StatisticsSnapshot:
        mean = mean_vector(merged.table(scope, "mean"), self._dimension)
        directed = merged.size(scope, b"directed")
        settled = directed > 0 and is_settled(merged.table(scope, "size"))
        return StatisticsSnapshot(
            tenant=merged.tenant,
            scope=scope,
            as_of_ms=merged.as_of_ms,
            stale=merged.stale,
            users=merged.size(scope, b"users"),
            directed=directed,
            events={
                name.decode(): count
                for name, count in sorted(merged.table(scope, "events").items())
            },
            popular=self._popular(merged, scope),
            trends={window.name: _trends(merged, scope, window) for window in TREND_WINDOWS},
            attributes=_attributes(merged, scope),
            declaration=self._declared.version,
            mean=(mean / directed).astype("<f4").tobytes() if settled else b"",
            silenced=silenced,
        )

    def _popular(self, merged: Merged, scope: str) -> tuple[ItemCount, ...]:
        eras = _parts(merged, scope, "popularity")
        worth = decayed(eras, now_ms=merged.as_of_ms, policy=self._policy)
        positive = merged.table(scope, "positive")
        negative = merged.table(scope, "negative")
        # Where decay has left nothing, plain counts still order what was ever liked.
        ranked = sorted(positive, key=lambda item: (-worth.get(item, 0.0), -positive[item], item))
        return tuple(
            ItemCount(_number(item), worth.get(item, 0.0), positive[item], negative.get(item, 0))
            for item in ranked[:_MOST_POPULAR]
        )


def mean_vector(table: Mapping[bytes, int], dimension: int) -> npt.NDArray[np.float64]:
    """Sum of unit vectors from its fixed-point counters, shape (d,)."""
    total = np.zeros(dimension)
    for component, count in table.items():
        total[int.from_bytes(component, "little")] = count / MEAN_SCALE
    return total


def _sum_into(
    scopes: dict[str, dict[str, Tables]],
    tables: Sequence[CounterTable],
    found: Iterable[Mapping[bytes, int]],
) -> None:
    for table, counters in zip(tables, found, strict=True):
        by_scope = scopes.setdefault(table.tenant, {}).setdefault(table.scope, {})
        total = by_scope.setdefault((table.series, table.part), {})
        for name, count in counters.items():
            total[name] = total.get(name, 0) + count


def _parts(merged: Merged, scope: str, series: str) -> dict[int, Mapping[bytes, int]]:
    return {
        int(part): table
        for (name, part), table in merged.scopes.get(scope, {}).items()
        if name == series
    }


def _trends(merged: Merged, scope: str, window: TrendWindow) -> tuple[ItemTrend, ...]:
    buckets = _parts(merged, scope, window.series)
    rising = trends(buckets, window, now_ms=merged.as_of_ms, most=_MOST_TRENDS)
    return tuple(
        ItemTrend(_number(trend.item), trend.score, trend.recent, trend.before) for trend in rising
    )


def _attributes(merged: Merged, scope: str) -> dict[str, dict[str, int]]:
    values: dict[str, dict[str, int]] = {}
    for (series, name), table in sorted(merged.scopes.get(scope, {}).items()):
        if series == "attribute":
            often = sorted(table.items(), key=lambda value: (-value[1], value[0]))
            values[name] = {value.decode(): count for value, count in often[:_MOST_VALUES]}
    return values


def _number(item: bytes) -> int:
    return int.from_bytes(item, "little")
