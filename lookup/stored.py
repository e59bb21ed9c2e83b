"""A user's profile computed from the stored state, for when the cache has none."""

from collections.abc import Mapping

from msgspec.structs import replace

from profiles.catalogue import ItemCatalogue
from profiles.policy import Policy
from profiles.ports import ItemRecord, UserRecord
from profiles.projection import Projection, project
from profiles.state import UserState
from profiles.viewing import cached_view
from schemas.snapshots import CachedProfile

__all__ = ["stored_profile", "text_projection"]


def stored_profile(
    record: UserRecord, state: UserState, items: Mapping[int, ItemRecord], policy: Policy
) -> CachedProfile:
    """What the write side caches of this state, from the same sets and item vectors.

    `written_ms` is 0: the store does not keep when records arrived.

    Args:
        state: Decoded from `record`.
        items: Those of the user's items that exist, by key, stubs included.
    """
    # The items say what is known of them; where the user stands in the space is stored.
    projection = replace(text_projection(state, items, policy), vector=record.vector)
    return cached_view(
        record.tenant,
        record.user_id,
        state,
        projection,
        policy,
        received_ms=0,
        space=record.space,
    )


def text_projection(
    state: UserState, items: Mapping[int, ItemRecord], policy: Policy
) -> Projection:
    """A user among the texts of items, whatever item spaces there are.

    Args:
        items: Those of the user's items that exist, by key, stubs included.
    """
    described = [item for item in items.values() if item.revision > 0]
    catalogue = ItemCatalogue(len(described[0].vector) if described else 1)
    for item in described:
        catalogue.put(item.key, item.vector)
    return project(state, catalogue, policy)
