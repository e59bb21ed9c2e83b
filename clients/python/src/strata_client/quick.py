"""What is known of a user at the least delay: the cached view, without the layers above.

The write side keeps a view of each user that changed in the last day in Redis. It names items
by key and says nothing of personas' sizes, weights or what is popular: for those, ask for a
profile.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from strata_client._strict import instant_ms
from strata_client.answers import Profile
from strata_client.keys import item_key, user_key

__all__ = ["QuickProfile", "cache_key", "from_cache", "from_profile"]

_VERSION_BYTES: Final = 8
_FORMAT: Final = b"\x01"


class _Interest(msgspec.Struct, array_like=True, frozen=True):
    item: int
    worth: float
    time_ms: int
    kind: str
    action: int


class _View(msgspec.Struct, array_like=True, frozen=True):
    """As the write side encodes it; what a newer one appends is ignored."""

    tenant: str
    user_id: str
    version: int
    persona: str | None
    mass: float
    effective_sample_size: float
    waiting: bool
    newest_ms: int | None
    written_ms: int
    vector: bytes
    interests: tuple[_Interest, ...]
    totals: dict[str, int]
    attributes: dict[str, str | int | float | bool]


_views: Final = msgspec.msgpack.Decoder(_View)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickProfile:
    """One user's own layer.

    Attributes:
        version: Of the user's state; 0 for a user of whom no event was ever taken in.
        mass: Evidence after decay, ≥ 0.
        newest_ms: Event time of the newest event kept, ms since the epoch.
        vector: float32 little-endian, unit length (`numpy.frombuffer(vector, "<f4")`); None if
            the evidence points nowhere, and over HTTP, which does not tell it.
        interests: Item key → worth, for the strongest likes (> 0) and dislikes (< 0).
        totals: "data type/action" → events ever.
        source: Where it was read.
    """

    tenant: str
    user_id: str
    version: int
    persona: str | None
    mass: float
    effective_sample_size: float
    waiting: bool
    newest_ms: int | None
    vector: bytes | None
    interests: Mapping[int, float]
    totals: Mapping[str, int]
    attributes: Mapping[str, str | int | float | bool]
    source: Literal["redis", "http"]

    def worth(self, item_id: str) -> float | None:
        """What the user's events make an item worth; None if it is not among the strongest."""
        return self.interests.get(item_key(self.tenant, item_id))


def cache_key(namespace: str, tenant: str, user_id: str) -> bytes:
    """Where Redis holds a user's view."""
    return f"strata:{namespace}:view:{user_key(tenant, user_id).hex()}".encode()


def from_cache(held: bytes | None) -> QuickProfile | None:
    """The view that Redis holds; None if it holds none, or one of a format not known here."""
    if held is None or held[_VERSION_BYTES : _VERSION_BYTES + 1] != _FORMAT:
        return None
    try:
        view = _views.decode(memoryview(held)[_VERSION_BYTES + 1 :])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return QuickProfile(
        tenant=view.tenant,
        user_id=view.user_id,
        version=view.version,
        persona=view.persona,
        mass=view.mass,
        effective_sample_size=view.effective_sample_size,
        waiting=view.waiting,
        newest_ms=view.newest_ms,
        vector=view.vector or None,
        interests={one.item: one.worth for one in view.interests},
        totals=view.totals,
        attributes=view.attributes,
        source="redis",
    )


def from_profile(profile: Profile) -> QuickProfile:
    """The same from an answer of the service."""
    newest_at = profile.evidence.newest_at
    return QuickProfile(
        tenant=profile.tenant,
        user_id=profile.user_id,
        version=profile.version,
        persona=None if profile.persona is None else profile.persona.id,
        mass=profile.evidence.mass,
        effective_sample_size=profile.evidence.effective_sample_size,
        waiting=profile.waiting,
        newest_ms=None if newest_at is None else instant_ms(newest_at),
        vector=None,
        interests={
            item_key(profile.tenant, one.item_id): one.worth
            for one in (*profile.interests, *profile.dislikes)
        },
        totals={
            f"{kind}/{action}": count
            for kind, by_action in profile.totals.items()
            for action, count in by_action.items()
        },
        attributes=profile.attributes,
        source="http",
    )
