"""Who the average silences, from the counters of the discovered personas."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from profiles.policy import TIE, Policy
from profiles.reversals import Group, Tally
from profiles.silencing import Satisfaction, SilencingSettings, Standing, standings
from schemas.snapshots import SilencedGroup, SilencedReversal, SilencedSnapshot
from streams.merged import Merged

__all__ = ["SilencingWatch", "silenced_of"]

_MOST_ITEMS: Final = 500
_MOST_REVERSALS: Final = 5
_NOTABLE: Final = 0.01
_INTERVAL_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class _Look:
    counted: object
    events: int
    at_ms: int
    found: SilencedSnapshot | None


class SilencingWatch:
    """Computes it off the event loop, and again when a hundredth more or less was counted since.

    What changes less is looked at after a minute: every item is gone through.
    """

    def __init__(
        self, policy: Policy, settings: SilencingSettings, *, clock_ms: Callable[[], int]
    ) -> None:
        self._policy = policy
        self._settings = settings
        self._clock_ms = clock_ms
        self._looks: dict[str, _Look] = {}

    def forget(self) -> None:
        """Look at everything anew."""
        self._looks.clear()

    def silenced(self) -> tuple[float, float] | None:
        """Part of the users who are silenced, and the price of protecting them; of all tenants.

        None where nothing was looked at, or nowhere are two personas.
        """
        found = [look.found for look in self._looks.values() if look.found is not None]
        users = sum(one.users for one in found)
        if not users:
            return None
        return (
            sum(one.share * one.users for one in found) / users,
            sum(one.price * one.users for one in found) / users,
        )

    async def look(self, merged: Merged, *, declared: Collection[str]) -> SilencedSnapshot | None:
        """As `silenced_of`, of now or of up to a minute ago."""
        counted = tuple(
            (scope, tuple(sorted(merged.table(scope, series).items())))
            for scope in sorted(merged.scopes)
            for series in ("size", "events")
        )
        now_ms = self._clock_ms()
        last = self._looks.get(merged.tenant)
        if last is not None and not _due(last, merged, counted, now_ms):
            return last.found
        found = await asyncio.to_thread(
            silenced_of, merged, self._policy, self._settings, declared=declared
        )
        self._looks[merged.tenant] = _Look(counted, merged.events, now_ms, found)
        return found


def _due(last: _Look, merged: Merged, counted: object, now_ms: int) -> bool:
    grown = abs(merged.events - last.events) >= _NOTABLE * last.events
    return counted != last.counted and (grown or now_ms - last.at_ms >= _INTERVAL_MS)


def silenced_of(
    merged: Merged, policy: Policy, settings: SilencingSettings, *, declared: Collection[str]
) -> SilencedSnapshot | None:
    """How the discovered personas fare under the average; None with fewer than two.

    The 500 items with most acts are looked at. Several acts of a user on an item are counted
    apart, so counts are divided by how many acts an opinion seems to take: all acts over those of
    the commonest kind. Counters cannot tell a look from a like, so where most acts are looks, what
    people dislike seldom shows as a reversal; satisfaction does not depend on that.

    Args:
        declared: Scopes that are declared personas: those overlap.
    """
    scopes = [scope for scope in sorted(merged.scopes) if scope and scope not in declared]
    groups = [
        Group(scope, size, _tally(merged, scope))
        for scope in scopes
        if (size := merged.size(scope, b"users")) >= settings.minimum_size
    ]
    if len(groups) < 2:
        return None
    acts = _acts(merged)
    kind = _satisfaction(acts, policy)
    found = standings(
        _tally(merged, ""),
        groups,
        kind,
        settings=settings,
        acts_per_opinion=sum(acts.values()) / max(acts.values()) if acts else 1.0,
        most_items=_MOST_ITEMS,
    )
    protection = found.protection
    return SilencedSnapshot(
        satisfaction=kind.value,
        users=found.users,
        share=found.silenced_share,
        fraction=settings.fraction,
        floor=min(settings.floor, 1.0 / len(groups)),
        price=protection.price,
        price_others=protection.others,
        groups=tuple(_group(one) for one in found.groups),
    )


def _tally(merged: Merged, scope: str) -> Tally[bytes]:
    return Tally(merged.table(scope, "positive"), merged.table(scope, "negative"))


def _acts(merged: Merged) -> dict[str, int]:
    """Acts on items by action; a preference is one on each side, and a tie is no opinion."""
    acts: dict[str, int] = {}
    for name, count in merged.table("", "events").items():
        kind, _, action = name.decode().partition("/")
        is_tie = kind == "preferences" and action == TIE
        if kind in {"interactions", "preferences"} and count > 0 and not is_tie:
            acts[action] = acts.get(action, 0) + count
    return acts


def _satisfaction(acts: Mapping[str, int], policy: Policy) -> Satisfaction:
    """Approval where most acts are votes on what was put before people."""
    voted = sum(count for action, count in acts.items() if policy.rule(action).neutral == 0.0)
    return Satisfaction.APPROVAL if 2 * voted > sum(acts.values()) else Satisfaction.COVERAGE


def _group(standing: Standing[bytes]) -> SilencedGroup:
    return SilencedGroup(
        persona=standing.group,
        size=standing.size,
        satisfaction=standing.satisfaction,
        protected=standing.protected,
        ratio=standing.ratio,
        top=None if standing.top is None else _number(standing.top),
        top_reversed=standing.top_reversed,
        silenced=standing.silenced,
        reversed=len(standing.reversals),
        reversals=tuple(
            SilencedReversal(
                item=_number(one.item),
                over=None if one.over is None else _number(one.over),
                persona_margin=one.group_margin,
                overall_margin=one.overall_margin,
                q_value=one.q_value,
            )
            for one in standing.reversals[:_MOST_REVERSALS]
        ),
    )


def _number(item: bytes) -> int:
    return int.from_bytes(item, "little")
