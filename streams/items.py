"""The item agent's engine: gives each item a vector once, stores and announces it."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np

from profiles.ids import event_hash, item_key
from profiles.ports import ItemRecord, ItemStore, Vector
from schemas import decoded as events
from schemas import topics
from schemas.announcements import ItemVector, encode_announcement
from schemas.keys import record_key
from streams.batches import RecordBatch
from streams.embedding import Embedder
from streams.emitter import Outgoing, Sender
from streams.gate import Gate
from streams.partitions import partition_of
from streams.retrying import until_available
from streams.watching import NOT_WATCHED, Watch

__all__ = ["ItemEngine", "announcement", "subjects_of"]

_CHUNK: Final = 256
_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder(dict[str, object])


class ItemEngine:
    """Folds item events of the partitions that this worker owns.

    The description with the latest (event time, event hash) wins, whatever the
    order of arrival; a text that did not change is not embedded again. Every step
    is idempotent, so a crash anywhere only repeats work.
    """

    def __init__(
        self,
        *,
        store: ItemStore,
        embedder: Embedder,
        emitter: Sender,
        gate: Gate,
        partitions: int,
        watch: Watch = NOT_WATCHED,
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._emitter = emitter
        self._gate = gate
        self._partitions = partitions
        self._watch = watch
        self.counts: Counter[str] = Counter()
        self.embedded = 0

    async def handle(self, batch: RecordBatch) -> None:
        """Give every record of the batch its effect; when this returns, commit."""
        for chunk in batch.chunks(_CHUNK):
            with self._watch.folding(chunk, self.counts):
                await self._handle(chunk)

    async def _handle(self, chunk: RecordBatch) -> None:
        admitted = self._gate.admit(chunk)
        described = [
            passed.event
            for passed in admitted.passed
            if isinstance(passed.event, events.Item | events.ItemRetired)
        ]
        records = await self._described(described)
        if records:
            await until_available(partial(self._store.put, records))
        announced = [announcement(record, self._partitions) for record in records]
        await self._emitter.send([*admitted.outgoing, *announced])
        self.counts["folded"] += len(described)
        self.counts["forwarded"] += admitted.forwarded
        self.counts["dead-letters"] += admitted.rejected.total()
        self._watch.rejected(admitted.rejected)

    async def _described(
        self, described: Sequence[events.Item | events.ItemRetired]
    ) -> list[ItemRecord]:
        """Records to store and announce: the newest of each item, embedded where needed."""
        keys = list({item_key(event.tenant, event.item_id): None for event in described})
        if not keys:
            return []
        found = await until_available(lambda: self._store.read(keys))
        before = {record.key: record for record in found if record is not None}
        now: dict[int, ItemRecord] = dict(before)
        touched: dict[int, None] = {}
        for event in described:
            key = item_key(event.tenant, event.item_id)
            if _supersedes(event, now.get(key)):
                now[key] = self._redescribed(event, key, now.get(key))
                touched[key] = None
            elif _is_same(event, now[key]):
                # Redelivered: stored before, perhaps not announced.
                touched[key] = None
        return await self._embed([now[key] for key in touched], before)

    def _redescribed(
        self, event: events.Item | events.ItemRetired, key: int, held: ItemRecord | None
    ) -> ItemRecord:
        base = held or ItemRecord(
            key=key,
            tenant=event.tenant,
            item_id=event.item_id,
            title="",
            text="",
            attributes=b"{}",
            described_ms=0,
            event_hash=0,
            content_hash=b"",
            revision=0,
            retired=False,
            vector=np.zeros(self._embedder.dimension, np.float32),
        )
        base = replace(
            base, described_ms=event.occurred_at_ms, event_hash=event_hash(event.event_id)
        )
        if isinstance(event, events.ItemRetired):
            return replace(base, retired=True)
        return replace(
            base,
            title=event.title or "",
            text=event.text,
            attributes=_encoder.encode(event.attributes or {}),
            retired=False,
        )

    async def _embed(
        self, records: Sequence[ItemRecord], before: Mapping[int, ItemRecord]
    ) -> list[ItemRecord]:
        hashes = [self._content_hash(record) for record in records]
        stale = [
            index
            for index, (record, content) in enumerate(zip(records, hashes, strict=True))
            if record.content_hash != content
        ]
        texts = [_embedded_text(records[index]) for index in stale]
        vectors: Vector = np.zeros((0, self._embedder.dimension), np.float32)
        if texts:
            # The model holds the processor for long; heartbeats and lookups go on meanwhile.
            vectors = await asyncio.to_thread(self._embedder.embed, texts)
            self.embedded += len(texts)
        result = list(records)
        for index, vector in zip(stale, vectors, strict=True):
            record = records[index]
            held = before.get(record.key)
            result[index] = replace(
                record,
                vector=vector,
                content_hash=hashes[index],
                revision=(held.revision if held else 0) + 1,
            )
        return result

    def _content_hash(self, record: ItemRecord) -> bytes:
        text = f"{self._embedder.name}\0{_embedded_text(record)}"
        return blake2b(text.encode(), digest_size=16).digest()


def announcement(record: ItemRecord, partitions: int) -> Outgoing:
    """Tells every worker of a described item.

    Args:
        partitions: Of the topic of announcements.
    """
    key = record_key(record.tenant, record.item_id)
    told = ItemVector(
        tenant=record.tenant,
        item_id=record.item_id,
        item=record.key,
        title=record.title,
        revision=record.revision,
        retired=record.retired,
        subjects=subjects_of(record.attributes),
        vector=record.vector.astype("<f4").tobytes(),
    )
    return Outgoing(
        topics.ITEM_VECTORS, partition_of(key, partitions), key, encode_announcement(told)
    )


def subjects_of(attributes: bytes) -> tuple[str, ...]:
    """Short texts among an item's attributes, e.g. its genres; what a persona may be named by."""
    found: list[str] = []
    for value in _decoder.decode(attributes or b"{}").values():
        texts = value if isinstance(value, list) else [value]
        found.extend(text for text in texts if isinstance(text, str) and 0 < len(text) <= 40)
    return tuple(dict.fromkeys(found))[:16]


def _embedded_text(record: ItemRecord) -> str:
    if record.title and record.title not in record.text:
        return f"{record.title}. {record.text}"
    return record.text


def _supersedes(event: events.Item | events.ItemRetired, held: ItemRecord | None) -> bool:
    if held is None or not held.described_ms:
        return True
    order = (event.occurred_at_ms, event_hash(event.event_id))
    return order > (held.described_ms, held.event_hash)


def _is_same(event: events.Item | events.ItemRetired, held: ItemRecord) -> bool:
    order = (event.occurred_at_ms, event_hash(event.event_id))
    return order == (held.described_ms, held.event_hash)
