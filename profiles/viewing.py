"""A user as lookups see them, computed from the state.

One function for both sides: what the write side caches, and what the read side
makes for itself when the cache has nothing.
"""

from typing import Final

import numpy as np

from profiles.evidence import Evidence, evidence_of
from profiles.ids import action_code
from profiles.policy import Policy
from profiles.projection import Projection
from profiles.state import UserState
from schemas.snapshots import CachedProfile, Interest

__all__ = ["cached_view", "strongest"]

_MOST_INTERESTS: Final = 32


def cached_view(
    tenant: str,
    user_id: str,
    state: UserState,
    projection: Projection,
    policy: Policy,
    *,
    received_ms: int,
    space: int = 0,
    interests: tuple[Interest, ...] | None = None,
) -> CachedProfile:
    """View of one version of a user.

    Args:
        interests: As `strongest` finds them; sought here where not given.
        received_ms: Broker time of the newest record folded; 0 where it is not known.
        space: Version of the item space that the projection was made in.
    """
    if interests is None:
        (interests,) = strongest(evidence_of([state], policy))
    return CachedProfile(
        tenant=tenant,
        user_id=user_id,
        version=state.version,
        persona=state.persona,
        mass=projection.mass,
        effective_sample_size=projection.effective_sample_size,
        waiting=projection.waiting,
        newest_ms=projection.newest_ms,
        written_ms=received_ms,
        vector=projection.vector.astype("<f4").tobytes() if projection.vector.any() else b"",
        interests=interests,
        totals={
            kind + "/" + action: count
            for kind, by_action in state.totals.items()
            for action, count in by_action.items()
        },
        attributes={name: stated.value for name, stated in state.attributes.items()},
        space=space,
    )


def strongest(evidence: Evidence) -> list[tuple[Interest, ...]]:
    """Each user's items by the absolute sum of what their live entries are still worth.

    Time, action and kind are those of an item's newest entry.
    """
    rows, owner = evidence.rows[evidence.about_items], evidence.owner[evidence.about_items]
    found: list[list[Interest]] = [[] for _ in range(len(evidence))]
    if not len(rows):
        return [()] * len(evidence)
    items = rows["item"]
    by_item = np.lexsort((items, owner))
    fresh = np.ones(len(rows), np.bool_)
    ordered, owners = items[by_item], owner[by_item]
    fresh[1:] = (ordered[1:] != ordered[:-1]) | (owners[1:] != owners[:-1])
    group = np.cumsum(fresh) - 1
    worth = np.bincount(group, weights=evidence.worth[evidence.about_items][by_item])
    # Stable: the last of an item's entries is its newest.
    newest = by_item[np.append(np.flatnonzero(fresh)[1:], len(rows)) - 1]
    whose = owner[newest]
    order = np.lexsort((items[newest], -np.abs(worth), whose))
    counts = np.bincount(whose, minlength=len(evidence))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[(rank < _MOST_INTERESTS) & (worth[order] != 0.0)]
    kept = rows[newest[order]]
    chosen = action_code("choose")
    for user, item, value, time_ms, action in zip(
        whose[order].tolist(),
        kept["item"].tolist(),
        worth[order].tolist(),
        kept["time_ms"].tolist(),
        kept["action"].tolist(),
        strict=True,
    ):
        kind = "preferences" if action == chosen else "interactions"
        found[user].append(Interest(item, value, time_ms, kind, action))
    return [tuple(interests) for interests in found]
