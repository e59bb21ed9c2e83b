"""What attributes bring is measured on the same predictions, and found where it is planted."""

from typing import Any

import numpy as np
from planted_choices import attributes, item, vote

from evaluation.attributes import Answered, answers_with_and_without, attributes_report
from schemas.decoded import FastEvent


def planted(users: int, name: str, *, seed: int) -> list[FastEvent]:
    """Who comes from the east is for even items, who comes from the west for odd ones."""
    rng = np.random.default_rng(seed)
    told: list[FastEvent] = []
    votes: list[FastEvent] = []
    for user in range(users):
        east = user % 2 == 0
        told.append(attributes(f"{name}{user}", side="east" if east else "west"))
        for number, what in enumerate(rng.choice(20, 8, replace=False).tolist()):
            value = 1.0 if (what % 2 == 0) == east else -1.0
            votes.append(vote(f"{name}{user}", f"i{what}", value, 1 + number))
    return [*told, *votes]


def test_attributes_that_decide_are_found_to_help_who_is_new() -> None:
    answered = answers_with_and_without(
        items=[item(f"i{n}", kind="odd" if n % 2 else "even") for n in range(20)],
        warm=planted(300, "w", seed=1),
        test=planted(60, "t", seed=2),
    )
    report: Any = attributes_report(answered)
    new = report["by_history"]["0-0"]
    assert new["n"] == 60
    assert new["accuracy"]["difference"] > 0.1
    assert new["accuracy"]["interval"][0] > 0.0


def test_attributes_that_change_nothing_have_a_difference_of_nothing() -> None:
    answered = [Answered(f"u{n % 3}", n // 3, n % 2 == 0, 0.4, 0.4) for n in range(12)]
    report: Any = attributes_report(answered)
    assert report["users"] == 3
    overall = report["by_history"]["overall"]
    assert overall["accuracy"]["difference"] == 0.0
    assert overall["log_likelihood"]["interval"] == [0.0, 0.0]


def test_who_stated_nothing_is_not_compared() -> None:
    silent = [event for event in planted(4, "t", seed=3) if event.event_id.startswith("v-")]
    assert answers_with_and_without(items=[], warm=planted(20, "w", seed=1), test=silent) == []
