"""What is published: a history, and live events after it; and users who are only read."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

import aiokafka
import numpy as np
from write_side.publishing import Event, Raw, record_of

from streams.partitions import partition_of

__all__ = ["FADING", "LASTING", "LIKED", "MISLIKED", "READERS", "Traffic", "items", "readers"]

READERS: Final = tuple(f"fixed-{number}" for number in range(32))
"""Users of whom nothing is published after the history: each version says one thing of each."""

LIKED: Final = "liked-by-many"
"""Among what is popular in the first version, and never in the other."""
MISLIKED: Final = "misliked-by-many"
"""The other way round."""

_ITEMS: Final = 2_000
_GENRES: Final = (
    *("sea storm", "ghost castle", "quiet garden", "lost heir"),
    *("red planet", "first love", "old murder", "long march"),
)
_THE_OTHER_WAY_ROUND: Final = (
    "\n\n[actions.like]\nweight = -1.0\n\n[actions.dislike]\nweight = 1.0\n"
)
LASTING: Final = "half_rank = 20.0" + _THE_OTHER_WAY_ROUND
"""A policy of the other version: who liked something disliked it, and what is past fades later."""
FADING: Final = "half_rank = 2.0\nhalf_life_s = 3600.0" + _THE_OTHER_WAY_ROUND
"""The same, but what is past fades sooner, so that users change persona far more often."""

_OF_ONES_TASTE: Final = 0.8
"""Of what a user does something with. Who likes anything alike would be of one persona by chance
alone, and of another after the next event."""
_ACTIONS: Final = ("view", "click", "save", "buy", "like", "dislike")
_TOLD_BY_A_READER: Final = 24
_HISTORY_S: Final = 6 * 3_600.0
_DRAWN_AT_ONCE: Final = 10_000
_TICK_S: Final = 0.02
_SENT_AT_ONCE: Final = 5_000


def items() -> Iterator[Event]:
    """A description of each."""
    names = (LIKED, MISLIKED, *(f"book-{number:04}" for number in range(_ITEMS)))
    for number, name in enumerate(names, start=-2):
        yield {
            "event_id": f"item-{name}",
            "type": "item",
            "occurred_at": "2025-01-01T00:00:00Z",
            "item_id": name,
            "text": f"{_GENRES[number % len(_GENRES)]} {name}",
        }


def readers(began_s: float) -> Iterator[Event]:
    """All that is ever published of those who are only read."""
    chance = random.Random(5)  # noqa: S311 - a seeded choice, not a secret
    for reader in READERS:
        for turn, book in enumerate(chance.sample(range(_ITEMS), _TOLD_BY_A_READER)):
            yield {
                "event_id": f"{reader}-{turn}",
                "type": "interaction",
                "occurred_at": began_s - _HISTORY_S + turn * 300.0,
                "user_id": reader,
                "item_id": f"book-{book:04}",
                "action": _ACTIONS[turn % len(_ACTIONS)],
            }


@dataclass
class Traffic:
    """Interactions of `users`, by rank with Zipf's law and mostly with what is of their taste, and
    where they have come.

    Attributes:
        began_s: When the history ends, since the epoch.
        published: Events acknowledged by the broker, by user.
    """

    bootstrap: str
    partitions: int
    users: int
    began_s: float
    published: Counter[str] = field(default_factory=Counter)

    @property
    def sent(self) -> int:
        return self.published.total()

    async def history(self, events: int) -> None:
        """So many events of the hours before."""
        described = (record_of(event) for event in items())
        known = (record_of(event) for event in readers(self.began_s))
        told = self._drawn(1, prefix="history", spacing_s=_HISTORY_S / events)
        async with self._producing() as producer:
            for records in (described, known, islice(told, events)):
                while some := list(islice(records, _SENT_AT_ONCE)):
                    await self._acknowledged(producer, some)

    async def live(self, rate: float, over: asyncio.Event) -> float:
        """`rate` events a second by the clock until `over`; for how many seconds."""
        told = self._drawn(2, prefix="live", spacing_s=None)
        sent = 0
        waiting: set[asyncio.Task[None]] = set()
        start_s = time.monotonic()
        async with self._producing() as producer:
            while not over.is_set():
                due = int((time.monotonic() - start_s) * rate) - sent
                if some := list(islice(told, due)):
                    task = asyncio.create_task(self._acknowledged(producer, some))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
                    sent += len(some)
                await asyncio.sleep(_TICK_S)
            lasted_s = time.monotonic() - start_s
            await asyncio.gather(*waiting)
        return lasted_s

    def _producing(self) -> aiokafka.AIOKafkaProducer:
        return aiokafka.AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            enable_idempotence=True,
            linger_ms=5,
            # However busy the machine is.
            request_timeout_ms=120_000,
        )

    async def _acknowledged(self, producer: aiokafka.AIOKafkaProducer, records: list[Raw]) -> None:
        sent = [
            await producer.send(
                raw.topic,
                raw.value,
                key=raw.key,
                partition=partition_of(raw.key or b"", self.partitions),
            )
            for raw in records
        ]
        await asyncio.gather(*sent)
        self.published.update(
            (raw.key or b"").decode() for raw in records if not raw.topic.endswith("items")
        )

    def _drawn(self, stream: int, *, prefix: str, spacing_s: float | None) -> Iterator[Raw]:
        """Without end.

        Args:
            spacing_s: Event time between two, from the beginning of the history; None for now.
        """
        chance = np.random.default_rng((7, stream))
        reached = np.cumsum(1.0 / np.arange(1, self.users + 1))
        number = 0
        while True:
            users = np.searchsorted(reached, chance.random(_DRAWN_AT_ONCE) * reached[-1])
            books = np.floor(_ITEMS * chance.random(_DRAWN_AT_ONCE) ** 3).astype(np.int64)
            books = np.where(
                chance.random(_DRAWN_AT_ONCE) < _OF_ONES_TASTE,
                books - books % len(_GENRES) + users % len(_GENRES),
                books,
            )
            actions = chance.integers(0, len(_ACTIONS), _DRAWN_AT_ONCE)
            marked = chance.integers(0, 10, _DRAWN_AT_ONCE)
            columns = (column.tolist() for column in (users, books, actions, marked))
            for user, book, action, mark in zip(*columns, strict=True):
                item, act = f"book-{book:04}", _ACTIONS[action]
                if mark == 0:
                    item, act = (LIKED, "like") if number % 2 else (MISLIKED, "dislike")
                at_s = (
                    time.time()
                    if spacing_s is None
                    else self.began_s - _HISTORY_S + number * spacing_s
                )
                name = f"user-{user:07}"
                yield record_of(
                    {
                        "event_id": f"{prefix}-{number}",
                        "type": "interaction",
                        "occurred_at": round(at_s, 3),
                        "user_id": name,
                        "item_id": item,
                        "action": act,
                    }
                )
                number += 1
