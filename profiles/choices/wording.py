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
_END: Final = re.compile(r"[.!?]+")
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
    """One for the constant and each attribute; words, and runs of letters, one unit of length each.

    Runs of 2 to 4 letters within words reach languages and spellings that words do not.
    Places in [0, 2**16).
    """
    read = text.lower()[:8_000]
    found = _WORD.findall(read)[:_MOST_WORDS]
    parts = [("", 1.0), *((name, 1.0) for name in names)]
    parts += _shared("w:", set(found))
    padded = (f" {word} " for word in _WORD.findall(read[:_MOST_LETTERS]))
    parts += _shared(
        "c:",
        {
            word[start : start + size]
            for word in padded
            for size in _LETTERS
            for start in range(len(word) - size + 1)
        },
    )
    return _gather(parts, TEXT_WIDTH)


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
