"""The documents engine: what users wrote becomes passages, and what they withdraw goes.

It stands on both sides of the profile agent. `read` takes a batch before its events are
folded, cuts and embeds its documents, and keeps them pending. `store` is called when the
folded states are durable and before their offsets are committed: each pending document whose
entry the user's state holds is stored, and what the state has forgotten is deleted. So the
state decides, and a crash anywhere repeats work and changes nothing.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from typing import Final

import numpy as np
import structlog

from profiles.documents.chunking import DEFAULT_CUT, Cut
from profiles.documents.passages import (
    DocumentPassages,
    Passage,
    PassageStore,
    cutoff_ms,
    document_passages,
    embedded_text,
    is_live,
    live_versions,
    with_vectors,
)
from profiles.ids import user_key
from profiles.policy import Policy
from profiles.ports import Control, StoreUnavailable, UserStore, Vector
from profiles.state import EMPTY_STATE, DataType, UserState, decode_state
from schemas import decoded as events
from schemas import topics
from streams.batches import RecordBatch
from streams.embedding import Embedder
from streams.gate import Gate
from streams.ownership import Place
from streams.retrying import until_available

__all__ = ["DocumentEngine"]

_log = structlog.get_logger(__name__)

_TOPICS: Final = frozenset({topics.DOCUMENTS, topics.CONSENTS, topics.ERASURES})
_CHUNK: Final = 64
_VECTORS_HELD: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Pending:
    """One event of a user, read and not yet stored; `document` is None for what withdraws."""

    tenant: str
    user: bytes
    document: DocumentPassages | None


class DocumentEngine:
    """Stores passages of the documents in owned partitions.

    Args:
        gate: The profile agent's, so that both decide alike; letters are the agent's to send.
        epoch: The assignment in force; batches of another are dropped, as they are there.
        sync: Makes embedded storage survive a loss of power.
        history: A topic that may hold documents among others; None if there is none.
    """

    def __init__(
        self,
        *,
        passages: PassageStore,
        users: UserStore,
        embedder: Embedder,
        gate: Gate,
        policy: Policy,
        epoch: Callable[[], int],
        sync: Callable[[], Awaitable[None]],
        cut: Cut = DEFAULT_CUT,
        history: str | None = None,
    ) -> None:
        self._topics = _TOPICS if history is None else _TOPICS | {history}
        self._passages = passages
        self._users = users
        self._embedder = embedder
        self._gate = gate
        self._policy = policy
        self._epoch = epoch
        self._sync = sync
        self._cut = cut
        self._pending: dict[Place, dict[int, _Pending]] = {}
        self._vectors: OrderedDict[bytes, Vector] = OrderedDict()
        self._swept: dict[int, int] = {}
        self.counts: Counter[str] = Counter()

    async def read(self, batch: RecordBatch) -> None:
        """Cut and embed the documents of a batch; other topics' batches are left alone.

        Whether the batch is folded, the profile agent decides: what is pending waits for its
        offset to be committed, and a record that is delivered again takes its own place.
        """
        if batch.topic not in self._topics or batch.epoch != self._epoch():
            return
        for chunk in batch.chunks(_CHUNK):
            prepared = await self._prepared(chunk)
            self._pending.setdefault((batch.topic, batch.partition), {}).update(prepared)

    async def store(self, offsets: Mapping[Place, int]) -> None:
        """Give all pending events below these next offsets their effect.

        The users' states that hold these events have been written.
        """
        due = {
            (place, offset): pending
            for place, next_offset in offsets.items()
            for offset, pending in self._pending.get(place, {}).items()
            if offset < next_offset
        }
        if not due:
            return
        await self._settle(list(due.values()))
        await self._sync()
        for place, offset in due:
            # Another record may have been read at the place meanwhile, but never in its stead.
            self._pending[place].pop(offset, None)

    def release(self) -> None:
        """Forget what is pending: the partitions were given up, and what was folded is stored."""
        self._pending.clear()

    async def sweep(self, held: Mapping[int, Control]) -> None:
        """Delete, once per partition taken, what its users' states have forgotten.

        Makes up for what an earlier owner wrote after it had lost the partition. Where the
        store does not answer, the next call begins again.
        """
        for partition, control in list(held.items()):
            if self._swept.get(partition) == control.token:
                continue
            try:
                async for page in self._users.scan(partition=partition):
                    for record in page:
                        state = decode_state(record.state)
                        forgotten = state.forget_before.get(DataType.DOCUMENTS)
                        if forgotten is not None:
                            await self._forget(record.tenant, record.key, forgotten)
            except StoreUnavailable as error:
                _log.warning("passages could not be swept now", reason=str(error))
                return
            self._swept[partition] = control.token

    async def _settle(self, due: Sequence[_Pending]) -> None:
        states = await self._states(list({one.user for one in due}))
        await self._forget_withdrawn(due, states)
        latest: dict[str, DocumentPassages] = {}
        live = {user: live_versions(state) for user, state in states.items()}
        for one in due:
            document = one.document
            if document is None or not is_live(document.head, live[one.user]):
                continue
            held = latest.get(document.head.id)
            if held is None or held.head.version <= document.head.version:
                latest[document.head.id] = document
        if latest:
            stored = await until_available(partial(self._passages.replace, list(latest.values())))
            self.counts["stored"] += stored

    async def _states(self, users: list[bytes]) -> dict[bytes, UserState]:
        records = await until_available(lambda: self._users.read(users))
        return {
            user: EMPTY_STATE if record is None else decode_state(record.state)
            for user, record in zip(users, records, strict=True)
        }

    async def _forget_withdrawn(
        self, due: Sequence[_Pending], states: Mapping[bytes, UserState]
    ) -> None:
        tenants = {one.user: one.tenant for one in due}
        withdrawing = {one.user for one in due if one.document is None}
        for user, tenant in tenants.items():
            state = states[user]
            removed = state.removed.get(DataType.DOCUMENTS, frozenset())
            if removed and user in withdrawing:
                live = live_versions(state)
                await until_available(partial(self._passages.prune, tenant, user, live))
            full = len(state.entries(DataType.DOCUMENTS)) + len(removed) >= self._policy.kept
            cutoff = cutoff_ms(state, kept=self._policy.kept)
            if cutoff is not None and (full or user in withdrawing):
                await self._forget(tenant, user, cutoff)

    async def _forget(self, tenant: str, user: bytes, through_ms: int) -> None:
        await until_available(partial(self._passages.forget, tenant, user, through_ms=through_ms))
        self.counts["forgotten"] += 1

    async def _prepared(self, chunk: RecordBatch) -> dict[int, _Pending]:
        """Pending events by offset."""
        drafts: list[tuple[int, str, bytes, tuple[Passage, ...]]] = []
        for passed in self._gate.admit(chunk).passed:
            match passed.event:
                case events.Document() as event:
                    user = user_key(event.tenant, event.user_id)
                    passages, whole = document_passages(event, user, cut=self._cut)
                    self.counts["cut short"] += not whole
                    drafts.append((passed.offset, event.tenant, user, passages))
                case events.Consent() | events.Erasure() | events.Removal() as event:
                    user = user_key(event.tenant, event.user_id)
                    drafts.append((passed.offset, event.tenant, user, ()))
                case _:
                    continue
        vectors = await self._embedded(
            [embedded_text(passage) for *_, passages in drafts for passage in passages]
        )
        pending: dict[int, _Pending] = {}
        row = 0
        for offset, tenant, user, passages in drafts:
            document = None
            if passages:
                rows = vectors[row : row + len(passages)]
                row += len(passages)
                document = with_vectors(passages, rows, model=self._embedder.name)
            pending[offset] = _Pending(tenant, user, document)
        return pending

    async def _embedded(self, texts: Sequence[str]) -> Vector:
        """Shape (len(texts), d); zeros for no text; what was embedded lately is not again."""
        vectors = np.zeros((len(texts), self._embedder.dimension), np.float32)
        keys = [self._content_hash(text) for text in texts]
        missing: dict[bytes, str] = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if text and key not in self._vectors
        }
        if missing:
            # The model holds the processor for long; heartbeats and folds go on meanwhile.
            fresh = await asyncio.to_thread(self._embedder.embed, list(missing.values()))
            self._vectors.update(zip(missing, fresh, strict=True))
            self.counts["embedded"] += len(missing)
        for row, (key, text) in enumerate(zip(keys, texts, strict=True)):
            if text:
                vectors[row] = self._vectors[key]
                self._vectors.move_to_end(key)
        while len(self._vectors) > _VECTORS_HELD:
            self._vectors.popitem(last=False)
        return vectors

    def _content_hash(self, text: str) -> bytes:
        return blake2b(f"{self._embedder.name}\0{text}".encode(), digest_size=16).digest()
