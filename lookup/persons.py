"""What a person may ask of their own data: everything that is kept of them."""

from lookup.options import require_name
from profiles.documents.passages import PassageStore, is_live, live_versions
from profiles.ids import user_key
from profiles.policy import Policy
from profiles.ports import ItemStore, UserStore
from profiles.privacy.exporting import exported_events, exported_items
from profiles.state import decode_state

__all__ = ["Persons"]


class Persons:
    """Answers from the stores themselves, never from a cache. Errors as in `Lookup`."""

    def __init__(
        self, *, users: UserStore, items: ItemStore, passages: PassageStore, policy: Policy
    ) -> None:
        self._users = users
        self._items = items
        self._passages = passages
        self._policy = policy

    async def export(self, tenant: str, user_id: str) -> bytes:
        """Every event that is kept of the user, as JSON lines in the order of their times.

        Empty for a user of whom nothing is kept.
        """
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        key = user_key(tenant, user_id)
        (record,) = await self._users.read([key])
        if record is None or record.version == 0:
            return b""
        state = decode_state(record.state)
        live = live_versions(state)
        wanted = sorted(exported_items(state))
        items = await self._items.read(wanted) if wanted else []
        events = exported_events(
            tenant,
            user_id,
            state,
            items={one.key: one.item_id for one in items if one is not None},
            passages=[
                passage
                for passage in await self._passages.written(tenant, key)
                if is_live(passage, live)
            ],
            policy=self._policy,
        )
        return b"".join(
            event.model_dump_json(exclude_none=True).encode() + b"\n" for event in events
        )
