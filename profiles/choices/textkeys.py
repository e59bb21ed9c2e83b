"""Keys of free texts: a hash, and what the models read in a text.

A state keeps a side of a preference as 64 bits. Of an item they are its key, and the item store
says the rest. Of a free text nothing else is stored, and a hash teaches nothing about other texts,
of which almost all are. So a text's key holds its measures, rounded (48 bits), beside a hash (16
bits): what the models need of it is in the state, which consent and erasure govern, and nowhere
else. The text cannot be read back from it.

Two texts with equal rounded measures share a key once in 65 536 times; then they count as one.
"""

from hashlib import blake2b
from typing import Final

import numpy as np

from profiles.choices.logistic import Floats
from profiles.choices.wording import measures
from profiles.ids import key_of_exported_text

__all__ = ["measures_of_key", "text_key"]

_HASH_BITS: Final = 16
# Of each measure: its place, its range and its bits, which are 48 together. A text has no title, so
# that measure (place 4) is always the same.
_LAYOUT: Final = (
    (0, -6.0, 4.5, 6),
    (1, -4.0, 4.0, 6),
    (2, -4.0, 4.0, 5),
    (3, -1.5, 4.0, 5),
    (5, -4.0, 3.0, 4),
    (6, -0.5, 3.0, 4),
    (7, 0.0, 3.0, 3),
    (8, -0.3, 3.0, 3),
    (9, -0.5, 3.0, 4),
    (10, 0.0, 3.0, 4),
    (11, -1.5, 3.0, 4),
)
_UNTITLED: Final = measures("", "")


def text_key(tenant: str, text: str) -> int:
    """Identity of a free text, in [0, 2**64); `measures_of_key` reads its measures.

    An exported text is written as its key, and has that one.

    >>> from profiles.ids import exported_text
    >>> text_key("a", exported_text(text_key("b", "longer"))) == text_key("b", "longer")
    True
    """
    exported = key_of_exported_text(text)
    if exported is not None:
        return exported
    digest = blake2b(digest_size=2, person=b"strata-text")
    for part in (tenant.encode(), text.encode()):
        digest.update(len(part).to_bytes(4, "little"))
        digest.update(part)
    key = int.from_bytes(digest.digest(), "little")
    found = measures("", text)
    shift = _HASH_BITS
    for place, low, high, bits in _LAYOUT:
        steps = (1 << bits) - 1
        share = (float(found[place]) - low) / (high - low)
        key |= round(min(1.0, max(0.0, share)) * steps) << shift
        shift += bits
    return key


def measures_of_key(key: int) -> Floats:
    """Measures of a text, shape (12,), each within half a step of what they were."""
    found = np.array(_UNTITLED, np.float64)
    shift = _HASH_BITS
    for place, low, high, bits in _LAYOUT:
        steps = (1 << bits) - 1
        found[place] = low + (high - low) * ((key >> shift) & steps) / steps
        shift += bits
    return found
