"""Small event files and predictors whose answers are set by hand."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from profiles.queries import ItemScores, Level
from schemas.decoded import Choice, Document, FastEvent, Interaction, Item, Preference


def rated(user: str, item: str, value: float, at_ms: int = 0, name: str = "") -> Interaction:
    return Interaction("default", name or f"{user}-{item}", at_ms, user, item, "rate", value)


def voted(user: str, item: str, value: float, at_ms: int = 0) -> Interaction:
    return Interaction("default", f"{user}-{item}", at_ms, user, item, "vote", value)


def chose(user: str, chosen: str, rejected: str, at_ms: int = 0) -> Preference:
    sides = Choice(item_id=chosen), Choice(item_id=rejected)
    return Preference("default", f"{user}-{chosen}-{rejected}", at_ms, user, *sides)


def wrote(user: str, at_ms: int = 0) -> Document:
    return Document("default", f"{user}-wrote", at_ms, user, "d", "words")


def item(name: str) -> Item:
    return Item("default", f"item-{name}", 0, name, f"text of {name}")


class Fixed:
    """Answers every question alike, and remembers the order of what happened."""

    def __init__(self, answer: float | Mapping[str, float]) -> None:
        self._answer = answer
        self.calls: list[object] = []

    def learn(self, event: FastEvent) -> None:
        self.calls.append(event.event_id)

    def end_warm(self) -> None:
        self.calls.append("end of warm")


class FixedScores(Fixed):
    def __init__(self, scores: Mapping[str, float]) -> None:
        super().__init__(scores)
        names = list(scores)
        self._scores = ItemScores(
            names, {name: row for row, name in enumerate(names)}, np.array(list(scores.values()))
        )

    def predict(self, query: object) -> Mapping[Level, ItemScores]:
        self.calls.append(query)
        return dict.fromkeys(Level, self._scores)


class FixedOdds(Fixed):
    def __init__(self, log_odds: float) -> None:
        super().__init__(log_odds)
        self._log_odds = log_odds

    def predict(self, query: object) -> Mapping[Level, float]:
        self.calls.append(query)
        return dict.fromkeys(Level, self._log_odds)


def write_ratings(path: Path, ratings: list[tuple[str, str, float, int]]) -> Path:
    lines = [
        {
            "event_id": f"e{number}-{user}-{item_id}",
            "type": "interaction",
            "occurred_at": at_s,
            "user_id": user,
            "item_id": item_id,
            "action": "rate",
            "value": value,
        }
        for number, (user, item_id, value, at_s) in enumerate(ratings)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def write_items(path: Path, names: list[str]) -> Path:
    lines = [
        {
            "event_id": f"i-{name}",
            "type": "item",
            "occurred_at": 0,
            "item_id": name,
            "text": f"text {name} {int(name.strip('abcdefghijklmnopqrstuvwxyz') or 0) % 7}",
        }
        for name in names
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path
