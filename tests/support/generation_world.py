"""A few people who write titles, each in their own manner."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SUBJECTS = ("hops", "malt", "yeast", "casks", "glasses", "cellars", "labels", "water")


def question(user: str, subject: str, at: int, *, shouts: bool) -> dict[str, Any]:
    return {
        "event_id": f"e-{user}-{subject}",
        "type": "document",
        "occurred_at": at,
        "user_id": user,
        "document_id": f"d-{user}-{subject}",
        "kind": "question",
        "title": f"About {subject} now" if shouts else f"What should I know about {subject}?",
        "text": f"What should I know about {subject}? I bought {subject} in town. They are old.",
    }


def compared(user: str, pair: tuple[str, str], at: int, why: str) -> list[dict[str, Any]]:
    chosen, rejected = pair
    common = {"user_id": user, "occurred_at": at}
    return [
        {
            **common,
            "event_id": f"c-{user}-{chosen}-{at}",
            "type": "preference",
            "chosen": {"item_id": chosen},
            "rejected": {"item_id": rejected},
        },
        {
            **common,
            "event_id": f"w-{user}-{chosen}-{at}",
            "type": "document",
            "document_id": f"why-{user}-{chosen}-{at}",
            "text": why,
            "about": sorted(pair),
        },
    ]


def written(people: int, *, first_at: int = 100, of: str = "u") -> list[dict[str, Any]]:
    """Each asks about every subject; those of even number never ask questions in titles."""
    return [
        question(
            f"{of}{person}", subject, first_at + turn * people + person, shouts=person % 2 == 0
        )
        for turn, subject in enumerate(SUBJECTS)
        for person in range(people)
    ]


def described(names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "event_id": f"i-{name}",
            "type": "item",
            "occurred_at": 1,
            "item_id": name,
            "text": f"The case for {name}. It was argued at length.",
        }
        for name in names
    ]


def files_of(folder: Path, **parts: Sequence[dict[str, Any]]) -> dict[str, Path]:
    """`items`, `warm` and `test`; those that are not given are empty."""
    paths = {}
    for name in ("items", "warm", "test"):
        paths[name] = folder / f"{name}.jsonl"
        lines = (json.dumps(event) + "\n" for event in parts.get(name, ()))
        paths[name].write_text("".join(lines), encoding="utf-8")
    return paths
