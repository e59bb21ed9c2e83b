"""What a person may ask of their own data: everything that is kept of them."""

from collections.abc import Mapping

from lookup.mine import mine_view
from lookup.options import require_name
from profiles.documents.passages import PassageStore, is_live, live_versions
from profiles.documents.text_profile import TextProfile
from profiles.ids import user_key
from profiles.policy import Policy
from profiles.ports import ItemRecord, ItemStore, UserStore
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.exporting import ExportedEvent, exported_events, exported_items
from profiles.state import EMPTY_STATE, UserState, decode_state
from schemas.privacy_views import MineView
from schemas.views import ProfileView

__all__ = ["Persons"]


class Persons:
    """Answers from the stores themselves, never from a cache. Errors as in `Lookup`."""

    def __init__(
        self,
        *,
        users: UserStore,
        items: ItemStore,
        passages: PassageStore,
        policy: Policy,
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        self._users = users
        self._items = items
        self._passages = passages
        self._policy = policy
        self._data = data_policy

    async def export(self, tenant: str, user_id: str) -> bytes:
        """Every event that is kept of the user, as JSON lines in the order of their times.

        Empty for a user of whom nothing is kept.
        """
        events, _, _ = await self._kept(tenant, user_id)
        return b"".join(
            event.model_dump_json(exclude_none=True).encode() + b"\n" for event in events
        )

    async def mine(
        self,
        tenant: str,
        user_id: str,
        profile: ProfileView,
        *,
        writing: TextProfile | None = None,
    ) -> MineView:
        """What is kept of a user, in plain words, with what may see it and until when.

        Args:
            profile, writing: Of the same user: what was inferred.
        """
        events, state, items = await self._kept(tenant, user_id)
        return mine_view(
            tenant,
            user_id,
            state,
            events,
            items=items,
            data=self._data,
            profile=profile,
            writing=writing,
        )

    async def _kept(
        self, tenant: str, user_id: str
    ) -> tuple[list[ExportedEvent], UserState, Mapping[str, ItemRecord]]:
        """Events that are kept, the state they make, and the items they name, by id."""
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        key = user_key(tenant, user_id)
        (record,) = await self._users.read([key])
        if record is None or record.version == 0:
            return [], EMPTY_STATE, {}
        state = decode_state(record.state)
        live = live_versions(state)
        wanted = sorted(exported_items(state))
        items = await self._items.read(wanted) if wanted else []
        found = [one for one in items if one is not None]
        events = exported_events(
            tenant,
            user_id,
            state,
            items={one.key: one.item_id for one in found},
            passages=[
                passage
                for passage in await self._passages.written(tenant, key)
                if is_live(passage, live)
            ],
            policy=self._policy,
        )
        return events, state, {one.item_id: one for one in found}
