"""The tasks `next-item`, `sign` and `pairwise`.

References:
    Järvelin & Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques" (nDCG; with a
    single relevant item it is 1 / log2(rank + 2), rank counted from 0).
    Dawid 1984, "Present position and potential developments: the prequential approach".
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from evaluation.errors import NotAnAnswer
from evaluation.protocol import Scored
from profiles.outcomes import is_liked, signed_weight
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.queries import ItemScores, Level, NextItemQuery, PairQuery, SignQuery
from schemas.decoded import (
    Choice,
    Document,
    Erasure,
    FastEvent,
    Identity,
    Interaction,
    Item,
    ItemRetired,
    Preference,
)

__all__ = ["SHOWN", "NextItemTask", "PairwiseTask", "SignTask"]

SHOWN: Final = 10


class _Counts:
    """How many events each user's history has; erasure and identity are honoured."""

    def __init__(self) -> None:
        self._of_user: defaultdict[str, int] = defaultdict(int)

    def of(self, user_id: str) -> int:
        return self._of_user.get(user_id, 0)

    def count(self, user_id: str) -> None:
        self._of_user[user_id] += 1

    def note(self, event: FastEvent) -> None:
        match event:
            case Erasure():
                self._of_user.pop(event.user_id, None)
            case Identity():
                self._of_user[event.user_id] += self._of_user.pop(event.same_as, 0)
            case _:
                pass


class NextItemTask:
    """Rank all items that the user has had no event with; metric nDCG@10.

    Predicted: liked interactions (`is_liked`) on an item that is new to the user. History: the
    user's liked interactions, warm ones included. Candidates: every item known from an item
    event or an earlier event of anybody, not retired.
    """

    metric: Final = "ndcg@10"

    def __init__(self, *, policy: Policy = DEFAULT_POLICY) -> None:
        self._policy = policy
        self._seen: defaultdict[str, set[str]] = defaultdict(set)
        self._retired: set[str] = set()
        self._liked = _Counts()

    def ask(self, event: FastEvent) -> NextItemQuery | None:
        if (
            not isinstance(event, Interaction)
            or not is_liked(event, self._policy)
            or event.item_id in self._seen.get(event.user_id, ())
        ):
            return None
        return NextItemQuery(user_id=event.user_id, occurred_at_ms=event.occurred_at_ms)

    def score(self, event: FastEvent, answers: Mapping[Level, ItemScores]) -> Scored:
        if not isinstance(event, Interaction):
            raise TypeError("only interactions are predicted")
        figures: dict[Level, Mapping[str, float]] = {}
        shown: dict[Level, tuple[str, ...]] = {}
        excluded = self._seen.get(event.user_id, set()) | self._retired
        for level, answer in answers.items():
            values = _candidates(answer, excluded)
            target = answer.row_of.get(event.item_id, len(values))
            rank = rank_of(values, target)
            gain = 1.0 / math.log2(rank + 2) if rank is not None and rank < SHOWN else 0.0
            figures[level] = {self.metric: gain}
            shown[level] = tuple(answer.item_ids[row] for row in best_rows(values, answer.item_ids))
        return Scored(
            event.event_id, event.user_id, self._liked.of(event.user_id), figures, dict(shown)
        )

    def note(self, event: FastEvent) -> None:
        self._liked.note(event)
        match event:
            case Interaction():
                self._seen[event.user_id].add(event.item_id)
                if is_liked(event, self._policy):
                    self._liked.count(event.user_id)
            case Preference():
                sides = (event.chosen.item_id, event.rejected.item_id)
                self._seen[event.user_id].update(side for side in sides if side is not None)
            case Document():
                self._seen[event.user_id].update(event.about)
            case Item():
                self._retired.discard(event.item_id)
            case ItemRetired():
                self._retired.add(event.item_id)
            case Erasure():
                self._seen.pop(event.user_id, None)
            case Identity():
                self._seen[event.user_id] |= self._seen.pop(event.same_as, set())
            case _:
                pass


