"""Histories to stream: real ones that lie beside the checkout, and a bundled one."""

import gzip
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from bookshop.catalogue import item_events, load_books
from bookshop.simulator import simulate
from write_side.publishing import Event

__all__ = ["Story", "bookshop", "movielens", "preferences_of_ukpconvarg", "village"]

_DATA: Final = Path(__file__).resolve().parents[4] / "shared" / "data"
_NOON_MS: Final = 1_700_000_000_000


@dataclass(frozen=True, slots=True)
class Story:
    items: Sequence[Event]
    events: Sequence[Event]

    def in_time_order(self) -> list[list[Event]]:
        """What is published at once, then what is published when all is quiet."""
        return [[*self.items, *self.events]]

    def shuffled_before_the_items(self, *, seed: int) -> list[list[Event]]:
        """Every order is a good one, within a partition too: sets join."""
        events = list(self.events)
        random.Random(seed).shuffle(events)  # noqa: S311 - a seeded order, not a secret
        return [events, list(self.items)]


def movielens() -> Story:
    return Story(_lines("movielens", "items"), _lines("movielens", "events"))


def preferences_of_ukpconvarg() -> Story:
    events = _lines("ukpconvarg", "events")
    return Story(
        _lines("ukpconvarg", "items"), [event for event in events if event["type"] == "preference"]
    )


def bookshop(*, readers: int = 150, events_per_reader: float = 12.0) -> Story:
    """Simulated readers; a second tenant who shares their names; and what people say of data."""
    simulated = simulate(
        books=load_books(),
        seed=3,
        start_ms=_NOON_MS,
        readers=readers,
        events_per_reader=events_per_reader,
    ).events
    items = item_events()
    events: list[Event] = [*simulated, *_said(simulated)]
    return Story(
        [*items, *(_of_other_tenant(item) for item in items[:40])],
        [*events, *(_of_other_tenant(event) for event in events[::7])],
    )


def village(*, readers: int = 24, events_per_reader: int = 10) -> Story:
    """Just enough for two personas; a third of the items nobody describes before the end."""
    subjects = ("sea storm sail", "ghost castle night")
    items: list[Event] = [
        {
            "event_id": f"item-{number}",
            "type": "item",
            "occurred_at": _NOON_MS // 1000,
            "item_id": f"book-{number}",
            "title": f"Book {number}",
            "text": f"{subjects[number % 2]} {number}",
        }
        for number in range(12)
    ]
    events: list[Event] = [
        {
            "event_id": f"event-{turn}-{reader}",
            "type": "interaction",
            "occurred_at": _NOON_MS // 1000 + 60 * turn + reader,
            "user_id": f"reader-{reader}",
            "item_id": f"book-{(2 * turn * turn + 6 * reader + reader % 2) % 12}",
            "action": ("like", "view", "dislike", "buy")[(turn + reader // 2) % 4],
        }
        for turn in range(events_per_reader)
        for reader in range(readers)
    ]
    return Story(items, events)


def _said(events: Sequence[Event]) -> list[Event]:
    """Documents, withdrawals, erasures and identities in the middle of some readers' lives."""
    said: list[Event] = []
    for number, event in enumerate(events[: len(events) // 2]):
        common = {
            "event_id": f"said-{number}",
            "user_id": event["user_id"],
            "occurred_at": event["occurred_at"],
        }
        match number % 60:
            case 7:
                kind = ("interactions", "preferences", "documents", "attributes")[number // 60 % 4]
                said.append({**common, "type": "consent", "data_type": kind, "granted": False})
            case 23:
                said.append({**common, "type": "erasure"})
            case 31:
                said.append({**common, "type": "identity", "same_as": f"guest-{number}"})
            case 37:
                said.append(
                    {
                        **common,
                        "type": "consent",
                        "data_type": "interactions",
                        "granted": True,
                    }
                )
            case 5 | 11 | 53:
                said.append(
                    {
                        **common,
                        "type": "document",
                        "document_id": f"letter-{number}",
                        "text": "Dear bookshop, …",
                        "kind": "letter" if number % 2 else None,
                    }
                )
    return [{name: value for name, value in one.items() if value is not None} for one in said]


def _of_other_tenant(event: Event) -> Event:
    return {**event, "tenant": "other shop", "event_id": f"other-{event['event_id']}"}


def _lines(name: str, which: str) -> list[dict[str, Any]]:
    path = _DATA / name / f"{which}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]
