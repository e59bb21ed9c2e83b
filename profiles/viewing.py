"""A user as lookups see them, computed from the state.

One function for both sides: what the write side caches, and what the read side
makes for itself when the cache has nothing.
"""

from functools import lru_cache
from itertools import islice
from typing import Final

import numpy as np

from profiles.evidence import Evidence, evidence_of
from profiles.ids import action_code
from profiles.policy import CHOICE, TIE, Policy
from profiles.ports import Vector
from profiles.projection import Projection
from profiles.state import DataType, UserState
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
        vector=_packed(projection.vector),
        interests=interests,
        totals={
            _total(kind, action): count
            for kind, by_action in state.totals.items()
            for action, count in by_action.items()
        },
        attributes={name: stated.value for name, stated in state.attributes.items()},
        space=space,
    )


@lru_cache(maxsize=1 << 12)
def _total(kind: DataType, action: str) -> str:
    return f"{kind}/{action}"


def _packed(vector: Vector) -> bytes:
    # Of bytes, as NumPy's own search for a component that is not zero takes ten times as long.
    packed = vector.astype("<f4", copy=False).tobytes()
    return packed if packed.lstrip(b"\0") else b""


def strongest(evidence: Evidence) -> list[tuple[Interest, ...]]:
    """Each user's items by the absolute sum of what their live entries are still worth.

    Time, action and kind are those of an item's newest entry.
    """
    rows, by_item, begins = evidence.rows, evidence.by_item, evidence.begins
    if not len(by_item):
        return [()] * len(evidence)
    worth = np.bincount(np.cumsum(begins) - 1, weights=evidence.worth[by_item])
    # The last of an item's entries is its newest.
    newest = by_item[np.append(np.flatnonzero(begins)[1:], len(by_item)) - 1]
    whose = evidence.owner[newest]
    # Stable, and in the order of items: that decides between equals.
    order = np.lexsort((-np.abs(worth), whose))
    counts = np.bincount(whose, minlength=len(evidence))
    rank = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[(rank < _MOST_INTERESTS) & (worth[order] != 0.0)]
    kept = rows[newest[order]]
    actions = kept["action"].tolist()
    choices = {action_code(CHOICE), action_code(TIE)}
    interests = map(
        Interest,
        kept["item"].tolist(),
        worth[order].tolist(),
        kept["time_ms"].tolist(),
        ["preferences" if action in choices else "interactions" for action in actions],
        actions,
    )
    each = np.bincount(whose[order], minlength=len(evidence)).tolist()
    return [tuple(islice(interests, count)) for count in each]
