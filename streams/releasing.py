"""What the leader lets out: statistics and personas as anybody may be told of them.

Beside the exact snapshots, which rankings are made from, lie those that are shown. They change
only as `profiles.privacy.release` allows; what was told before is kept with them, so that a new
leader goes on from it.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt
import structlog
from msgspec.structs import replace

from profiles.contributions import TREND_WINDOWS
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.personas import Persona, PersonaSet, decode_personas, encode_personas, preferred
from profiles.policy import Policy
from profiles.ports import AggregateStore
from profiles.privacy.release import rounded
from profiles.privacy.releasing import (
    NOTHING_TOLD,
    RecordFormatError,
    Released,
    ReleaseRecord,
    decode_record,
    encode_record,
    release,
)
from profiles.silencing import DEFAULT_SETTINGS, SilencingSettings
from schemas.snapshots import (
    ItemCount,
    ItemTrend,
    StatisticsSnapshot,
    encode_statistics,
    release_record_name,
    released_name,
    released_personas_name,
)
from streams.merged import Merged
from streams.retrying import until_available
from streams.sealed import SealedSnapshots
from streams.silencing import SilencingWatch

__all__ = ["DEFAULT_RELEASE", "ReleaseOptions", "Releaser"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

Floats = npt.NDArray[np.float64]

_MINUTE_MS: Final = 60_000
_MOST_POPULAR: Final = 500
_MOST_TRENDS: Final = 50
_MOST_VALUES: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseOptions:
    """How statistics are let out.

    Attributes:
        k: Fewest people that anything is told of, ≥ 1; 1 tells everything as it is.
        interval_ms: Between two releases, by the clock; ≥ 0.
        labels: Labels per persona.
    """

    k: int = 5
    interval_ms: int = 2_000
    labels: int = 8


DEFAULT_RELEASE: Final = ReleaseOptions()


@dataclass(slots=True)
class _Told:
    """Of one tenant."""

    at_ms: int
    personas: PersonaSet | None = None
    records: dict[str, ReleaseRecord] = field(default_factory=dict)
    bodies: dict[str, bytes] = field(default_factory=dict)


class Releaser:
    """Publishes what may be told; the leader's alone.

    Args:
        texts: Title and subjects of an item, by key.
    """

    def __init__(
        self,
        *,
        aggregates: AggregateStore,
        snapshots: SealedSnapshots,
        policy: Policy,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        texts: Callable[[int], Iterable[str]],
        clock_ms: Callable[[], int],
        options: ReleaseOptions = DEFAULT_RELEASE,
        silencing: SilencingSettings = DEFAULT_SETTINGS,
    ) -> None:
        self._aggregates = aggregates
        self._snapshots = snapshots
        self._policy = policy
        self._declared = declared
        self._texts = texts
        self._clock_ms = clock_ms
        self._options = options
        self._silencing = SilencingWatch(policy, silencing, clock_ms=clock_ms)
        self._tenants: dict[str, _Told] = {}

    def begin(self) -> None:
        """A leadership begins or ends: what is stored is what was told."""
        self._tenants.clear()

    def renew(self) -> None:
        """Publish all again that was told: what is stored may have been lost."""
        for told in self._tenants.values():
            told.bodies.clear()
            told.at_ms = 0

    async def publish(self, merged: Merged, personas: PersonaSet | None) -> int:
        """Let out what may be told now, if it is time; how many snapshots changed.

        Counters that are being rebuilt tell nothing: what was told stays.
        """
        now_ms = self._clock_ms()
        told = self._tenants.get(merged.tenant)
        if merged.stale or (told and 0 <= now_ms - told.at_ms < self._options.interval_ms):
            return 0
        if told is None:
            told = self._tenants[merged.tenant] = await self._load(merged.tenant)
        told.at_ms = now_ms
        scopes = sorted({"", *self._declared.by_id, *merged.scopes})
        released: dict[str, Released] = {}
        as_of_ms = merged.as_of_ms // _MINUTE_MS * _MINUTE_MS
        for scope in scopes:
            released[scope] = await self._release(told, merged, scope, as_of_ms)
            # A scope takes milliseconds; lookups in this process get their turn.
            await asyncio.sleep(0)
        shown = Merged(
            merged.tenant,
            as_of_ms,
            {name: one.tables for name, one in released.items()},
            stale=False,
        )
        silenced = await self._silencing.look(shown, declared=self._declared.by_id)
        changed = 0
        for scope, one in released.items():
            snapshot = replace(
                self._snapshot(shown, scope, one), silenced=None if scope else silenced
            )
            changed += await self._put(
                told, released_name(merged.tenant, scope), encode_statistics(snapshot)
            )
        return changed + await self._publish_personas(told, shown, personas)

    async def _load(self, tenant: str) -> _Told:
        (body,) = await until_available(
            partial(self._aggregates.get_snapshots, [released_personas_name(tenant)])
        )
        return _Told(0, personas=None if body is None else decode_personas(body))

    async def _release(self, told: _Told, merged: Merged, scope: str, now_ms: int) -> Released:
        name = release_record_name(merged.tenant, scope)
        before = told.records.get(scope)
        if before is None:
            (body,) = await until_available(partial(self._aggregates.get_snapshots, [name]))
            before = self._decoded(body or b"", merged.tenant, scope)
        record, released = release(
            before, merged.scopes.get(scope, {}), k=self._options.k, now_ms=now_ms
        )
        if record != before or name not in told.bodies:
            # Before what it tells: a number that was told and is not remembered must not be.
            await self._put(told, name, encode_record(record))
        told.records[scope] = record
        return released

    def _decoded(self, body: bytes, tenant: str, scope: str) -> ReleaseRecord:
        try:
            return decode_record(body)
        except RecordFormatError:
            _log.warning("what was told of a scope has another format", tenant=tenant, scope=scope)
            return NOTHING_TOLD

    async def _put(self, told: _Told, name: str, body: bytes) -> int:
        if told.bodies.get(name) == body:
            return 0
        await self._snapshots.put(name, body)
        told.bodies[name] = body
        return 1

    def _snapshot(self, shown: Merged, scope: str, released: Released) -> StatisticsSnapshot:
        likes = _Likes(released, shown.as_of_ms)
        negative = shown.table(scope, "negative")
        return StatisticsSnapshot(
            tenant=shown.tenant,
            scope=scope,
            as_of_ms=shown.as_of_ms,
            stale=False,
            users=shown.size(scope, b"users"),
            directed=shown.size(scope, b"directed"),
            events={
                name.decode(): count for name, count in sorted(shown.table(scope, "events").items())
            },
            popular=likes.popular(negative, half_life_s=self._policy.popularity_half_life_s),
            trends={window.name: likes.rising(window.window_s) for window in TREND_WINDOWS},
            attributes=_attributes(released),
            mean=b"",
            declaration=self._declared.version,
        )

    async def _publish_personas(
        self, told: _Told, shown: Merged, personas: PersonaSet | None
    ) -> int:
        if personas is None:
            return 0
        overall = self._counted_texts(shown.table("", "positive"))
        body = replace(
            personas,
            version=0,
            users=shown.size("", b"directed"),
            sought_users=rounded(personas.sought_users, k=self._options.k),
            sought_events=rounded(personas.sought_events, k=self._options.k),
            centroids_version=0,
            lineage=(),
            personas=tuple(self._persona(shown, one, overall) for one in personas.personas),
        )
        before = told.personas
        if before is None or replace(before, version=0) != body:
            # By itself, as the exact one rises with each member.
            told.personas = replace(body, version=(before.version if before else 0) + 1)
        return await self._put(
            told,
            released_personas_name(shown.tenant),
            encode_personas(told.personas or body),
        )

    def _persona(self, shown: Merged, persona: Persona, overall: Mapping[str, int]) -> Persona:
        size = shown.size(persona.id, b"directed")
        if not size:
            return Persona(persona.id, 0)
        inside = self._counted_texts(shown.table(persona.id, "positive"))
        labels = preferred(inside, overall, most=self._options.labels)
        return Persona(persona.id, size, labels, persona.advantage)

    def _counted_texts(self, positive: Mapping[bytes, int]) -> dict[str, int]:
        counts: dict[str, int] = {}
        for item, count in positive.items():
            for text in self._texts(_number(item)):
                counts[text] = counts.get(text, 0) + count
        return counts


class _Likes:
    """Who likes what since when, as far as it is told."""

    def __init__(self, released: Released, now_ms: int) -> None:
        self._items = list(released.likes)
        steps = [
            (place, at_ms, people)
            for place, item in enumerate(self._items)
            for at_ms, people in released.likes[item]
        ]
        columns = np.array(steps, np.int64).reshape(-1, 3).T
        self._place, at_ms, self._people = columns
        self._age_s = np.maximum(0, now_ms - at_ms) / 1000.0
        self._numbers = released.tables.get(("positive", ""), {})

    def popular(
        self, negative: Mapping[bytes, int], *, half_life_s: float
    ) -> tuple[ItemCount, ...]:
        worth = self._sum(np.exp2(-self._age_s / half_life_s))
        ranked = sorted(
            zip(self._items, worth.tolist(), strict=True),
            key=lambda one: (-one[1], -self._numbers[one[0]], one[0]),
        )
        return tuple(
            ItemCount(_number(item), score, self._numbers[item], negative.get(item, 0))
            for item, score in ranked[:_MOST_POPULAR]
        )

    def rising(self, window_s: int) -> tuple[ItemTrend, ...]:
        """As `profiles.popularity.trends`, of people instead of entries."""
        recent = self._sum((self._age_s < window_s).astype(np.float64))
        before = self._sum(
            ((self._age_s >= window_s) & (self._age_s < 2 * window_s)).astype(np.float64)
        )
        score = (recent - before) / np.sqrt(recent + before + 1.0)
        rising = sorted(
            (place for place in range(len(self._items)) if recent[place] > before[place]),
            key=lambda place: (-score[place], self._items[place]),
        )
        return tuple(
            ItemTrend(
                _number(self._items[place]),
                float(score[place]),
                int(recent[place]),
                int(before[place]),
            )
            for place in rising[:_MOST_TRENDS]
        )

    def _sum(self, worth: Floats) -> Floats:
        counted = np.bincount(self._place, weights=self._people * worth, minlength=len(self._items))
        return counted.astype(np.float64)


def _attributes(released: Released) -> dict[str, dict[str, int]]:
    values: dict[str, dict[str, int]] = {}
    for (series, name), table in sorted(released.tables.items()):
        if series == "attribute":
            often = sorted(table.items(), key=lambda value: (-value[1], value[0]))
            values[name] = {value.decode(): count for value, count in often[:_MOST_VALUES]}
    return values


def _number(item: bytes) -> int:
    return int.from_bytes(item, "little")
