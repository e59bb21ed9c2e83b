"""What is known about users: their cached views under the layers above them."""

from collections.abc import Sequence

from lookup.items import ItemReader
from lookup.kept_answers import Kept, KeptAnswers
from lookup.layers import Layers
from lookup.options import LookupOptions
from lookup.profile_json import Actions, Asked, Own, ProfileAnswer, own_part, profile_answer
from lookup.remembered import Clock
from lookup.users import UserReader
from profiles.ids import user_key
from profiles.policy import Policy
from schemas.snapshots import CachedProfile

__all__ = ["ProfileAnswers"]


class ProfileAnswers:
    """Answers about users, as JSON.

    Args:
        withheld: Kinds of data that cached views are made without.
    """

    def __init__(
        self,
        *,
        users: UserReader,
        items: ItemReader,
        layers: Layers,
        policy: Policy,
        options: LookupOptions,
        withheld: Sequence[str] = (),
        clock: Clock,
    ) -> None:
        self._users = users
        self._items = items
        self._layers = layers
        self._actions = Actions(policy)
        self._shrinkage = options.shrinkage
        self._withheld = withheld
        self._kept = KeptAnswers(most=options.answers_held, age_s=options.name_age_s, clock=clock)

    async def of(self, tenant: str, user_ids: Sequence[str]) -> list[ProfileAnswer]:
        """In the order asked; one request to the cache.

        Raises:
            StoreUnavailable: the cache lacks a user and the store does not answer.
        """
        keys = [user_key(tenant, user_id) for user_id in user_ids]
        views = await self._users.views(keys)
        answers: list[ProfileAnswer | None] = [None] * len(keys)
        new: list[int] = []
        for at, key in enumerate(keys):
            kept = self._kept.find(key, views[at])
            if kept is None or not (self._kept.is_named(kept) or await self._renamed(key, kept)):
                new.append(at)
            else:
                answers[at] = await self._again(tenant, kept)
        if new:
            profiles = await self._users.of([keys[at] for at in new], [views[at] for at in new])
            for at, profile in zip(new, profiles, strict=True):
                asked = Asked(tenant=tenant, user_id=user_ids[at])
                answers[at] = await self._made(asked, keys[at], views[at], profile)
        return [answer for answer in answers if answer is not None]

    async def made_of(
        self,
        tenant: str,
        user_id: str,
        profile: CachedProfile | None,
        *,
        withheld: Sequence[str],
    ) -> ProfileAnswer:
        """From a profile that no cache holds; None for an unknown user.

        Args:
            withheld: Kinds of data that it was made without.
        """
        own = await self._own(Asked(tenant=tenant, user_id=user_id), profile, withheld)
        layer = await self._layers.of(tenant, self._layers.place_of(profile))
        return profile_answer(own, layer, self._shrinkage)

    async def _renamed(self, key: bytes, kept: Kept) -> bool:
        """Whether the items in it still have the names that they have there."""
        items = await self._items.named(kept.own.items)
        if items.trouble is not None or items.names(kept.own.items) != kept.own.names:
            return False
        self._kept.rename(key, kept, until_s=items.named_until_s)
        return True

    async def _again(self, tenant: str, kept: Kept) -> ProfileAnswer:
        layer = self._layers.now(tenant, kept.place)
        if layer is None:
            layer = await self._layers.of(tenant, kept.place)
        return profile_answer(kept.own, layer, self._shrinkage)

    async def _made(
        self, asked: Asked, key: bytes, view: bytes | None, profile: CachedProfile | None
    ) -> ProfileAnswer:
        own = await self._own(asked, profile, self._withheld)
        place = self._layers.place_of(profile)
        if view is not None and place is not None and not own.stale_because:
            self._kept.keep(key, view, place=place, own=own)
        return profile_answer(own, await self._layers.of(asked.tenant, place), self._shrinkage)

    async def _own(
        self, asked: Asked, profile: CachedProfile | None, withheld: Sequence[str]
    ) -> Own:
        items = await self._items.named(
            () if profile is None else [known.item for known in profile.interests]
        )
        return own_part(
            asked,
            profile,
            items,
            actions=self._actions,
            withheld=withheld,
        )
