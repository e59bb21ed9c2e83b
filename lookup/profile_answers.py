"""What is known about users: their cached views under the layers above them."""

from collections.abc import Sequence
from typing import Any

from lookup.declared import DeclaredReader
from lookup.footing import find_footing
from lookup.items import ItemReader
from lookup.kept_answers import Ground, Kept, KeptAnswers
from lookup.options import LookupOptions
from lookup.profile_json import Actions, Asked, ProfileAnswer, profile_answer
from lookup.published import EVERYBODY, PublishedReader, ReleasedReader
from lookup.remembered import Clock, Reading
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
        published: PublishedReader,
        released: ReleasedReader,
        declared: DeclaredReader,
        policy: Policy,
        options: LookupOptions,
        withheld: Sequence[str] = (),
        clock: Clock,
    ) -> None:
        self._users = users
        self._items = items
        self._published = published
        self._released = released
        self._declared = declared
        self._actions = Actions(policy)
        self._options = options
        self._withheld = withheld
        self._kept = KeptAnswers(most=options.answers_held, age_s=options.name_age_s, clock=clock)

    async def of(self, tenant: str, user_ids: Sequence[str]) -> list[ProfileAnswer]:
        """In the order asked; one request to the cache.

        Raises:
            StoreUnavailable: the cache lacks a user and the store does not answer.
        """
        keys = [user_key(tenant, user_id) for user_id in user_ids]
        views = await self._users.views(keys)
        answers: list[ProfileAnswer | None] = [
            await self._again(tenant, self._kept.find(key, view))
            for key, view in zip(keys, views, strict=True)
        ]
        new = [at for at, answer in enumerate(answers) if answer is None]
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
        asked = Asked(tenant=tenant, user_id=user_id)
        answer, _ = await self._composed(asked, profile, withheld)
        return answer

    async def _again(self, tenant: str, kept: Kept | None) -> ProfileAnswer | None:
        """The answer that was kept, if what is published is still what it was made with."""
        if kept is None:
            return None
        published = await self._published_for(tenant, kept.ground)
        return kept.answer if _are_same(published, kept.published) else None

    async def _made(
        self, asked: Asked, key: bytes, view: bytes | None, profile: CachedProfile | None
    ) -> ProfileAnswer:
        if view is None or profile is None:
            return (await self._composed(asked, profile, self._withheld))[0]
        ground = Ground(
            scopes=(EVERYBODY, *_of_persona(profile), *self._declared.ids_of(profile)),
            personas=profile.persona is not None,
        )
        before = await self._published_for(asked.tenant, ground)
        answer, lasting = await self._composed(asked, profile, self._withheld)
        published = await self._published_for(asked.tenant, ground)
        if lasting and _are_same(before, published):
            self._kept.keep(key, view, ground=ground, published=published, answer=answer)
        return answer

    async def _published_for(self, tenant: str, ground: Ground) -> list[object]:
        """What an answer rests on beside the view: the same objects until something changes.

        With troubles in their place: an answer that names one is not given after it is over.
        """
        readings: list[Reading[Any]] = [
            *(await self._published.statistics(tenant, ground.scopes)).values(),
            *(await self._released.statistics(tenant, ground.scopes)).values(),
        ]
        if ground.personas:
            readings.append(await self._released.personas(tenant))
        return [one.value if one.trouble is None else one for one in readings]

    async def _composed(
        self, asked: Asked, profile: CachedProfile | None, withheld: Sequence[str]
    ) -> tuple[ProfileAnswer, bool]:
        """The answer, and whether every item in it has the name that it will keep."""
        footing = await find_footing(
            self._published,
            self._released,
            tenant=asked.tenant,
            profile=profile,
            minimum_size=self._options.minimum_size,
            shrinkage=self._options.shrinkage,
        )
        above = footing.shown
        popular = () if above is None else above.popular[: self._options.popular]
        interests = () if profile is None else profile.interests
        named = [*(known.item for known in interests), *(count.item for count in popular)]
        items = await self._items.named(named)
        declared = await self._declared.of(asked.tenant, profile)
        miscounted = [text for counted in declared for text in counted.stale_because]
        unnamed = () if items.trouble is None else ("some items could not be read just now",)
        answer = profile_answer(
            asked,
            profile,
            footing,
            items.by_key,
            popular,
            declared=[counted.membership() for counted in declared],
            stale_because=tuple(dict.fromkeys((*footing.stale_because, *miscounted, *unnamed))),
            actions=self._actions,
            withheld=withheld,
        )
        lasting = items.trouble is None and all(
            key in items.by_key and items.by_key[key].title for key in named
        )
        return answer, lasting


def _of_persona(profile: CachedProfile) -> tuple[str, ...]:
    return () if profile.persona is None else (profile.persona,)


def _are_same(ones: Sequence[object], others: Sequence[object]) -> bool:
    return all(one is other for one, other in zip(ones, others, strict=True))
