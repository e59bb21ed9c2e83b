"""A user as lookups see them, computed from the state.

One function for both sides: what the write side caches, and what the read side
makes for itself when the cache has nothing.
"""

from typing import Final

import numpy as np

from profiles.entries import TEXT
from profiles.ids import action_code
from profiles.policy import Policy
from profiles.projection import Projection, decays, interests
from profiles.state import UserState
from schemas.snapshots import CachedProfile, Interest

__all__ = ["cached_view"]

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
) -> CachedProfile:
    """View of one version of a user.

    Args:
        received_ms: Broker time of the newest record folded; 0 where it is not known.
        space: Version of the item space that the projection was made in.
    """
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
        interests=_strongest(state, policy),
        totals={
            f"{kind.value}/{action}": count
            for kind, by_action in state.totals.items()
            for action, count in by_action.items()
        },
        attributes={name: stated.value for name, stated in state.attributes.items()},
        space=space,
    )


def _strongest(state: UserState, policy: Policy) -> tuple[Interest, ...]:
    """Items by the absolute sum of what their live entries are still worth.

    Time, action and kind are those of an item's newest entry.
    """
    rows = interests(state)
    if not len(rows):
        return ()
    worth = rows["weight"] * decays(rows, policy)
    about_items = (rows["flags"] & TEXT) == 0
    rows, worth = rows[about_items], worth[about_items]
    items, last, inverse = np.unique(rows["item"][::-1], return_index=True, return_inverse=True)
    sums = np.zeros(len(items))
    np.add.at(sums, inverse, worth[::-1])
    chosen = action_code("choose")
    order = np.lexsort((items, -np.abs(sums)))[:_MOST_INTERESTS]
    found: list[Interest] = []
    for index in order.tolist():
        if sums[index] == 0.0:
            continue
        newest = rows[len(rows) - 1 - int(last[index])]
        found.append(
            Interest(
                item=int(items[index]),
                worth=float(sums[index]),
                time_ms=int(newest["time_ms"]),
                kind="preferences" if newest["action"] == chosen else "interactions",
                action=int(newest["action"]),
            )
        )
    return tuple(found)
