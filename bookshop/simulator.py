"""A month in the bookshop: a seeded, pure simulation of readers with known personas."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from bookshop import protagonist
from bookshop.catalogue import Book
from bookshop.drafts import DAY_MS, MINUTE_MS, Draft, EventRecord, finished, in_time_order
from bookshop.personas import AGE_BANDS, MINORITY
from bookshop.protagonist import PROTAGONIST
from bookshop.readers import Reader, plan_readers
from bookshop.visits import Affinity, Shelves, Visitor, affinity, visit, visitor

SPAN_MS: Final = 30 * DAY_MS
"""Event time that a simulation covers, in milliseconds."""

TRENDING_ITEM: Final = "the-war-of-the-worlds"
"""The book (item id) that everybody opens on the last day."""

_TRENDING_PART: Final = 0.12
_READERS_MIN: Final = 50
_EVENTS_PER_READER_MIN: Final = 6.0

_COUNTRIES: Final = ("GB", "US", "IN", "DE", "FR", "BR", "NG", "AU")
_COUNTRY_WEIGHTS: Final = (0.26, 0.24, 0.13, 0.10, 0.09, 0.08, 0.06, 0.04)
_FORMATS: Final = ("paper", "ebook", "audio")
_FORMAT_WEIGHTS: Final = (0.55, 0.30, 0.15)
_CHANNELS: Final = ("web", "app", "shop")
_CHANNEL_WEIGHTS: Final = (0.5, 0.35, 0.15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What happened, and the truth behind it.

    Attributes:
        events: In time order, in Strata's event format; ids ascend in the same order.
        persona_of: Each reader's persona in the end; readers without events are included.
        persona_before: What each drifted reader resembled at first.
        drifted_at: The event id of each drifted reader's first event in the new persona.
        cold: Readers with no more than three events, perhaps none.
        minority: Readers of the planted minority taste.
        trending: The item id that bursts on the last day.
    """

    events: tuple[EventRecord, ...]
    persona_of: Mapping[str, str]
    persona_before: Mapping[str, str]
    drifted_at: Mapping[str, str]
    cold: frozenset[str]
    minority: frozenset[str]
    trending: str

    @property
    def drifted(self) -> frozenset[str]:
        """Readers who change persona."""
        return frozenset(self.drifted_at)


@dataclass(frozen=True, slots=True)
class _Life:
    drafts: list[Draft]
    drift_ms: int | None


def simulate(
    *,
    books: Sequence[Book],
    seed: int,
    start_ms: int,
    readers: int = 600,
    events_per_reader: float = 20.0,
) -> Simulation:
    """Simulate `SPAN_MS` of reading from `start_ms`; equal arguments give equal simulations.

    Args:
        books: The stock; must hold every subject of `bookshop.personas`, the protagonist's
            books and the trending one, as the bundled catalogue does.
        seed: At least 0.
        start_ms: Epoch milliseconds; every event lies in [start_ms, start_ms + SPAN_MS).
        readers: How many readers, the protagonist included; at least 50.
        events_per_reader: About the mean over readers who do not start cold; at least 6.

    Raises:
        ValueError: too few readers or events, a negative seed, a time outside the years 1970
            to 9999, or a book is missing.
    """
    _require_playable(books, readers=readers, events_per_reader=events_per_reader)
    rng = np.random.default_rng([seed, 0])
    shelves = Shelves.stocked(books, rng=rng)
    crowd = plan_readers(readers=readers - 1, events_per_reader=events_per_reader, rng=rng)
    lives = {
        # A generator of their own keeps one reader's life independent of the others'.
        reader.user_id: _live(
            reader, shelves, start_ms=start_ms, rng=np.random.default_rng([seed, 1, i])
        )
        for i, reader in enumerate(crowd)
    }
    lives[PROTAGONIST] = _Life(
        protagonist.protagonist_story(start_ms=start_ms),
        protagonist.protagonist_drift_ms(start_ms=start_ms),
    )
    drafts = [draft for life in lives.values() for draft in life.drafts]
    drafts += _burst(crowd, shelves, end_ms=start_ms + SPAN_MS, rng=rng)
    happened = in_time_order(d for d in drafts if d.at_ms < start_ms + SPAN_MS)
    event_ids = [f"shop-{seed}-{n:06d}" for n in range(len(happened))]
    return Simulation(
        events=tuple(
            finished(draft, event_id=event_id)
            for draft, event_id in zip(happened, event_ids, strict=True)
        ),
        persona_of=_final_personas(crowd),
        persona_before=_first_personas(crowd),
        drifted_at=_drift_events(lives, happened, event_ids),
        cold=frozenset(reader.user_id for reader in crowd if reader.cold),
        minority=frozenset(r.user_id for r in crowd if r.final_persona.name == MINORITY),
        trending=TRENDING_ITEM,
    )


def _require_playable(books: Sequence[Book], *, readers: int, events_per_reader: float) -> None:
    if readers < _READERS_MIN:
        raise ValueError(f"readers must be at least {_READERS_MIN}: {readers}")
    if not _EVENTS_PER_READER_MIN <= events_per_reader < float("inf"):
        raise ValueError(
            f"events_per_reader must be at least {_EVENTS_PER_READER_MIN}: {events_per_reader}"
        )
    needed = protagonist.BOOKS_IN_HER_STORY | {TRENDING_ITEM}
    missing = needed - {book.item_id for book in books}
    if missing:
        raise ValueError(f"the stock lacks books of the story: {', '.join(sorted(missing))}")


