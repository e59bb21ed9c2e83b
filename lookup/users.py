"""Users by id: from the profile cache, else from their stored state."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import structlog
from msgspec.structs import replace

from lookup.gathered import GatheredReads
from lookup.gathered_records import GatheredRecords
from lookup.items import ItemReader
from lookup.stored import stored_profile
from profiles.entries import TEXT
from profiles.ids import user_key
from profiles.policy import Policy
from profiles.ports import ProfileCache, StoreUnavailable, UserRecord, UserStore, Vector
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.permitting import permitted
from profiles.projection import direction
from profiles.state import DataType, UserState, decode_state
from schemas.snapshots import CachedProfile, SnapshotFormatError, decode_profile

__all__ = ["UserReader", "UserWithHistory", "vector_of"]

# What vectors and personas are made of.
_PLACING: Final = frozenset((DataType.INTERACTIONS, DataType.PREFERENCES))

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class UserWithHistory:
    """A user, the state that the profile was made of or a later one, and what they have seen.

    Attributes:
        seen: Every item of the kept entries (superseded ones too), by key.
    """

    profile: CachedProfile
    state: UserState
    seen: frozenset[int]


class UserReader:
    """Reads users. None stands for a user of whom no event was ever folded.

    Args:
        data_policy: Whoever asks for nothing else sees the kinds of data that serve ranking; those
            are what cached views are made of.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        cache: ProfileCache,
        items: ItemReader,
        policy: Policy,
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        self._users = GatheredRecords(users)
        self._cache = GatheredReads(cache)
        self._items = items
        self._policy = policy
        self._data = data_policy

    async def profiles(self, tenant: str, user_ids: Sequence[str]) -> list[CachedProfile | None]:
        """In the order asked: one request to the cache, and one to the store for what it lacks.

        Raises:
            StoreUnavailable: the cache lacks a user and the store does not answer.
        """
        keys = [user_key(tenant, user_id) for user_id in user_ids]
        return await self.of(keys, await self.views(keys))

    async def views(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """As they lie in the cache, in the order asked; none at all if it does not answer."""
        try:
            return await self._cache.get(keys)
        except StoreUnavailable:
            # The store holds the same and more, only slower.
            _log.warning("the profile cache does not answer")
            return [None] * len(keys)

    async def of(
        self, keys: Sequence[bytes], views: Sequence[bytes | None]
    ) -> list[CachedProfile | None]:
        """From their views, where there are any that can be read; the rest from the store.

        Raises:
            StoreUnavailable: a user has no view and the store does not answer.
        """
        found = _decoded(keys, views)
        missing = list(dict.fromkeys(key for key in keys if key not in found))
        for record in await self._users.read(missing) if missing else ():
            if record is not None and record.version > 0 and not record.vacant:
                found[record.key] = await self._computed(record)
        return [found.get(key) for key in keys]

    async def profile_of(
        self, tenant: str, user_id: str, kinds: Collection[DataType]
    ) -> CachedProfile | None:
        """A user's profile from these kinds of data alone, which no cache holds.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        (record,) = await self._users.read([user_key(tenant, user_id)])
        if record is None or record.version == 0 or record.vacant:
            return None
        return await self._computed(record, kinds)

    async def with_history(
        self, tenant: str, user_id: str, kinds: Collection[DataType] | None = None
    ) -> UserWithHistory | None:
        """A user with all that they have seen, which only the store knows.

        Args:
            kinds: Of data; None for those that serve ranking.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        key = user_key(tenant, user_id)
        (record,) = await self._users.read([key])
        if record is None or record.version == 0 or record.vacant:
            return None
        usual = kinds is None or frozenset(kinds) == self._data.ranked
        view = (await self.views([key]))[0] if usual else None
        cached = _decoded([key], [view]).get(key)
        if cached is None or cached.version < record.version:
            cached = await self._computed(record, kinds)
        state = self._permitted(record, kinds)
        return UserWithHistory(cached, state, _seen(state))

    async def text_direction(self, person: UserWithHistory) -> Vector | None:
        """Where a user stands among the texts of items; shape of an item's vector.

        None if the evidence has no direction.

        Raises:
            StoreUnavailable: an item is not remembered and the store does not answer.
        """
        items = (await self._items.read(person.seen)).complete()
        described = {key: item.vector for key, item in items.items() if item.revision > 0}
        return direction(person.state, described, self._policy)

    def _permitted(self, record: UserRecord, kinds: Collection[DataType] | None) -> UserState:
        return permitted(decode_state(record.state), self._data.ranked if kinds is None else kinds)

    async def _computed(
        self, record: UserRecord, kinds: Collection[DataType] | None = None
    ) -> CachedProfile:
        state = self._permitted(record, kinds)
        if kinds is not None and not self._data.placed & _PLACING <= frozenset(kinds):
            # Where the user stands tells of data that may not be seen.
            record = replace(record, vector=np.zeros_like(record.vector))
            state = replace(state, persona=None)
        # Which items are described decides about the evidence, so all are needed.
        items = (await self._items.read(_seen(state))).complete()
        return stored_profile(record, state, items, self._policy)


def _decoded(keys: Sequence[bytes], views: Sequence[bytes | None]) -> dict[bytes, CachedProfile]:
    found: dict[bytes, CachedProfile] = {}
    for key, view in zip(keys, views, strict=True):
        if view is None:
            continue
        try:
            found[key] = decode_profile(view)
        except SnapshotFormatError:
            # Without the user: logs are kept elsewhere, where no erasure reaches them.
            _log.warning("a cached profile has another format")
    return found


def vector_of(profile: CachedProfile) -> Vector | None:
    """Shape (d,), unit length; None if the evidence has no direction."""
    return np.frombuffer(profile.vector, "<f4").astype(np.float32) if profile.vector else None


def _seen(state: UserState) -> frozenset[int]:
    seen: set[int] = set()
    for kind in (DataType.INTERACTIONS, DataType.PREFERENCES):
        rows = state.entries(kind)
        seen.update(rows["item"][(rows["flags"] & TEXT) == 0].tolist())
    return frozenset(seen)
