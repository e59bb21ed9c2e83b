"""What an item says of itself, as numbers: hashed words and attributes, and measures of text.

References:
    Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
"""

import math
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.choices.logistic import Floats

__all__ = [
    "CONSTANT",
    "MEASURES",
    "TEXT_WIDTH",
    "WIDTH",
    "Sparse",
    "attribute_names",
    "crossed",
    "measures",
    "wording",
]

WIDTH: Final = 1 << 14
TEXT_WIDTH: Final = 1 << 16
CONSTANT: Final = zlib.crc32(b"")  # 0: the place of what every text has
MEASURES: Final = 12
_WORD: Final = re.compile(r"\w+")
_SIGNS: Final = re.compile(r"[^\w\s]+")
_END: Final = re.compile(r"[.!?]+")
_MOST_READ: Final = 8_000
_MEASURE_SCALE: Final = 0.5
_MOST_WORDS: Final = 200
_MOST_LETTERS: Final = 2_000
_LETTERS: Final = (2, 3, 4)
_LONGEST_NAME: Final = 64
_MOST_NAMES: Final = 32
_LONG_WORD: Final = 7


@dataclass(frozen=True, slots=True)
class Sparse:
    """A sparse vector: distinct places, and what stands there."""

    places: npt.NDArray[np.int64]
    values: Floats


def _gather(parts: list[tuple[str, float]], width: int) -> Sparse:
    table: dict[int, float] = {}
    for name, value in parts:
        place = zlib.crc32(name.encode()) % width
        table[place] = table.get(place, 0.0) + value
    return Sparse(np.fromiter(table, np.int64, len(table)), np.array(list(table.values())))


def attribute_names(attributes: Mapping[str, object]) -> tuple[str, ...]:
    """`name=value` of each value that can be shared: no numbers, addresses or long texts.

    >>> attribute_names({"lang": "en", "url": "https://a.example", "size": 3})
    ('lang=en',)
    """
    parts = (
        (name, part)
        for name, value in sorted(attributes.items())
        for part in (value if isinstance(value, tuple) else (value,))
    )
    names = [
        f"{name}={part}"
        for name, part in parts
        if isinstance(part, bool)
        or (isinstance(part, str) and len(part) <= _LONGEST_NAME and "://" not in part)
    ]
    return tuple(names[:_MOST_NAMES])


def wording(text: str, names: tuple[str, ...]) -> Sparse:
    """What the text is made of: one for the constant and each attribute, one unit of length a kind.

    Kinds are words; runs of 2 to 4 letters within words, which reach languages and spellings that
    words do not; and signs, which are no letters: emoji say much. A text that answers a quoted one
    (lines that begin with ">") has all of them for each voice too, because it matters who says
    what. Measures of each voice come last. Places in [0, 2**16).
    """
    parts = [("", 1.0), *((name, 1.0) for name in names)]
    parts += _letters("", text)
    voices = _voices(text) if text.strip() else {}
    for voice, own in voices.items():
        if len(voices) > 1:
            parts += _letters(voice, own)
        parts += _shared(f"{voice}s:", _signs(own))
        parts += [
            (f"{voice}m:{number}", _MEASURE_SCALE * float(value))
            for number, value in enumerate(measures("", own))
        ]
    return _gather(parts, TEXT_WIDTH)


def _letters(voice: str, text: str) -> list[tuple[str, float]]:
    read = text.lower()[:_MOST_READ]
    parts = _shared(f"{voice}w:", set(_WORD.findall(read)[:_MOST_WORDS]))
    padded = (f" {word} " for word in _WORD.findall(read[:_MOST_LETTERS]))
    return parts + _shared(
        f"{voice}c:",
        {
            word[start : start + size]
            for word in padded
            for size in _LETTERS
            for start in range(len(word) - size + 1)
        },
    )


def _signs(text: str) -> set[str]:
    """Runs of what is neither letter, digit nor space, and each sign in them."""
    runs = set(_SIGNS.findall(text[:_MOST_LETTERS]))
    return runs | {sign for run in runs for sign in run}


def _voices(text: str) -> dict[str, str]:
    r"""The unquoted and the quoted part of a text that has both, else the whole.

    From the first line that begins with ">" on it is the other voice's: a line that goes on
    without the mark is usual in texts that were put together.

    >>> _voices("Will it rain? \n> Never in June.")
    {'a': 'Will it rain? ', 'b': ' Never in June.'}
    """
    first, mark, second = text.partition("\n>")
    if mark and first.strip() and second.strip():
        return {"a": first, "b": second}
    return {"": text}


def _shared(prefix: str, names: set[str]) -> list[tuple[str, float]]:
    share = 1.0 / math.sqrt(len(names)) if names else 0.0
    return [(prefix + name, share) for name in sorted(names)]


def crossed(of_user: tuple[str, ...], of_item: tuple[str, ...]) -> Sparse:
    """A user's attributes, alone and with each attribute of the item; no constant.

    Empty without attributes of the user.
    """
    parts = [(name, 1.0) for name in of_user]
    parts += [(f"{name}\0{other}", 1.0) for name in of_user for other in of_item]
    return _gather(parts, WIDTH)


def measures(title: str, text: str) -> Floats:
    """Length, vocabulary and punctuation, shape (12,), each roughly within [-3, 3]."""
    found = _WORD.findall(text.lower())
    count = len(found) + 5.0
    return np.array(
        [
            math.log1p(len(text)) - 6.0,
            math.log1p(len(found)) - 4.0,
            math.log1p(len(set(found))) - 4.0,
            math.log1p(len(_END.split(text))) - 1.5,
            math.log1p(len(title)) - 3.0,
            min(3.0, sum(map(len, found)) / count - 4.0),
            min(3.0, 20.0 * text.count(",") / count - 0.5),
            min(3.0, 20.0 * text.count("!") / count),
            min(3.0, 20.0 * text.count("?") / count - 0.3),
            min(3.0, 20.0 * sum(c.isupper() for c in text) / (len(text) + 20.0) - 0.5),
            min(3.0, 20.0 * sum(c.isdigit() for c in text) / (len(text) + 20.0)),
            min(3.0, 8.0 * sum(len(w) >= _LONG_WORD for w in found) / count - 1.5),
        ]
    )
