"""Loading the item spaces that were announced."""

import asyncio

import structlog

from profiles.nextitem.itemspace import ItemSpace
from profiles.ports import AggregateStore, StoreUnavailable
from schemas.announcements import PersonaAnnouncement
from stores.blobs import get_blob
from streams.knowledge import Knowledge

__all__ = ["SpaceLoader"]

_log = structlog.get_logger(__name__)


class SpaceLoader:
    """Puts announced item spaces in force once they can be read.

    A space that is not there (the snapshot store came back empty; the leader will publish
    again) or not readable now stays pending: the next round tries again.
    """

    def __init__(self, knowledge: Knowledge, aggregates: AggregateStore) -> None:
        self._knowledge = knowledge
        self._aggregates = aggregates

    async def load(self) -> int:
        """Try all that are pending; how many are in force now."""
        switched = 0
        for announced in self._knowledge.pending():
            space = await self._read(announced)
            if space is not None and await self._knowledge.switch(announced, space):
                switched += 1
                _log.info("item space in force", tenant=announced.tenant, space=announced.space)
        return switched

    async def _read(self, announced: PersonaAnnouncement) -> ItemSpace | None:
        blob = announced.item_space
        if blob is None:
            raise ValueError(f"version {announced.space} of an item space lies nowhere")
        try:
            body = await get_blob(self._aggregates, announced.tenant, blob)
        except StoreUnavailable as error:
            _log.warning("the item space cannot be read", error=str(error))
            return None
        if body is None:
            _log.warning("the item space is not there", space=announced.space)
            return None
        return await asyncio.to_thread(ItemSpace.from_bytes, body)
