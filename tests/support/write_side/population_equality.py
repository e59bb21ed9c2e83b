"""Stored statistics against the oracle's, counter by counter."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from observed import observed_population
from oracle import (
    DEFAULT_SETTINGS,
    TREND_WINDOWS,
    Oracle,
    OracleUser,
    Population,
    compare,
    members_of,
    popularity_at,
    population,
    trend_counts,
)

from profiles.contributions import MEAN_SCALE
from profiles.ports import CounterTable
from schemas.snapshots import StatisticsSnapshot
from write_side.declared import DECLARED, declared_personas_of
from write_side.ground import DIMENSION
from write_side.observing import Observed, Table

__all__ = ["different_counters", "different_snapshots"]

_MEAN_SERIES: Final = "mean"


def different_counters(
    observed: Observed,
    told: Oracle,
    newest: Sequence[Mapping[str, int]],
    trimmed: set[Table],
    compared: Counter[str],
) -> Iterator[str]:
    """Each partition's counters, overall and per persona; memberships as they are stored.

    Args:
        newest: Newest event time by tenant, for each partition.
    """
    memberships = _memberships(observed, told)
    tenants = {tenant for tenant, _ in told}
    for partition in range(len(newest)):
        watermarks = observed.watermarks_ms[partition]
        for tenant in tenants:
            here = [
                user
                for name, user in told.items()
                if name[0] == tenant and observed.users[name].partition == partition
            ]
            newest_ms = newest[partition].get(tenant, 0)
            if here and watermarks.get(tenant) != newest_ms:
                yield f"watermark of {tenant}/{partition} is {watermarks.get(tenant)}"
            for scope, users in {"": here, **members_of(here, memberships)}.items():
                place = _Scope(partition, tenant, scope, users, newest_ms)
                yield from _of_scope(observed, place, trimmed, compared)
        known = {("", tenant) for tenant in tenants} | {
            (persona, name[0]) for name, personas in memberships.items() for persona in personas
        }
        for table in observed.counters[partition]:
            if (table.scope, table.tenant) not in known:
                yield f"counters of partition {partition} in a scope nobody is in: {table}"


def _memberships(observed: Observed, told: Oracle) -> dict[tuple[str, str], set[str]]:
    """The discovered persona as it is stored, and the declared ones as the oracle has it."""
    found = {name: declared_personas_of(user.attributes) for name, user in told.items()}
    for name, record in observed.users.items():
        if record.persona is not None:
            found[name].add(record.persona)
    return found


@dataclass(frozen=True, slots=True)
class _Scope:
    partition: int
    tenant: str
    scope: str
    users: list[OracleUser]
    watermark_ms: int

    def holds(self, partition: int, table: CounterTable) -> bool:
        mine = (self.partition, self.tenant, self.scope)
        return (partition, table.tenant, table.scope) == mine


def _of_scope(
    observed: Observed, place: _Scope, trimmed: set[Table], compared: Counter[str]
) -> Iterator[str]:
    users = place.users
    expected = population(users)
    if place.scope != "":
        # No persona's pairs are counted.
        expected.pairs.clear()
    expected.eras = Counter(
        {
            (era, item): count
            for (era, item), count in expected.eras.items()
            if era >= _oldest_era(place.watermark_ms)
        }
    )
    expected.buckets = Counter(
        {
            (window, bucket, item): count
            for (window, bucket, item), count in expected.buckets.items()
            if bucket >= _oldest_bucket(window, place.watermark_ms)
        }
    )
    stored = [observed.users[user.tenant, user.user_id].vector for user in users]
    expected.mean_fixed = _fixed_sum(stored)
    expected.mean_sum = [component / MEAN_SCALE for component in expected.mean_fixed]

    tables = {
        (table.series, table.part): counters
        for table, counters in observed.counters[place.partition].items()
        if place.holds(place.partition, table)
    }
    incomplete = {
        (table.series, table.part) for partition, table in trimmed if place.holds(partition, table)
    }
    mean = _components(tables.pop((_MEAN_SERIES, ""), {}), len(stored[0]) if stored else DIMENSION)
    found = observed_population(
        {name: counters for name, counters in tables.items() if name not in incomplete},
        mean if users else [],
    )
    expected.pairs = Counter(
        {
            pair: count
            for pair, count in expected.pairs.items()
            if ("co-occurrence", pair[0].to_bytes(8, "little").hex()) not in incomplete
        }
    )
    compared.update(_sizes(expected, place.scope))
    yield from compare(
        vars(expected),
        vars(found),
        name=f"counters of {place.partition}/{place.tenant}/{place.scope}",
    )


def _sizes(expected: Population, scope: str) -> Counter[str]:
    declared = "per declared persona" if scope in DECLARED.by_id else "per persona"
    kind = "overall" if scope == "" else declared
    return Counter(
        {
            f"{kind} {series}": len(getattr(expected, series))
            for series in (
                "positive",
                "negative",
                "likers",
                "dislikers",
                "eras",
                "buckets",
                "pairs",
                "attributes",
                "events",
                "doers",
            )
        }
    )


def _oldest_era(watermark_ms: int) -> int:
    half_life_ms = 1000.0 * DEFAULT_SETTINGS.popularity_half_life_s
    return math.floor(watermark_ms / (32 * half_life_ms)) - 1


def _oldest_bucket(window: str, watermark_ms: int) -> int:
    window_s, bucket_s = TREND_WINDOWS[window]
    return (watermark_ms // 1000 - 2 * window_s) // bucket_s


def _fixed_sum(vectors: Iterable["np.ndarray[tuple[int, ...], np.dtype[np.float32]]"]) -> list[int]:
    columns = zip(*(vector.tolist() for vector in vectors), strict=True)
    return [sum(round(component * MEAN_SCALE) for component in column) for column in columns]


def _components(table: Mapping[bytes, int], dimension: int) -> list[int]:
    mean = [0] * dimension
    for component, count in table.items():
        mean[int.from_bytes(component, "little")] = count
    return mean


def different_snapshots(
    observed: Observed, told: Oracle, newest: Sequence[Mapping[str, int]], compared: Counter[str]
) -> Iterator[str]:
    """What the leader published for lookups, overall and per persona."""
    memberships = _memberships(observed, told)
    for tenant in {tenant for tenant, _ in told}:
        everyone = [user for name, user in told.items() if name[0] == tenant]
        for scope, users in {"": everyone, **members_of(everyone, memberships)}.items():
            snapshot = observed.snapshots.get((tenant, scope))
            if snapshot is None:
                yield f"no statistics of {tenant}/{scope}"
                continue
            compared["snapshots"] += 1
            now_ms = max(here.get(tenant, 0) for here in newest)
            yield from _of_snapshot(snapshot, users, now_ms)


def _of_snapshot(
    snapshot: StatisticsSnapshot, users: list[OracleUser], now_ms: int
) -> Iterator[str]:
    name = f"statistics of {snapshot.tenant}/{snapshot.scope}"
    expected = population(users)
    worth = popularity_at(users, now_ms)
    yield from compare(
        {
            "as_of_ms": now_ms,
            "users": expected.users,
            "directed": expected.directed,
            "events": {f"{kind}/{act}": count for (kind, act), count in expected.events.items()},
        },
        {
            "as_of_ms": snapshot.as_of_ms,
            "users": snapshot.users,
            "directed": snapshot.directed,
            "events": snapshot.events,
        },
        name=name,
    )
    if len(snapshot.popular) != min(500, len(worth)):
        yield f"{name}: {len(snapshot.popular)} popular items of {len(worth)}"
    for row in snapshot.popular:
        yield from compare(
            (expected.positive[row.item], expected.negative[row.item], worth[row.item]),
            (row.positive, row.negative, row.score),
            name=f"{name}, item {row.item}",
            relative=1e-3,
            # Eras long past are dropped: what is left of them is less than this.
            absolute=1e-6,
        )
    for window, rising in snapshot.trends.items():
        counts = trend_counts(users, now_ms, window)
        for trend in rising:
            yield from compare(
                counts.get(trend.item, (0, 0)),
                (trend.recent, trend.before),
                name=f"{name}, {window}, item {trend.item}",
            )
        best = max((recent - before for recent, before in counts.values()), default=0)
        if bool(rising) != (best > 0):
            yield f"{name}, {window}: {len(rising)} rising items"
    if users and expected.directed:
        mean = np.array(expected.mean_sum) / expected.directed
        found = np.frombuffer(snapshot.mean, "<f4")
        if found.shape != mean.shape or not float(np.linalg.norm(found - mean)) <= 1e-5:
            yield f"{name}: mean vector differs"
