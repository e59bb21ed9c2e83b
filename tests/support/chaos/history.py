"""What is published: repeats, disorder, strays and records that are no events, from a seed.

Totals are promised to be exact while a repeat meets its first copy among the newest K entries of
its user. So users with more than K events are repeated and shuffled within a fiftieth of the
history, everybody else over all of it.
"""

import random
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from write_side.publishing import Event, Raw, record_of

from schemas import topics
from streams.partitions import partition_of

__all__ = ["Drawn", "History", "draw_history", "records_of"]

_EVENTS_PER_USER: Final = 200
_MOST_PER_USER: Final = 400
_HEAVY_EVENTS: Final = (700, 1_400)
_ITEMS: Final = 400
_START_MS: Final = 1_690_000_000_000
_LENGTH_MS: Final = 60 * 86_400_000
_WORDS: Final = (
    "sea",
    "storm",
    "sail",
    "ghost",
    "castle",
    "night",
    "garden",
    "quiet",
    "war",
    "king",
)
_ACTIONS: Final = ("view",) * 6 + ("like",) * 4 + ("rate",) * 3 + ("dislike", "buy", "save")
_KINDS: Final = ("interactions", "preferences", "documents", "attributes")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One record in the order of publication.

    Attributes:
        event: None for a record that is no event.
        stray: Lies where another partitioner would put it.
    """

    event: Event | None
    stray: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """All that is published.

    Attributes:
        records: In order of publication, those about items included.
        counts: How many records are repeats, out of order, and so on, in words.
    """

    records: list[Drawn]
    counts: Counter[str]

    @property
    def events(self) -> list[Event]:
        """As the oracle wants them: repeats included, in any order."""
        return [drawn.event for drawn in self.records if drawn.event is not None]


def draw_history(*, seed: int, events: int) -> History:
    """A history of so many distinct events of users; what is repeated comes on top."""
    chance = random.Random(seed)  # noqa: S311 - a seeded choice, not a secret
    said = list(_said(chance, events))
    heavy = {str(event["user_id"]) for event in said if str(event["user_id"]).startswith("heavy")}
    window = events / 50
    placed: list[tuple[float, Drawn]] = []
    counts = Counter({"distinct events of users": len(said)})
    for place, event in enumerate(said):
        at = place + chance.random() * window
        if event["user_id"] not in heavy:
            if chance.random() < 0.05:
                at = chance.random() * events
                counts["records far out of order"] += 1
            elif chance.random() < 0.01:
                placed.append((at, Drawn(event, stray=True)))
                counts["records in another partition"] += 1
                continue
        placed.append((at, Drawn(event)))
        if chance.random() < 0.03:
            placed.append((at + chance.random() * window, Drawn(event)))
            counts["repeated records"] += 1
        if chance.random() < 0.002:
            placed.append((at, Drawn(None)))
            counts["records that are no events"] += 1
    for number in range(_ITEMS):
        # A quarter of the items is known from the start, the others turn up on the way.
        at = 0.0 if number % 4 == 0 else chance.random() * events
        placed.append((at, Drawn(_item(chance, number))))
    placed.sort(key=lambda one: one[0])
    return History([drawn for _, drawn in placed], counts)


def records_of(history: History, *, partitions: int) -> Iterator[Raw]:
    """The same as they lie in Kafka; a stray never lies where its key belongs."""
    for drawn in history.records:
        if drawn.event is None:
            yield Raw(topic=topics.INTERACTIONS, key=b"nobody", value=b'{"type": "interaction"')
            continue
        raw = record_of(drawn.event)
        if drawn.stray and raw.key is not None:
            partition = zlib.crc32(raw.key) % partitions
            if partition == partition_of(raw.key, partitions):
                partition = (partition + 1) % partitions
            yield Raw(topic=raw.topic, key=raw.key, value=raw.value, partition=partition)
        else:
            yield raw


def _said(chance: random.Random, number: int) -> Iterator[Event]:
    """Events of users in order of time."""
    heavy = max(2, number // 100_000)
    ordinary = max(20, number // _EVENTS_PER_USER)
    budget = {f"heavy-{one}": chance.randint(*_HEAVY_EVENTS) for one in range(heavy)}
    left = max(0, number - sum(budget.values()))
    names = [f"reader-{one}" for one in range(ordinary)]
    weights = [1.0 / (1 + one % 7) for one in range(ordinary)]
    for name in chance.choices(names, weights, k=left):
        # Nobody but the heavy comes near K, which repeats over all of the history rely on.
        while budget.get(name, 0) >= _MOST_PER_USER:
            name = chance.choice(names)  # noqa: PLW2901 - drawn again
        budget[name] = budget.get(name, 0) + 1
    turns = [name for name, count in budget.items() for _ in range(count)]
    chance.shuffle(turns)
    likings = {name: chance.randrange(2) for name in budget}
    for ordinal, name in enumerate(turns):
        at_ms = _START_MS + _LENGTH_MS * ordinal // len(turns)
        common = {"event_id": f"e{ordinal}", "user_id": name, "occurred_at": at_ms / 1000}
        yield {**common, **_act(chance, ordinal, likings[name], plain=name.startswith("heavy"))}


def _act(chance: random.Random, ordinal: int, liking: int, *, plain: bool) -> Event:
    which = chance.random()
    if which < 0.92 or plain:
        action = chance.choice(_ACTIONS)
        value = {"value": chance.choice((1, 2, 4, 5))} if action == "rate" else {}
        item = _item_of(chance, liking)
        return {"type": "interaction", "item_id": item, "action": action, **value}
    if which < 0.955:
        one = _item_of(chance, liking)
        other = _item_of(chance, 1 - liking)
        while other == one:
            other = _item_of(chance, 1 - liking)
        return {
            "type": "preference",
            "chosen": {"item_id": one},
            "rejected": {"item_id": other},
        }
    if which < 0.985:
        name, values = chance.choice(
            (("country", ("GB", "FR", "DE")), ("format", ("paper", "screen")))
        )
        return {"type": "attributes", "attributes": {name: chance.choice(values)}}
    if which < 0.995:
        return {"type": "document", "document_id": f"d{ordinal}", "text": "Dear bookshop"}
    if which < 0.999:
        granted = chance.random() < 0.5
        return {"type": "consent", "data_type": chance.choice(_KINDS), "granted": granted}
    return {"type": "erasure"}


def _item_of(chance: random.Random, liking: int) -> str:
    """Few items are wanted by many; even ones by those of one liking, odd ones by the others."""
    number = int(_ITEMS / 2 * chance.random() ** 2) * 2
    return f"book-{number + (liking if chance.random() < 0.9 else 1 - liking)}"


def _item(chance: random.Random, number: int) -> Event:
    half = len(_WORDS) // 2
    words = chance.sample(_WORDS[:half] if number % 2 else _WORDS[half:], 2)
    return {
        "event_id": f"item-{number}",
        "type": "item",
        "occurred_at": _START_MS / 1000,
        "item_id": f"book-{number}",
        "title": f"Book {number}",
        "text": f"{' '.join(words)} {number}",
    }
