"""How one reader meets one book: from a glance to, perhaps, a rating and a review."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bookshop.catalogue import Book
from bookshop.drafts import HOUR_MS, MINUTE_MS, Draft
from bookshop.personas import Persona
from bookshop.reviews import written_review

# Popularity falls with rank within a shelf as rank^-0.9.
_ZIPF_EXPONENT: Final = 0.9
# Most visits follow taste; the rest try a neutral or a disliked shelf.
_NEUTRAL_PART: Final = 0.10
_DISLIKED_PART: Final = 0.13
# How near a reader stays to their persona: the Dirichlet concentration of personal taste.
_CONFORMITY: Final = 30.0
# One book in fifteen is judged against the reader's taste.
_SURPRISE: Final = 0.065


class Affinity(Enum):
    """What a persona feels about a subject."""

    LIKED = "liked"
    NEUTRAL = "neutral"
    DISLIKED = "disliked"


# Mean stars by affinity; the spread is common.
_STARS: Final = {Affinity.LIKED: 4.4, Affinity.NEUTRAL: 3.0, Affinity.DISLIKED: 1.6}
_STARS_SPREAD: Final = 0.55


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """The stock with its popularity.

    Attributes:
        books: Everything for sale.
        popularity: Shape (books,); sums to 1 within each subject.
    """

    books: tuple[Book, ...]
    popularity: NDArray[np.float64]

    @classmethod
    def stocked(cls, books: Sequence[Book], *, rng: np.random.Generator) -> "Shelves":
        """Put the books on their shelves in a drawn order of popularity."""
        popularity = np.zeros(len(books))
        for subject in sorted({book.subject for book in books}):
            shelf = np.array([i for i, book in enumerate(books) if book.subject == subject])
            weights = np.arange(1, len(shelf) + 1, dtype=np.float64) ** -_ZIPF_EXPONENT
            popularity[rng.permutation(shelf)] = weights / weights.sum()
        return cls(books=tuple(books), popularity=popularity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """A reader in one phase of life: a persona, bent a little to be personal.

    Attributes:
        appetite: Shape (books,); how likely each book is the next to be opened; sums to 1.
    """

    user_id: str
    persona: Persona
    channel: str
    appetite: NDArray[np.float64]


def visitor(
    user_id: str, persona: Persona, *, channel: str, shelves: Shelves, rng: np.random.Generator
) -> Visitor:
    """Draw a reader who resembles the persona."""
    loved = list(persona.taste)
    personal = rng.dirichlet([_CONFORMITY * persona.taste[subject] for subject in loved])
    by_subject = dict(zip(loved, (1 - _NEUTRAL_PART - _DISLIKED_PART) * personal, strict=True))
    stocked = sorted({book.subject for book in shelves.books})
    neutral = [s for s in stocked if affinity(persona, s) is Affinity.NEUTRAL]
    by_subject |= {subject: _NEUTRAL_PART / len(neutral) for subject in neutral}
    by_subject |= {subject: _DISLIKED_PART / len(persona.dislikes) for subject in persona.dislikes}
    appetite = shelves.popularity * np.array([by_subject[book.subject] for book in shelves.books])
    return Visitor(
        user_id=user_id, persona=persona, channel=channel, appetite=appetite / appetite.sum()
    )


def affinity(persona: Persona, subject: str) -> Affinity:
    """What the persona feels about the subject."""
    if subject in persona.taste:
        return Affinity.LIKED
    return Affinity.DISLIKED if subject in persona.dislikes else Affinity.NEUTRAL


def visit(
    reader: Visitor, book: Book, *, shelves: Shelves, rng: np.random.Generator
) -> list[Draft]:
    """Everything the reader does with one book, timed from zero; begins with a view."""
    felt = affinity(reader.persona, book.subject)
    drafts = [_does(reader, book, "view", 0)]
    if felt is not Affinity.LIKED:
        rates = 0.30 if felt is Affinity.NEUTRAL else 0.80
        if rng.random() < rates:
            drafts.append(_rates(reader, book, felt, _minutes(rng, 2, 15), rng=rng))
        return drafts
    if rng.random() < 0.10:  # knows it already
        drafts.append(_rates(reader, book, felt, _minutes(rng, 1, 5), rng=rng))
        return drafts
    if rng.random() < 0.05:
        drafts.append(_choice(reader, book, _minutes(rng, 1, 3), shelves=shelves, rng=rng))
    return drafts + _purchase(reader, book, rng=rng)


def _purchase(reader: Visitor, book: Book, *, rng: np.random.Generator) -> list[Draft]:
    cart_ms = _minutes(rng, 3, 15)
    buy_ms = cart_ms + _minutes(rng, 1, 20)
    read_ms = buy_ms + int(rng.integers(5 * HOUR_MS, 48 * HOUR_MS))
    rate_ms = read_ms + _minutes(rng, 1, 30)
    steps = (
        (0.68, _does(reader, book, "cart", cart_ms)),
        (0.80, _does(reader, book, "buy", buy_ms)),
        (0.88, _does(reader, book, "read", read_ms)),
        (0.85, _rates(reader, book, Affinity.LIKED, rate_ms, rng=rng)),
        (0.12, _reviews(reader, book, rate_ms + 10 * MINUTE_MS, rng=rng)),
    )
    drafts: list[Draft] = []
    for probability, draft in steps:
        if rng.random() >= probability:
            break
        drafts.append(draft)
    return drafts


def _choice(
    reader: Visitor, book: Book, at_ms: int, *, shelves: Shelves, rng: np.random.Generator
) -> Draft:
    declined = [b.item_id for b in shelves.books if b.subject in reader.persona.dislikes]
    rejected = declined[int(rng.integers(len(declined)))]
    return Draft.preference(at_ms, reader.user_id, chosen=book.item_id, rejected=rejected)


def _does(reader: Visitor, book: Book, action: str, at_ms: int) -> Draft:
    return Draft.interaction(
        at_ms, reader.user_id, item_id=book.item_id, action=action, channel=reader.channel
    )


def _rates(
    reader: Visitor, book: Book, felt: Affinity, at_ms: int, *, rng: np.random.Generator
) -> Draft:
    stars = _STARS[felt]
    if rng.random() < _SURPRISE:
        stars = 6.0 - stars
    halves = round(2 * float(rng.normal(stars, _STARS_SPREAD)))
    return Draft.interaction(
        at_ms,
        reader.user_id,
        item_id=book.item_id,
        action="rate",
        value=min(max(halves, 1), 10) / 2,
        channel=reader.channel,
    )


def _reviews(reader: Visitor, book: Book, at_ms: int, *, rng: np.random.Generator) -> Draft:
    return Draft.review(
        at_ms,
        reader.user_id,
        item_id=book.item_id,
        book_title=book.title,
        text=written_review(book, rng=rng),
    )


def _minutes(rng: np.random.Generator, low: int, high: int) -> int:
    return int(rng.integers(low * MINUTE_MS, high * MINUTE_MS))
