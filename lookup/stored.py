"""A user's profile computed from the stored state, for when the cache has none."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from profiles.catalogue import ItemCatalogue
from profiles.entries import TEXT
from profiles.ids import action_code
from profiles.policy import Policy
from profiles.ports import ItemRecord, UserRecord
from profiles.projection import decays, interests, project
from profiles.state import DataType, UserState
from schemas.snapshots import CachedProfile, Interest

__all__ = ["stored_profile"]

_MOST_INTERESTS: Final = 32
_CHOOSE: Final = action_code("choose")


def stored_profile(
    record: UserRecord, state: UserState, items: Mapping[int, ItemRecord], policy: Policy
) -> CachedProfile:
    """What the write side caches of this state, from the same sets and item vectors.

    `written_ms` is 0: the store does not keep when records arrived.

    Args:
        state: Decoded from `record`.
        items: Those of the user's items that exist, by key, stubs included.
    """
    catalogue = ItemCatalogue(len(record.vector))
    for item in items.values():
        if item.revision > 0:
            catalogue.put(item.key, item.vector)
    projection = project(state, catalogue, policy)
    return CachedProfile(
        tenant=record.tenant,
        user_id=record.user_id,
        version=record.version,
        persona=record.persona,
        mass=projection.mass,
        effective_sample_size=projection.effective_sample_size,
        waiting=projection.waiting,
        newest_ms=projection.newest_ms,
        written_ms=0,
        vector=projection.vector.astype("<f4").tobytes() if projection.vector.any() else b"",
        interests=_strongest(state, policy),
        totals={
            f"{kind.value}/{action}": count
            for kind, by_action in state.totals.items()
            for action, count in by_action.items()
        },
        attributes={name: stated.value for name, stated in state.attributes.items()},
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
    # Reversed, `unique` reports each item's newest entry.
    items, newest, inverse = np.unique(rows["item"][::-1], return_index=True, return_inverse=True)
    sums = np.zeros(len(items))
    np.add.at(sums, inverse, worth[::-1])
    order = np.lexsort((items, -np.abs(sums)))[:_MOST_INTERESTS]
    found: list[Interest] = []
    for index in order.tolist():
        if sums[index] == 0.0:
            continue
        row = rows[len(rows) - 1 - int(newest[index])]
        kind = DataType.PREFERENCES if row["action"] == _CHOOSE else DataType.INTERACTIONS
        found.append(
            Interest(
                item=int(items[index]),
                worth=float(sums[index]),
                time_ms=int(row["time_ms"]),
                kind=kind.value,
                action=int(row["action"]),
            )
        )
    return tuple(found)