def _live(reader: Reader, shelves: Shelves, *, start_ms: int, rng: np.random.Generator) -> _Life:
    """A reader's month: when they join, what they say about themselves, whom they visit."""
    end_ms = start_ms + SPAN_MS
    joined_ms = start_ms + int(0.6 * SPAN_MS * rng.beta(1, 3))
    channel = _drawn(_CHANNELS, _CHANNEL_WEIGHTS, rng=rng)
    introduction = _introduction(reader, joined_ms, rng=rng)
    phases = [
        visitor(reader.user_id, persona, channel=channel, shelves=shelves, rng=rng)
        for persona in (reader.persona, reader.persona_after)
        if persona is not None
    ]
    visits, first_changed = _visits(reader, phases, shelves, rng=rng)
    begins = np.sort(rng.integers(joined_ms + MINUTE_MS, end_ms, size=len(visits))).tolist()
    drafts = [introduction] + [
        _shifted(draft, by_ms=begin_ms)
        for begin_ms, steps in zip(begins, visits, strict=True)
        for draft in steps
    ]
    if reader.cold:
        return _Life(in_time_order(drafts)[: reader.events], drift_ms=None)
    return _Life(drafts, drift_ms=None if first_changed is None else begins[first_changed])


def _introduction(reader: Reader, joined_ms: int, *, rng: np.random.Generator) -> Draft:
    return Draft.attributes(
        joined_ms,
        reader.user_id,
        attributes={
            "age_band": _drawn(AGE_BANDS, reader.persona.age_weights, rng=rng),
            "country": _drawn(_COUNTRIES, _COUNTRY_WEIGHTS, rng=rng),
            "format": _drawn(_FORMATS, _FORMAT_WEIGHTS, rng=rng),
        },
    )


def _visits(
    reader: Reader, phases: Sequence[Visitor], shelves: Shelves, *, rng: np.random.Generator
) -> tuple[list[list[Draft]], int | None]:
    """Visits in order, each to another book, and the index of the first after a change."""
    unmet = np.ones(len(shelves.books), dtype=np.float64)
    visits: list[list[Draft]] = []
    first_changed: int | None = None
    done = 1  # the introduction
    while done < reader.events:
        changed = len(phases) > 1 and 2 * done >= reader.events
        if changed and first_changed is None:
            first_changed = len(visits)
        phase = phases[1 if changed else 0]
        appetite = phase.appetite * unmet
        if not appetite.any():
            break
        chosen = int(rng.choice(len(appetite), p=appetite / appetite.sum()))
        unmet[chosen] = 0.0
        visits.append(visit(phase, shelves.books[chosen], shelves=shelves, rng=rng))
        done += len(visits[-1])
    return visits, first_changed


def _burst(
    crowd: Sequence[Reader], shelves: Shelves, *, end_ms: int, rng: np.random.Generator
) -> list[Draft]:
    """The last day's talk of the town: many open one book, those who like its kind buy it."""
    book = next(book for book in shelves.books if book.item_id == TRENDING_ITEM)
    warm = [reader for reader in crowd if not reader.cold]
    drafts: list[Draft] = []
    for i in rng.permutation(len(warm))[: round(_TRENDING_PART * len(warm))]:
        reader = warm[i]
        begin_ms = end_ms - 1 - int(DAY_MS * rng.beta(1, 2))
        actions = ["view"]
        if affinity(reader.final_persona, book.subject) is Affinity.LIKED:
            actions += ["cart", "buy"]
        drafts += [
            Draft.interaction(
                begin_ms + 4 * MINUTE_MS * step,
                reader.user_id,
                item_id=book.item_id,
                action=action,
            )
            for step, action in enumerate(actions)
        ]
    return drafts


def _drift_events(
    lives: Mapping[str, _Life], happened: Sequence[Draft], event_ids: Sequence[str]
) -> Mapping[str, str]:
    drifted_at: dict[str, str] = {}
    for draft, event_id in zip(happened, event_ids, strict=True):
        drift_ms = lives[draft.user_id].drift_ms
        if drift_ms is not None and draft.at_ms >= drift_ms:
            drifted_at.setdefault(draft.user_id, event_id)
    return MappingProxyType(drifted_at)


def _final_personas(crowd: Iterable[Reader]) -> Mapping[str, str]:
    names = {reader.user_id: reader.final_persona.name for reader in crowd}
    return MappingProxyType(names | {PROTAGONIST: protagonist.PERSONA_AFTER})


def _first_personas(crowd: Iterable[Reader]) -> Mapping[str, str]:
    names = {r.user_id: r.persona.name for r in crowd if r.persona_after is not None}
    return MappingProxyType(names | {PROTAGONIST: protagonist.PERSONA_BEFORE})


def _shifted(draft: Draft, *, by_ms: int) -> Draft:
    return Draft(
        at_ms=draft.at_ms + by_ms, user_id=draft.user_id, type=draft.type, fields=draft.fields
    )


def _drawn(values: Sequence[str], weights: Sequence[float], *, rng: np.random.Generator) -> str:
    return values[int(rng.choice(len(values), p=weights))]
