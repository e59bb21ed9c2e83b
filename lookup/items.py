"""Items by key: their names and vectors, from memory where they were read lately."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import msgspec

from lookup.gathered_records import GatheredLoads
from lookup.remembered import Clock, Reading, Remembered
from profiles.ports import ItemRecord, ItemStore, ScoredItem, StoreUnavailable, Vector

__all__ = ["ItemReader", "ItemsRead", "Name"]

_AT_ONCE: Final = 2
_AHEAD: Final = 64


Name: TypeAlias = tuple[str, str]
"""An item's id and title."""


@dataclass(frozen=True, slots=True)
class ItemsRead:
    """The items that exist, by key.

    Attributes:
        trouble: Why some may be missing or old.
        named_until_s: By the reader's clock: until then they have the names that they have now;
            what has no title yet may get one once it is due.
    """

    by_key: dict[int, ItemRecord]
    trouble: str | None
    named_until_s: float = math.inf

    def names(self, keys: Iterable[int]) -> list[Name | None]:
        """Of each; None for what does not exist."""
        return [
            None if (item := self.by_key.get(key)) is None else (item.item_id, item.title)
            for key in keys
        ]

    def complete(self) -> dict[int, ItemRecord]:
        """The items, if nothing went wrong.

        Raises:
            StoreUnavailable: something did.
        """
        if self.trouble is not None:
            raise StoreUnavailable(self.trouble)
        return self.by_key


class ItemReader:
    """Reads items; a change of an item is seen `age_s` later at most.

    Records come without text, which nothing here shows.

    Args:
        name_age_s: A title may be this much older where nothing but names is wanted; ≥ `age_s`.
        most: Items held; 10 000 of 384 dimensions take about 20 MB.
        attributes: Names of the attributes that records keep.
    """

    def __init__(
        self,
        items: ItemStore,
        *,
        age_s: float,
        most: int,
        clock: Clock,
        name_age_s: float | None = None,
        attributes: frozenset[str] = frozenset(),
    ) -> None:
        self._items = items
        self._age_s = age_s
        self._name_age_s = age_s if name_age_s is None else name_age_s
        self._attributes = attributes
        # Answers of one moment lack a few items each, of which many are the same.
        self._gathered = GatheredLoads(items.read, at_once=_AT_ONCE)
        self._remembered: Remembered[int, ItemRecord] = Remembered(
            self._load, age_s=age_s, most=most, clock=clock, ahead=_AHEAD
        )

    async def read(self, keys: Iterable[int]) -> ItemsRead:
        return _items_read(await self._remembered.read(keys))

    async def named(self, keys: Iterable[int]) -> ItemsRead:
        """As `read`, for who wants ids and titles only, which hardly ever change."""
        readings = await self._remembered.read(keys, lasts_s=self._name_lasts_s)
        until_s = math.inf
        for key, reading in readings.items():
            if reading.value is None or not reading.value.title:
                until_s = min(until_s, self._remembered.due_s(key))
        return _items_read(readings, named_until_s=until_s)

    def _name_lasts_s(self, reading: Reading[ItemRecord]) -> float:
        # What has no title yet may get one at any moment.
        named = reading.value is not None and reading.value.title and reading.trouble is None
        return self._name_age_s if named else self._age_s

    async def nearest(
        self, *, tenant: str, vector: Vector, limit: int, exclude: Iterable[int]
    ) -> list[ScoredItem]:
        """As `ItemStore.nearest`, at the store's own freshness; equal scores by item id.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        found = await self._items.nearest(
            tenant=tenant, vector=vector, limit=limit, exclude=exclude
        )
        for hit in found:
            self._remembered.put(hit.record.key, _light(hit.record, self._attributes))
        return sorted(found, key=lambda hit: (-hit.score, hit.record.item_id))

    async def nearest_keys(
        self, *, tenant: str, vector: Vector, limit: int, exclude: Iterable[int]
    ) -> list[int]:
        """As `ItemStore.nearest_keys`, at the store's own freshness.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        return await self._items.nearest_keys(
            tenant=tenant, vector=vector, limit=limit, exclude=exclude
        )

    async def _load(self, keys: Sequence[int]) -> list[ItemRecord | None]:
        stored = await self._gathered.read(keys)
        return [None if record is None else _light(record, self._attributes) for record in stored]


def _items_read(
    readings: Mapping[int, Reading[ItemRecord]], *, named_until_s: float = math.inf
) -> ItemsRead:
    by_key: dict[int, ItemRecord] = {}
    trouble: str | None = None
    # Hundreds of items for each ranking.
    for key, found in readings.items():
        if found.value is not None:
            by_key[key] = found.value
        if found.trouble is not None and trouble is None:
            trouble = found.trouble
    return ItemsRead(by_key, trouble, named_until_s)


def _light(record: ItemRecord, attributes: frozenset[str]) -> ItemRecord:
    # Spelt out: `replace` costs twice as much, on hundreds of items per ranking.
    return ItemRecord(
        record.key,
        record.tenant,
        record.item_id,
        record.title,
        "",
        _kept(record.attributes, attributes) if attributes else b"",
        record.described_ms,
        record.event_hash,
        record.content_hash,
        record.revision,
        record.retired,
        record.vector,
    )


_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encoder = msgspec.json.Encoder()


def _kept(encoded: bytes, names: frozenset[str]) -> bytes:
    whole = _decoder.decode(encoded or b"{}")
    return _encoder.encode({name: whole[name] for name in whole.keys() & names})
