"""What is asked of the layers, and in which form they answer.

A query holds only what is known before the answer: no event id (producers put item ids into
them), no context (it may describe what happened), sides in an order that does not depend on
which one was chosen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import numpy as np
import numpy.typing as npt

from schemas.decoded import Choice, FastEvent

__all__ = [
    "ChoicePredictor",
    "ChoiceQuery",
    "ItemScores",
    "Level",
    "NextItemPredictor",
    "NextItemQuery",
    "PairQuery",
    "SignQuery",
]


class Level(StrEnum):
    """Whose evidence an answer uses."""

    GLOBAL = "global"
    PERSONA = "persona"
    USER = "user"
    BLEND = "blend"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignQuery:
    """Will this user's act on this item be positive or negative?

    `occurred_at_ms`: event time, milliseconds since the epoch.
    """

    user_id: str
    item_id: str
    action: str
    occurred_at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PairQuery:
    """Which of two does this user prefer? The sides are sorted by content."""

    user_id: str
    a: Choice
    b: Choice
    prompt: str | None
    occurred_at_ms: int


ChoiceQuery = SignQuery | PairQuery


@dataclass(frozen=True, slots=True, kw_only=True)
class NextItemQuery:
    """Which item, of those the user has had no event with, comes next and is liked?"""

    user_id: str
    occurred_at_ms: int


@dataclass(frozen=True, slots=True)
class ItemScores:
    """A score for each known item; larger is better, and -inf is no answer.

    Attributes:
        item_ids: Known items, grows only at its end.
        row_of: Place of each item in `item_ids`.
        values: Shape (≥ 0 and ≤ len(item_ids),), never NaN. Items beyond it have no answer.
    """

    item_ids: Sequence[str]
    row_of: Mapping[str, int]
    values: npt.NDArray[np.float64]


class ChoicePredictor(Protocol):
    """Answers sign and pairwise queries, and learns from every event afterwards.

    Deterministic in the order of the calls. Events arrive as: items, then the population
    that is already known, then `end_warm` once, then the test.
    """

    def predict(self, query: ChoiceQuery) -> Mapping[Level, float]:
        """Log-odds of "positive", or of "a is preferred", for every level; finite.

        Zero is a tie: the level says nothing. Changes nothing that a later answer shows.
        """
        ...

    def learn(self, event: FastEvent) -> None:
        """Fold an event in, of any type; what the model cannot use it ignores."""
        ...

    def end_warm(self) -> None:
        """The known population is complete: fit what needs it whole; the clock of decay stops."""
        ...


class NextItemPredictor(Protocol):
    """As `ChoicePredictor`, for next-item queries."""

    def predict(self, query: NextItemQuery) -> Mapping[Level, ItemScores]: ...

    def learn(self, event: FastEvent) -> None: ...

    def end_warm(self) -> None: ...
