"""Questions about nearness: items like an item, users like a user."""

from lookup.errors import UnknownItem
from lookup.items import ItemReader
from lookup.options import LookupOptions, require_listed, require_name
from lookup.presenting import title_of
from lookup.published import Published, visible
from lookup.users import UserReader, vector_of
from profiles.ids import item_key, user_key
from profiles.ports import ItemStore, UserStore
from schemas.views import SimilarItemsView, SimilarItemView, SimilarUsersView, SimilarUserView

__all__ = ["Similarity"]


class Similarity:
    """Nearest items and users. Errors as in `Lookup`."""

    def __init__(
        self,
        *,
        user_store: UserStore,
        item_store: ItemStore,
        users: UserReader,
        items: ItemReader,
        published: Published,
        options: LookupOptions,
    ) -> None:
        self._user_store = user_store
        self._item_store = item_store
        self._users = users
        self._items = items
        self._published = published
        self._options = options

    async def similar_items(
        self, tenant: str, item_id: str, *, limit: int = 10
    ) -> SimilarItemsView:
        """Described, unretired items nearest to this one.

        Raises:
            UnknownItem: no event ever named it.
        """
        require_name("tenant", tenant)
        require_name("item_id", item_id)
        require_listed("limit", limit)
        (item,) = await self._item_store.read([item_key(tenant, item_id)])
        if item is None:
            raise UnknownItem(f"no event ever named item {item_id!r}")
        described = item.revision > 0
        near = (
            await self._items.nearest(
                tenant=tenant, vector=item.vector, limit=limit, exclude=[item.key]
            )
            if described
            else []
        )
        return SimilarItemsView(
            tenant=tenant,
            item_id=item_id,
            title=title_of(item),
            described=described,
            items=tuple(
                SimilarItemView(
                    item_id=hit.record.item_id, title=title_of(hit.record), score=hit.score
                )
                for hit in near
            ),
        )

    async def similar_users(
        self, tenant: str, user_id: str, *, limit: int = 10
    ) -> SimilarUsersView:
        """Users of the tenant whose vectors point the same way."""
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        require_listed("limit", limit)
        (profile,) = await self._users.profiles(tenant, [user_id])
        vector = None if profile is None else vector_of(profile)
        near = (
            []
            if profile is None or vector is None
            else await self._user_store.similar(
                tenant=tenant,
                vector=vector,
                space=profile.space,
                limit=limit,
                exclude=user_key(tenant, user_id),
            )
        )
        personas = await self._published.personas(tenant)
        shown = visible(personas.value, minimum_size=self._options.minimum_size)
        near.sort(key=lambda hit: (-hit.score, hit.record.user_id))
        return SimilarUsersView(
            tenant=tenant,
            user_id=user_id,
            known=profile is not None,
            directed=vector is not None,
            users=tuple(
                SimilarUserView(
                    user_id=hit.record.user_id,
                    score=hit.score,
                    persona=hit.record.persona if hit.record.persona in shown else None,
                )
                for hit in near
            ),
        )
