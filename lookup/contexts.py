"""What a language model is told about a user, within a budget of tokens."""

import asyncio
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from lookup.options import require_name
from lookup.queries import Lookup
from lookup.retrieval import Retrieval
from lookup.templates import DEFAULT_TEMPLATE, Templates
from profiles.documents.context import ContextLine, Section, TokenCounter, fit
from profiles.documents.quoting import quoted
from profiles.documents.text_profile import TextProfile
from profiles.norms import NO_NORMS, Norms
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, Purpose
from schemas.document_views import (
    ContextLineView,
    ContextView,
    LanguageView,
    RetrievalView,
    TermView,
    WritingView,
)
from schemas.views import InterestView, Layer, ProfileView

__all__ = ["Contexts"]

_MOST_STATED: Final = 20
_MOST_NORMS: Final = 10
_MOST_INTERESTS: Final = 10
_MOST_POPULAR: Final = 5
_MOST_LABELS: Final = 5


class Contexts:
    """Builds context blocks. Errors as in `Lookup`.

    Args:
        norms: In force; those that hold for the user are told.
        data_policy: What may not be told to language models has no part in it.
    """

    def __init__(
        self,
        *,
        lookup: Lookup,
        retrieval: Retrieval,
        counter: TokenCounter,
        templates: Templates,
        norms: Norms = NO_NORMS,
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        self._lookup = lookup
        self._retrieval = retrieval
        self._counter = counter
        self._templates = templates
        self._norms = norms
        self._data = data_policy

    async def context(
        self,
        tenant: str,
        user_id: str,
        *,
        token_budget: int,
        query: str | None = None,
        template: str = DEFAULT_TEMPLATE,
    ) -> ContextView:
        """A block of at most `token_budget` tokens; with a query, also passages that answer it.

        Raises:
            InvalidArgument: there is none of that name.
        """
        require_name("tenant", tenant)
        require_name("user_id", user_id)
        self._templates.require(template)
        profile, writing, retrieved = await asyncio.gather(
            self._lookup.profile_for(Purpose.PROMPTING, tenant, user_id),
            self._retrieval.text_profile(tenant, user_id),
            self._retrieved(tenant, user_id, query),
        )
        lines = [
            *_stated(profile),
            *_inferred(writing),
            *self._norm_lines(profile),
            *_persona(profile),
            *_interests(profile),
            *_passages(retrieved),
        ]
        context = await asyncio.to_thread(
            fit,
            lines,
            budget=token_budget,
            render=partial(self._templates.render, template),
            counter=self._counter,
        )
        return ContextView(
            tenant=tenant,
            user_id=user_id,
            known=profile.known,
            level=profile.level,
            template=template,
            tokenizer=self._counter.name,
            token_budget=token_budget,
            tokens=context.tokens,
            text=context.text,
            lines=tuple(_line_view(line) for line in context.lines),
            left_out=context.left_out,
            writing=None if writing is None else _writing_view(writing),
            stale=profile.stale,
            stale_because=profile.stale_because,
            withheld=self._data.barred(Purpose.PROMPTING),
        )

    async def _retrieved(
        self, tenant: str, user_id: str, query: str | None
    ) -> RetrievalView | None:
        if query is None or not query.strip():
            return None
        return await self._retrieval.retrieve(tenant, user_id, query)

    def _norm_lines(self, profile: ProfileView) -> Iterator[ContextLine]:
        for norm in self._norms.for_user(profile.attributes).norms[:_MOST_NORMS]:
            yield ContextLine(
                section=Section.NORMS,
                level=Layer.GLOBAL,
                says=f"norm ({norm.kind})",
                texts=(norm.reason,),
                source="declared by",
                source_id=norm.declared_by,
                at=f"{norm.since.isoformat()}T00:00:00.000Z",
            )


def _stated(profile: ProfileView) -> Iterator[ContextLine]:
    for name, value in sorted(profile.attributes.items())[:_MOST_STATED]:
        yield ContextLine(
            section=Section.STATED,
            level=Layer.USER,
            # The name is somebody's text as well, so it is quoted beside the value.
            says="stated",
            texts=(name, str(value)),
            source="stated attribute",
        )


def _inferred(writing: TextProfile | None) -> Iterator[ContextLine]:
    if writing is None:
        return
    source = f"inferred from {writing.passages} passages"
    if writing.languages:
        codes = tuple(f"{one.code} {one.share:.0%}" for one in writing.languages[:3])
        yield _inference("writes in", codes, source)
    if writing.terms:
        terms = tuple(one.term for one in writing.terms)
        yield _inference("writes more than others about", terms, source)


def _inference(says: str, texts: tuple[str, ...], source: str) -> ContextLine:
    return ContextLine(
        section=Section.INFERRED, level=Layer.USER, says=says, texts=texts, source=source
    )


def _persona(profile: ProfileView) -> Iterator[ContextLine]:
    for declared in profile.declared:
        yield ContextLine(
            section=Section.PERSONA,
            level=Layer.PERSONA,
            says="belongs to",
            texts=(declared.title,),
            source="declared persona",
            source_id=declared.id,
        )
    if profile.persona is not None and profile.persona.labels:
        yield ContextLine(
            section=Section.PERSONA,
            level=Layer.PERSONA,
            says=f"resembles {profile.persona.size} people who like",
            texts=tuple(label.text for label in profile.persona.labels[:_MOST_LABELS]),
            source="inferred persona",
            source_id=profile.persona.id,
        )


def _interests(profile: ProfileView) -> Iterator[ContextLine]:
    """Newest first among the strongest; without any, what is popular in the layer above."""
    told: Sequence[tuple[str, InterestView]] = [
        *(("likes", one) for one in profile.interests),
        *(("dislikes", one) for one in profile.dislikes),
    ]
    newest = sorted(told, key=lambda pair: pair[1].at, reverse=True)
    for says, interest in newest[:_MOST_INTERESTS]:
        yield ContextLine(
            section=Section.INTERESTS,
            level=Layer.USER,
            says=says,
            texts=(interest.title or interest.item_id,),
            source=f"inferred from {interest.data_type}",
            source_id=interest.item_id,
            at=interest.at,
        )
    if not told and profile.popular:
        layer = Layer.PERSONA if profile.persona is not None else Layer.GLOBAL
        whose = "people like them" if layer is Layer.PERSONA else "everybody"
        yield ContextLine(
            section=Section.INTERESTS,
            level=layer,
            says=f"popular with {whose}",
            texts=tuple(one.title or one.item_id for one in profile.popular[:_MOST_POPULAR]),
            source="statistics",
        )


def _passages(retrieved: RetrievalView | None) -> Iterator[ContextLine]:
    if retrieved is None:
        return
    for passage in retrieved.passages:
        yield ContextLine(
            section=Section.PASSAGES,
            level=Layer.USER,
            says="wrote",
            texts=(passage.text,),
            source="document",
            source_id=passage.document_id,
            at=passage.at,
        )
    for item in retrieved.items:
        yield ContextLine(
            section=Section.PASSAGES,
            level=item.level,
            says="item on this",
            texts=(item.title or item.item_id, item.text),
            source="item",
            source_id=item.item_id,
        )


def _line_view(line: ContextLine) -> ContextLineView:
    return ContextLineView(
        section=line.section,
        level=line.level,
        says=line.says,
        texts=line.quotes,
        source=line.source,
        source_id=None if line.source_id is None else quoted(line.source_id, most=200),
        at=line.at,
    )


def _writing_view(writing: TextProfile) -> WritingView:
    return WritingView(
        documents=writing.documents,
        passages=writing.passages,
        words=writing.words,
        mean_words=writing.mean_words,
        languages=tuple(
            LanguageView(code=one.code, share=min(1.0, one.share)) for one in writing.languages
        ),
        terms=tuple(
            TermView(term=one.term, score=one.score, count=one.count) for one in writing.terms
        ),
    )
