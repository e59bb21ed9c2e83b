"""The standard load: who does what, drawn by rank with Zipf's law, interleaved."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec
import numpy as np

__all__ = ["Load", "Record"]

Record = tuple[bytes, bytes]
"""Key and value."""

_START_S: Final = 1_735_689_600  # 2025-01-01T00:00:00Z
_ACTIONS: Final = ("view", "click", "save", "buy", "like", "dislike")
_WORDS: Final = 2_000
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True)
class Load:
    """Interactions of `users` with `items`, both drawn with probability ∝ 1 / rank^`exponent`.

    Attributes:
        seed: Of everything drawn.
        spacing_ms: Event time between two events.
    """

    events: int = 200_000
    users: int = 100_000
    items: int = 5_000
    exponent: float = 1.0
    seed: int = 7
    spacing_ms: int = 20

    def user_id(self, rank: int) -> str:
        return f"reader-{rank:08}"

    def item_id(self, rank: int) -> str:
        return f"book-{rank:06}"

    def item_events(self) -> Iterator[Record]:
        """A description of every item."""
        words = self._chance(1).integers(0, _WORDS, (self.items, 12))
        for rank, row in enumerate(words.tolist()):
            item = self.item_id(rank)
            event = {
                "event_id": f"item-{rank}",
                "type": "item",
                "occurred_at": _START_S,
                "item_id": item,
                "text": " ".join(f"word{word}" for word in row),
            }
            yield item.encode(), _encoder.encode(event)

    def interactions(self) -> Iterator[Record]:
        """The events, in order of event time."""
        chance = self._chance(2)
        actions = chance.integers(0, len(_ACTIONS), self.events).tolist()
        users = self._drawn(chance, self.users)
        items = self._drawn(chance, self.items)
        for number, (user, item, action) in enumerate(zip(users, items, actions, strict=True)):
            user_id = self.user_id(user)
            event = {
                "event_id": f"{self.seed:04x}-{number:012x}",
                "type": "interaction",
                "occurred_at": self._written(number),
                "user_id": user_id,
                "item_id": self.item_id(item),
                "action": _ACTIONS[action],
            }
            yield user_id.encode(), _encoder.encode(event)

    @cached_property
    def distinct_users(self) -> int:
        """How many users the events are of."""
        chance = self._chance(2)
        chance.integers(0, len(_ACTIONS), self.events)
        return len(set(self._drawn(chance, self.users)))

    def _written(self, number: int) -> str:
        seconds, ms = divmod(number * self.spacing_ms, 1_000)
        moment = np.datetime64(_START_S + seconds, "s")
        return f"{moment}.{ms:03}Z"

    def _drawn(self, chance: np.random.Generator, things: int) -> list[int]:
        weights = np.asarray(1.0 / np.arange(1, things + 1) ** self.exponent, np.float64)
        reached = np.cumsum(weights)
        drawn = np.searchsorted(reached, chance.random(self.events) * reached[-1], side="right")
        # Ranks say nothing about ids: the frequent ones are not neighbours.
        shuffled = self._chance(3).permutation(things)
        ranks: list[int] = shuffled[drawn].tolist()
        return ranks

    def _chance(self, stream: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, stream))
