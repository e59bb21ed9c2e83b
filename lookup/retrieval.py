"""A user's own passages that answer a query; without any, items of the layers above."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lookup.options import require_name
from lookup.queries import Lookup
from lookup.remembered import Remembered
from lookup.writing import language_of
from profiles.documents.hybrid import DEFAULT_CHOOSING, Choosing, Found, choose_passages
from profiles.documents.passages import (
    ALL_PASSAGES,
    PassageFilter,
    PassageStore,
    Rankings,
)
from profiles.documents.text_profile import (
    NO_VOCABULARY,
    TextProfile,
    Vocabulary,
    text_profile,
    vocabulary_of,
)
from profiles.documents.words import SparseVector, bm25_scores, query_words
from profiles.ids import item_key, user_key
from profiles.ports import ItemRecord, ItemStore, UserStore, Vector
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, Purpose
from profiles.state import DataType, UserState, decode_state
from schemas.document_views import FoundItemView, RetrievalView, RetrievedPassageView
from schemas.instants import rfc3339
from schemas.views import AbsenceView, Layer, RankedItemView

__all__ = ["EmbedQuery", "Retrieval"]

EmbedQuery = Callable[[str], Awaitable[Vector]]
"""The vector of a query, by the model that passages were embedded with."""

_CANDIDATES: Final = 64
_RANKED: Final = 100
_LATEST: Final = 64
_SAMPLE: Final = 1_000
_VOCABULARY_AGE_S: Final = 300.0
_TENANTS_HELD: Final = 64
_SHOWN: Final = 500


@dataclass(frozen=True, slots=True)
class _Writer:
    """What the state says of a user's documents.

    Attributes:
        after_ms: What was forgotten; passages at or before it have no place.
        newest_ms: Event time of the newest document kept.
    """

    known: bool
    after_ms: int | None = None
    newest_ms: int | None = None


class Retrieval:
    """Finds passages. Errors as in `Lookup`.

    Every search names the tenant and the user to the store, and what the user's state has
    forgotten is left out there too, whether it was deleted yet or not.

    Args:
        embed: None searches by words alone, and says so.
        data_policy: Passages are for language models; documents that may not serve those are not
            searched, and neither are they counted with everybody's words unless they may be.
    """

    def __init__(
        self,
        *,
        lookup: Lookup,
        users: UserStore,
        items: ItemStore,
        passages: PassageStore,
        embed: EmbedQuery | None = None,
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        self._lookup = lookup
        self._users = users
        self._items = items
        self._passages = passages
        self._embed = embed
        self._data = data_policy
        self._may_be_told = DataType.DOCUMENTS in data_policy.serving(Purpose.PROMPTING)
        self._vocabularies: Remembered[str, Vocabulary] = Remembered(
            self._load_vocabularies, age_s=_VOCABULARY_AGE_S, most=_TENANTS_HELD
        )

    async def retrieve(
        self,
        tenant: str,
        user_id: str,
        query: str,
        *,
        choosing: Choosing = DEFAULT_CHOOSING,
        chosen: PassageFilter = ALL_PASSAGES,
    ) -> RetrievalView:
        """Passages of this user that answer the query, best first; else items that do."""
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        writer = await self._writer(tenant, user_id)
        words = query_words(query)
        vector = None
        rankings = Rankings()
        if self._may_be_told:
            if self._embed is not None and query.strip():
                vector = await self._embed(query)
            rankings = await self._passages.search(
                tenant,
                user_key(tenant, user_id),
                vector=vector,
                words=words,
                chosen=chosen,
                after_ms=writer.after_ms,
                limit=max(_CANDIDATES, 4 * choosing.limit),
            )
        found = choose_passages(rankings, choosing, newest_ms=writer.newest_ms)
        items = [] if found else await self._found_items(tenant, user_id, words, choosing.limit)
        levels = Counter(item.level for item in items)
        return RetrievalView(
            tenant=tenant,
            user_id=user_id,
            known=writer.known,
            level=Layer.USER if found else max(levels, key=levels.__getitem__, default=None),
            searched=("words",) if vector is None else ("meaning", "words"),
            passages=tuple(_passage_view(one) for one in found),
            items=tuple(items),
            absent=None if found else self._absence(writer),
            withheld=self._data.barred(Purpose.PROMPTING),
            fallback=None if found else "items" if items else "nothing",
        )

    async def text_profile(self, tenant: str, user_id: str) -> TextProfile | None:
        """What a user writes about, from their newest passages; None if there are none."""
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        if not self._may_be_told:
            return None
        writer = await self._writer(tenant, user_id)
        latest = await self._passages.latest(
            tenant, user_key(tenant, user_id), after_ms=writer.after_ms, limit=_LATEST
        )
        if not latest:
            return None
        everybody = NO_VOCABULARY
        if DataType.DOCUMENTS in self._data.counted:
            everybody = (await self._vocabularies.read([tenant]))[tenant].value or everybody
        # Tens of milliseconds, and seconds when the language model is first loaded.
        return await asyncio.to_thread(text_profile, latest, everybody, language_of=language_of)

    def _absence(self, writer: _Writer) -> AbsenceView:
        if not self._may_be_told:
            return AbsenceView(
                code="not-permitted", text="documents may not be told to language models"
            )
        return _absence_of(writer)

    async def _writer(self, tenant: str, user_id: str) -> _Writer:
        (record,) = await self._users.read([user_key(tenant, user_id)])
        if record is None or record.version == 0 or record.vacant:
            return _Writer(known=False)
        return _writer_of(decode_state(record.state))

    async def _found_items(
        self, tenant: str, user_id: str, words: SparseVector, limit: int
    ) -> list[FoundItemView]:
        """Of the items that would be shown to this user, those that answer the query by words.

        The ranking has norms applied, and its layers say which of them put an item forward.
        """
        ranking = await self._lookup.rank(
            tenant,
            user_id,
            limit=_RANKED,
            exclude_seen=False,
            purposes=(Purpose.RANKING, Purpose.PROMPTING),
        )
        keys = [item_key(tenant, item.item_id) for item in ranking.items]
        records = await self._items.read(keys) if keys else []
        described = [
            (shown, record)
            for shown, record in zip(ranking.items, records, strict=True)
            if record is not None and record.revision > 0
        ]
        scores = bm25_scores(words, [f"{record.title}\n{record.text}" for _, record in described])
        scored = [
            _item_view(shown, record, score)
            for (shown, record), score in zip(described, scores, strict=True)
            if score > 0.0
        ]
        return sorted(scored, key=lambda item: -item.score)[:limit]

    async def _load_vocabularies(self, tenants: Sequence[str]) -> list[Vocabulary | None]:
        loaded: list[Vocabulary | None] = []
        for tenant in tenants:
            sample = await self._passages.sample(tenant, limit=_SAMPLE)
            loaded.append(await asyncio.to_thread(vocabulary_of, sample))
        return loaded


def _writer_of(state: UserState) -> _Writer:
    rows = state.entries(DataType.DOCUMENTS)
    return _Writer(
        known=True,
        after_ms=state.forget_before.get(DataType.DOCUMENTS),
        newest_ms=int(rows["time_ms"][-1]) if len(rows) else None,
    )


def _absence_of(writer: _Writer) -> AbsenceView:
    if not writer.known:
        return AbsenceView(code="unknown-user", text="nothing is known about this user")
    if writer.newest_ms is None:
        return AbsenceView(code="no-documents", text="no documents of this user are kept")
    return AbsenceView(code="no-match", text="none of the user's documents answers this")


def _passage_view(found: Found) -> RetrievedPassageView:
    passage = found.passage
    return RetrievedPassageView(
        document_id=passage.document_id,
        title=passage.title or None,
        kind=passage.kind or None,
        about=passage.about,
        at=rfc3339(passage.version.time_ms),
        passage=passage.index,
        start=passage.start,
        text=passage.text,
        score=min(1.0, found.score),
        by_meaning=found.by_meaning,
        by_words=found.by_words,
        level=Layer.USER,
    )


def _item_view(shown: RankedItemView, record: ItemRecord, score: float) -> FoundItemView:
    reasons = sorted(shown.reasons, key=lambda reason: -reason.share)
    return FoundItemView(
        item_id=shown.item_id,
        title=shown.title,
        text=record.text[:_SHOWN],
        score=score,
        # Without a reason a norm put it there, and norms are everybody's.
        level=reasons[0].layer if reasons else Layer.GLOBAL,
    )
