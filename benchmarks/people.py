"""Users with a history of a given length, through the real folds."""

from dataclasses import dataclass

import numpy as np

from profiles.catalogue import ItemCatalogue
from profiles.declared import NOTHING_DECLARED
from profiles.effects import effects_of
from profiles.fold import Sourced, fold
from profiles.ids import item_key, user_key
from profiles.personas import Centroids
from profiles.policy import DEFAULT_POLICY
from profiles.ports import ItemRecord, Token, UserRecord, Vector
from schemas import topics
from schemas.decoded import Interaction
from schemas.snapshots import (
    ItemCount,
    StatisticsSnapshot,
    encode_profile,
    encode_statistics,
)
from streams.writing import hold, prepare

__all__ = ["Person", "described_items", "people", "statistics_of"]

_DIMENSION = 128
_START_MS = 1_735_689_600_000
_ACTIONS = ("view", "click", "save", "buy", "like", "dislike")


@dataclass(frozen=True, slots=True)
class Person:
    """What is stored of a user, and the view that is cached."""

    user_id: str
    record: UserRecord
    view: bytes


def people(count: int, *, entries: int, items: int = 5_000, seed: int = 3) -> list[Person]:
    """Users with `entries` interactions each, written once more for the newest of them."""
    chance = np.random.default_rng(seed)
    catalogue = ItemCatalogue(_DIMENSION)
    vectors = _vectors(items, chance)
    for name, vector in vectors.items():
        catalogue.put(item_key("default", name), vector)
    found = [
        _person(f"reader-{number:08}", entries, list(vectors), chance) for number in range(count)
    ]
    return [_written(*one, catalogue) for one in found]


def described_items(items: int = 5_000, *, seed: int = 3) -> list[ItemRecord]:
    """What is stored of the items that `people` of that seed have met."""
    return [
        ItemRecord(
            key=item_key("default", name),
            tenant="default",
            item_id=name,
            title=f"The book of {name.removeprefix('book-')}",
            text="",
            attributes=b"{}",
            described_ms=_START_MS,
            event_hash=0,
            content_hash=b"",
            revision=1,
            retired=False,
            vector=vector,
        )
        for name, vector in _vectors(items, np.random.default_rng(seed)).items()
    ]


def statistics_of(items: int = 5_000) -> bytes:
    """What is published of everybody."""
    popular = tuple(
        ItemCount(item_key("default", f"book-{rank:06}"), 1_000.0 / (rank + 1), 900, 100)
        for rank in range(min(items, 500))
    )
    return encode_statistics(
        StatisticsSnapshot(
            tenant="default",
            scope="",
            as_of_ms=_START_MS,
            stale=False,
            users=100_000,
            directed=90_000,
            events={"interactions/view": 1_000_000},
            popular=popular,
            trends={},
            attributes={},
            mean=b"",
        )
    )


def _vectors(items: int, chance: np.random.Generator) -> dict[str, Vector]:
    names = [f"book-{number:06}" for number in range(items)]
    rows = chance.standard_normal((items, _DIMENSION))
    return {
        name: (row / np.linalg.norm(row)).astype("f4")
        for name, row in zip(names, rows, strict=True)
    }


def _person(
    user_id: str, entries: int, names: list[str], chance: np.random.Generator
) -> tuple[str, list[Sourced]]:
    items = chance.integers(0, len(names), entries).tolist()
    times = np.sort(chance.integers(0, 90 * 86_400_000, entries)).tolist()
    actions = chance.integers(0, len(_ACTIONS), entries).tolist()
    return user_id, [
        Sourced(
            topics.INTERACTIONS,
            offset,
            effects_of(
                Interaction(
                    "default",
                    f"{user_id}-{offset}",
                    _START_MS + time_ms,
                    user_id,
                    names[item],
                    _ACTIONS[action],
                ),
                DEFAULT_POLICY,
            ),
        )
        for offset, (item, time_ms, action) in enumerate(zip(items, times, actions, strict=True))
    ]


def _written(user_id: str, events: list[Sourced], catalogue: ItemCatalogue) -> Person:
    record = UserRecord(
        key=user_key("default", user_id),
        tenant="default",
        user_id=user_id,
        partition=0,
        token=Token(1),
        version=0,
        state=b"",
        outbox=b"",
        vector=np.zeros(_DIMENSION, np.float32),
        persona=None,
        waiting=False,
        mass=0.0,
    )
    view = b""
    # The newest event is a write of its own, as it is for a user who comes back.
    for part in (events[:-1], events[-1:]):
        held = hold(record)
        held.state = fold(held.state, part, DEFAULT_POLICY).state
        held.received_ms = _START_MS
        (write,) = prepare(
            [held],
            catalogue=catalogue,
            centroids=Centroids(0, {}),
            policy=DEFAULT_POLICY,
            declared=NOTHING_DECLARED,
        )
        record, view = write.record, encode_profile(write.cached)
    return Person(user_id, record, view)
