"""What items say of themselves, ready for the models."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
from scipy import sparse

from profiles.choices.logistic import Floats
from profiles.choices.textkeys import measures_of_key
from profiles.choices.wording import (
    MEASURES,
    TEXT_WIDTH,
    Sparse,
    attribute_names,
    measures,
    wording,
)
from profiles.learning import KnownItem

__all__ = ["NO_MEASURES", "Described"]

NO_MEASURES = np.zeros(MEASURES)
_UNKNOWN = wording("", ())


class Described:
    """Features of the items that were put, by key; about 6 KB for a text of a page."""

    def __init__(self) -> None:
        self._wording: dict[int, Sparse] = {}
        self._measures: dict[int, Floats] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._content: dict[int, bytes] = {}
        self._texts: set[int] = set()

    def put_texts(self, keys: Iterable[int]) -> None:
        """These keys are of free texts, which describe themselves."""
        self._texts.update(keys)

    def keep_texts(self, keys: Iterable[int]) -> None:
        """No others are."""
        self._texts = set(keys)

    def put(self, item: KnownItem) -> bool:
        """Whether anything changed."""
        names = attribute_names(item.attributes)
        title = item.title or ""
        content = blake2b(repr((title, item.text, names)).encode(), digest_size=16).digest()
        if self._content.get(item.key) == content:
            return False
        self._content[item.key] = content
        self._wording[item.key] = wording(f"{title} {item.text}", names)
        self._measures[item.key] = measures(title, item.text)
        self._names[item.key] = names
        return True

    def items(self) -> list[int]:
        """Keys of all items that were put."""
        return list(self._content)

    def names(self, item: int) -> tuple[str, ...]:
        """Of an item's attributes; none if it is unknown."""
        return self._names.get(item, ())

    def measures(self, item: int) -> Floats:
        """Shape (12,); zeros for an item nothing is known of."""
        known = self._measures.get(item)
        if known is not None:
            return known
        return measures_of_key(item) if item in self._texts else NO_MEASURES

    def table(self, items: list[int]) -> sparse.csr_matrix:
        """Wording of the items, shape (len(items), 2**16); the constant alone of an unknown one."""
        parts = [self._wording.get(item, _UNKNOWN) for item in items]
        starts = np.cumsum([0, *(len(part.places) for part in parts)])
        places = np.concatenate([part.places for part in parts]) if parts else np.zeros(0, np.int64)
        values = np.concatenate([part.values for part in parts]) if parts else np.zeros(0)
        return sparse.csr_matrix((values, places, starts), shape=(len(items), TEXT_WIDTH))

    def wording(self, item: int) -> Sparse:
        """The constant alone of an unknown item."""
        return self._wording.get(item, _UNKNOWN)
