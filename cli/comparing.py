"""`strata replay diff`: what a version knows and answers otherwise than the one in force."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cli.composition import OpenStores
from cli.control import Progress
from lookup.dashboard.comparison import Comparison, Difference, Scores
from lookup.queries import Lookup
from profiles.personas import decode_personas
from profiles.ports import UserRecord
from profiles.state import UserState, decode_state
from schemas.views import ProfileView

__all__ = ["Compared", "compare_versions"]

_PAGE: Final = 100
_SHOWN: Final = 20
_RANKED: Final = 50
_LIST: Final = 10
_SAME: Final = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One side: a version's stores, and what is asked over them."""

    name: str
    stores: OpenStores
    lookup: Lookup


async def compare_versions(one: Compared, other: Compared, *, progress: Progress) -> Comparison:
    """Every stored user of both, and rankings for some.

    What comes in meanwhile may reach one of them first; the figures are of a moment each.

    Raises:
        StoreUnavailable: a store does not answer.
    """
    total = await one.stores.profiles.users.count()
    only_here = facts = weighed = common = 0
    distances: list[float] = []
    largest: list[tuple[float, str, str, Difference]] = []
    ranked: list[tuple[str, str]] = []
    done = 0
    async for page in one.stores.profiles.users.scan(page=_PAGE):
        here = [record for record in page if record.version]
        there = await other.stores.profiles.users.read([record.key for record in here])
        pairs = [
            (record, found)
            for record, found in zip(here, there, strict=True)
            if found is not None and found.version
        ]
        only_here += len(here) - len(pairs)
        common += len(pairs)
        for difference, is_fact in await _differences(one, other, pairs):
            facts += is_fact
            weighed += not is_fact
            distances.append(difference.distance)
            entry = (difference.distance, difference.tenant, difference.user_id, difference)
            heapq.heappush(largest, entry)
            if len(largest) > _SHOWN:
                heapq.heappop(largest)
        # Keys are hashes, so the first users of a scan are drawn at random.
        ranked += [(record.tenant, record.user_id) for record, _ in pairs][: _RANKED - len(ranked)]
        done += len(page)
        progress(done, max(total, done))
    there_too = await _known_users(other)
    overlaps = [await _overlap(one.lookup, other.lookup, *user) for user in ranked]
    compared = [overlap for overlap in overlaps if overlap is not None]
    return Comparison(
        names=(one.name, other.name),
        users=only_here + there_too,
        only_in=(only_here, there_too - common),
        facts=facts,
        weighed=weighed,
        distances=_quantiles(distances),
        largest=[entry[-1] for entry in sorted(largest, key=lambda one: -one[0])],
        ranked=len(compared),
        overlap=math.fsum(compared) / len(compared) if compared else None,
        scores=(await _scores(one), await _scores(other)),
    )


async def _differences(
    one: Compared, other: Compared, pairs: Sequence[tuple[UserRecord, UserRecord]]
) -> list[tuple[Difference, bool]]:
    """Of users that both have, those who differ, and whether in their history."""
    by_tenant: dict[str, list[tuple[UserRecord, UserRecord]]] = {}
    for pair in pairs:
        by_tenant.setdefault(pair[0].tenant, []).append(pair)
    found: list[tuple[Difference, bool]] = []
    for tenant, of_tenant in by_tenant.items():
        ids = [record.user_id for record, _ in of_tenant]
        before = (await one.lookup.profiles(tenant, ids)).profiles
        after = (await other.lookup.profiles(tenant, ids)).profiles
        for (record, twin), view, next_view in zip(of_tenant, before, after, strict=True):
            is_fact = _facts(decode_state(record.state)) != _facts(decode_state(twin.state))
            distance = _distance(_worths(view), _worths(next_view))
            sizes = (
                view.evidence.effective_sample_size,
                next_view.evidence.effective_sample_size,
            )
            if not is_fact and distance < _SAME and math.isclose(*sizes, rel_tol=_SAME):
                continue
            difference = Difference(
                tenant=tenant,
                user_id=record.user_id,
                distance=distance,
                events=(view.evidence.events, next_view.evidence.events),
                effective_sample_size=sizes,
            )
            found.append((difference, is_fact))
    return found


def _facts(state: UserState) -> tuple[object, ...]:
    """What was told, whatever it is worth."""
    told = {
        # Bytes, as lists of a page's entries would hold up whoever else this process answers.
        kind: b"".join(rows[field].tobytes() for field in ("time_ms", "event", "item", "action"))
        for kind, rows in state.sets.items()
        if len(rows)
    }
    return (told, state.totals, state.forget_before, state.attributes, state.consents)


def _worths(view: ProfileView) -> dict[str, float]:
    return {known.item_id: known.worth for known in (*view.interests, *view.dislikes)}


def _distance(a: dict[str, float], b: dict[str, float]) -> float:
    lengths = math.hypot(*a.values()) * math.hypot(*b.values())
    if not lengths:
        return 0.0 if not a and not b else 1.0
    return max(0.0, 1.0 - math.fsum(a[item] * b.get(item, 0.0) for item in a) / lengths)


def _quantiles(distances: list[float]) -> tuple[float, float, float] | None:
    if not distances:
        return None
    ordered = sorted(distances)
    last = len(ordered) - 1
    return (ordered[last // 2], ordered[math.ceil(0.9 * last)], ordered[last])


async def _known_users(side: Compared) -> int:
    known = 0
    async for page in side.stores.profiles.users.scan():
        known += sum(1 for record in page if record.version)
    return known


async def _overlap(one: Lookup, other: Lookup, tenant: str, user_id: str) -> float | None:
    """How many of ten are the same; None where neither has any."""
    here, there = [
        {item.item_id for item in (await lookup.rank(tenant, user_id, limit=_LIST)).items}
        for lookup in (one, other)
    ]
    most = max(len(here), len(there))
    return None if not most else _LIST * len(here & there) / most


async def _scores(side: Compared) -> list[Scores]:
    found: list[Scores] = []
    for tenant in await side.stores.profiles.personas.tenants():
        document = await side.stores.profiles.personas.read(tenant)
        if document is None:
            continue
        published = decode_personas(document.body)
        advantages = [one.advantage for one in published.personas if one.advantage is not None]
        events = sum(one.events for one in advantages)
        found.append(
            Scores(
                tenant=tenant,
                personas=len(published.personas),
                users=published.users,
                silhouette=published.silhouette,
                nats=math.fsum(one.nats * one.events for one in advantages) / events
                if events
                else None,
            )
        )
    return found