def _candidates(
    answer: ItemScores, excluded: set[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.array(answer.values, np.float64)
    if np.isnan(values).any():
        raise NotAnAnswer("a next-item score is NaN")
    rows = [row for item in excluded if (row := answer.row_of.get(item)) is not None]
    values[[row for row in rows if row < len(values)]] = -np.inf
    return values


def rank_of(values: np.ndarray[tuple[int], np.dtype[np.float64]], target: int) -> int | None:
    """How many others score at least as high as the target: ties rank last.

    None if the target has no score, that is, lies beyond the array or is -inf.

    >>> rank_of(np.array([0.5, 0.9, 0.5, -np.inf]), 0)
    2
    """
    if target >= len(values) or values[target] == -np.inf:
        return None
    return int((values >= values[target]).sum()) - 1


def best_rows(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], item_ids: Sequence[str]
) -> list[int]:
    """Rows of the ten best scores, best first; equal scores by item id, -inf left out."""
    scored = int((values > -np.inf).sum())
    count = min(SHOWN, scored)
    if count == 0:
        return []
    least = np.partition(values, len(values) - count)[len(values) - count]
    rows = np.flatnonzero(values >= least).tolist()
    return sorted(rows, key=lambda row: (-values[row], item_ids[row]))[:count]


class _ChoiceTask:
    """Accuracy of log-odds; a tie counts half."""

    metric: Final = "accuracy"

    def __init__(self, *, policy: Policy = DEFAULT_POLICY) -> None:
        self._policy = policy
        self._asked = _Counts()

    def _score(
        self, event_id: str, user_id: str, answers: Mapping[Level, float], *, positive: bool
    ) -> Scored:
        figures: dict[Level, Mapping[str, float]] = {}
        shown: dict[Level, float] = {}
        for level, log_odds in answers.items():
            if not math.isfinite(log_odds):
                raise NotAnAnswer(f"{level} answered {log_odds}")
            hit = 0.5 if log_odds == 0 else float((log_odds > 0) == positive)
            figures[level] = {self.metric: hit}
            shown[level] = log_odds
        return Scored(event_id, user_id, self._asked.of(user_id), figures, dict(shown))


class SignTask(_ChoiceTask):
    """Will an act on an item be for or against it?

    Predicted: interactions with a signed weight (`signed_weight`), repeated ones too. History:
    the user's earlier such events, warm ones included. Shown: log-odds of "for".
    """

    def ask(self, event: FastEvent) -> SignQuery | None:
        if not isinstance(event, Interaction) or signed_weight(event, self._policy) is None:
            return None
        return SignQuery(
            user_id=event.user_id,
            item_id=event.item_id,
            action=event.action,
            occurred_at_ms=event.occurred_at_ms,
        )

    def score(self, event: FastEvent, answers: Mapping[Level, float]) -> Scored:
        if not isinstance(event, Interaction):
            raise TypeError("only interactions are predicted")
        weight = signed_weight(event, self._policy)
        positive = weight is not None and weight > 0
        return self._score(event.event_id, event.user_id, answers, positive=positive)

    def note(self, event: FastEvent) -> None:
        self._asked.note(event)
        if self.ask(event) is not None and isinstance(event, Interaction):
            self._asked.count(event.user_id)


class PairwiseTask(_ChoiceTask):
    """Which of two does the user prefer?

    Predicted: preferences but ties, which are no history either. The sides are asked in an order
    that does not know the answer. History: the user's earlier choices, warm ones included. Shown:
    log-odds of the side that was chosen, so a positive score is a hit.
    """

    def ask(self, event: FastEvent) -> PairQuery | None:
        if not isinstance(event, Preference) or event.is_tie:
            return None
        a, b = sorted((event.chosen, event.rejected), key=_content)
        return PairQuery(
            user_id=event.user_id,
            a=a,
            b=b,
            prompt=event.prompt,
            occurred_at_ms=event.occurred_at_ms,
        )

    def score(self, event: FastEvent, answers: Mapping[Level, float]) -> Scored:
        if not isinstance(event, Preference):
            raise TypeError("only preferences are predicted")
        towards_chosen = 1.0 if _content(event.chosen) <= _content(event.rejected) else -1.0
        oriented = {level: towards_chosen * answer + 0.0 for level, answer in answers.items()}
        return self._score(event.event_id, event.user_id, oriented, positive=True)

    def note(self, event: FastEvent) -> None:
        self._asked.note(event)
        if isinstance(event, Preference) and not event.is_tie:
            self._asked.count(event.user_id)


def _content(choice: Choice) -> tuple[bool, str]:
    return (choice.item_id is None, choice.item_id or choice.text or "")
