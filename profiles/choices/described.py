"""What items and users say of themselves, ready for the models."""

from collections.abc import Mapping
from hashlib import blake2b

import numpy as np

from profiles.choices.bounded import Bounded
from profiles.choices.logistic import Floats
from profiles.choices.wording import (
    MEASURES,
    Sparse,
    attribute_names,
    crossed,
    measures,
    words,
)
from schemas.decoded import Attributes, Item

__all__ = ["Described"]

_UNKNOWN = words("", ())
_NO_MEASURES = np.zeros(MEASURES)
_NO_CROSS = crossed((), ())


class Described:
    """Features of items and attributes of users, each bounded.

    Item attributes with a unique value per item are harmless: a hashed weight that is seen
    once stays near its prior.
    """

    def __init__(self, *, items: int, users: int) -> None:
        self._words: Bounded[str, Sparse] = Bounded(items)
        self._measures: Bounded[str, Floats] = Bounded(items)
        self._item_names: Bounded[str, tuple[str, ...]] = Bounded(items)
        self._user_names: Bounded[str, tuple[str, ...]] = Bounded(users)
        self._crossed: Bounded[tuple[tuple[str, ...], tuple[str, ...]], Sparse] = Bounded(10_000)

    def learn_item(self, event: Item) -> None:
        names = attribute_names(event.attributes)
        title = event.title or ""
        self._words.put(event.item_id, words(f"{title} {event.text}", names))
        self._measures.put(event.item_id, measures(title, event.text))
        self._item_names.put(event.item_id, names)

    def text(self, text: str) -> str:
        """Name of a free text as an item; its measures are kept.

        No item id starts with a null character.
        """
        name = "\0" + blake2b(text.encode(), digest_size=16).hexdigest()
        self._measures.use(name, lambda: measures("", text))
        return name

    def learn_user(self, event: Attributes) -> None:
        """Later attributes replace earlier ones of the same name."""
        told: Mapping[str, object] = dict(
            name.split("=", 1) for name in self._user_names.get(event.user_id) or ()
        )
        fresh = dict(name.split("=", 1) for name in attribute_names(event.attributes))
        names = tuple(f"{name}={value}" for name, value in sorted({**told, **fresh}.items()))
        self._user_names.put(event.user_id, names)

    def forget(self, user: str) -> None:
        self._user_names.pop(user)

    def words(self, item: str) -> Sparse:
        """Of an item nothing is known of: the constant alone."""
        return self._words.get(item) or _UNKNOWN

    def measures(self, item: str) -> Floats:
        """Zeros for an item nothing is known of."""
        found = self._measures.get(item)
        return _NO_MEASURES if found is None else found

    def crossed(self, user: str, item: str) -> Sparse:
        """A user's attributes, alone and with the item's; empty without any."""
        names = self._user_names.get(user)
        if not names:
            return _NO_CROSS
        pair = (names, self._item_names.get(item) or ())
        return self._crossed.use(pair, lambda: crossed(*pair))
