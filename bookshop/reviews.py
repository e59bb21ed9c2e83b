"""What simulated readers write: a sentence about the book and one about their taste."""

from typing import Final

import numpy as np

from bookshop import personas
from bookshop.catalogue import Book

_OPENINGS: Final = (
    "{title} kept me company all week.",
    "I had put off {title} for years, and I should not have.",
    "Finished {title} on the train and nearly missed my stop.",
    "{title} deserves its reputation.",
    "My copy of {title} is already promised to a friend.",
)
_REASONS: Final = {
    personas.SEA: "Salt wind, tight ropes and real danger: I could feel the deck move.",
    personas.CRIME: "Every clue was in plain sight and I still accused the wrong person.",
    personas.GOTHIC: "I slept with the light on and would gladly be frightened again.",
    personas.MANNERS: "Such sharp eyes for what people say in company and mean in private.",
    personas.FUTURE: "One impossible idea, followed to its honest conclusion.",
    personas.THOUGHT: "I read a page, put it down and argued with it for an hour.",
    personas.VERSE: "I read it aloud, twice, for the sound of the lines.",
    personas.NURSERY: "We read it at bedtime, and the children asked for one more chapter.",
    personas.HISTORY: "The campaign maps came out, and the past stopped being dates.",
    personas.NATURE: "I looked at the hedge outside differently afterwards, and packed a bag.",
    personas.SOCIAL: "Nobody has shown so well what money and shame do to people.",
    personas.HUMOUR: "I laughed in a silent reading room and was asked to leave.",
}


def written_review(book: Book, *, rng: np.random.Generator) -> str:
    """A warm two-sentence review of a book whose subject the reader loves.

    Raises:
        KeyError: the book stands on a shelf that the bookshop does not have.
    """
    opening = _OPENINGS[int(rng.integers(len(_OPENINGS)))]
    return f"{opening.format(title=book.title)} {_REASONS[book.subject]}"
