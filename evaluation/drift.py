"""How fast the blend follows a planted change of taste.

Readers of several groups; everybody likes what their group likes, the popular things first, and
now and then anything. Some change group once. Their quality after the change is compared with
their own just before it, and beside it stand those who never change.

    python -m evaluation.drift
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from evaluation.nextitem import StreamedPredictor
from evaluation.protocol import run_protocol
from evaluation.tasks import NextItemTask
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.settings import Settings
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from schemas.decoded import FastEvent, Interaction, Item

__all__ = ["WINDOW", "Drift", "PlantedChange", "drift_of", "planted_change"]

WINDOW: Final = 5
_GROUPS: Final = 5
_ITEMS_PER_GROUP: Final = 60
_STRAYING: Final = 0.1
_ZIPF: Final = 0.7
_HOUR_MS: Final = 3_600_000
_TEXT_LENGTH: Final = 16


@dataclass(frozen=True, slots=True)
class PlantedChange:
    """Events in protocol order, and the truth behind them.

    Attributes:
        changed: Test users whose taste changes, at their event number `at`.
        settled: Test users whose taste stays.
    """

    items: list[FastEvent]
    warm: list[FastEvent]
    test: list[FastEvent]
    changed: frozenset[str]
    settled: frozenset[str]
    at: int


@dataclass(frozen=True, slots=True)
class Drift:
    """Mean nDCG@10 of the blend in windows of events around the change.

    Attributes:
        changed, settled: Window (0 begins at the change, -1 before it) to mean.
    """

    changed: Mapping[int, float]
    settled: Mapping[int, float]

    def recovery(self, window: int) -> float:
        """Quality in a window as a share of that in the three windows before the change."""
        before = sum(self.changed[earlier] for earlier in (-3, -2, -1)) / 3
        return self.changed[window] / before


def planted_change(*, seed: int, users: int = 160, at: int = 25, after: int = 30) -> PlantedChange:
    """A population of settled users, and a quarter as many of each kind to predict.

    Args:
        at: Events before the change; ≥ 15.
        after: Events after it; at + after must leave items of a group to like.
    """
    rng = np.random.default_rng(seed)
    appeal = np.asarray(np.arange(1, _ITEMS_PER_GROUP + 1) ** -_ZIPF, np.float64)
    warm: list[FastEvent] = []
    test: list[FastEvent] = []
    for number in range(users):
        group = number % _GROUPS
        warm += _life(rng, f"known-{number}", [group] * (at + after), appeal)
    tested = users // 4
    for number in range(tested):
        group = number % _GROUPS
        other = (group + 1 + number // _GROUPS % (_GROUPS - 1)) % _GROUPS
        test += _life(rng, f"changed-{number}", [group] * at + [other] * after, appeal)
        test += _life(rng, f"settled-{number}", [group] * (at + after), appeal)
    items: list[FastEvent] = [
        Item("default", f"item-{number}", 0, f"i{number}", f"text {number}")
        for number in range(_GROUPS * _ITEMS_PER_GROUP)
    ]

    def in_order(events: list[FastEvent]) -> list[FastEvent]:
        return sorted(events, key=lambda event: event.occurred_at_ms)

    return PlantedChange(
        items,
        in_order(warm),
        in_order(test),
        frozenset(f"changed-{number}" for number in range(tested)),
        frozenset(f"settled-{number}" for number in range(tested)),
        at,
    )


def _life(
    rng: np.random.Generator, user: str, groups: list[int], appeal: npt.NDArray[np.float64]
) -> Iterator[Interaction]:
    """One liked item after the other, each once."""
    unmet = np.ones(_GROUPS * _ITEMS_PER_GROUP)
    begins_ms = int(rng.integers(1_000)) * _HOUR_MS
    for step, group in enumerate(groups):
        taste = np.full((_GROUPS, _ITEMS_PER_GROUP), _STRAYING / unmet.size)
        taste[group] += appeal / appeal.sum()
        chances = taste.ravel() * unmet
        item = int(rng.choice(len(chances), p=chances / chances.sum()))
        unmet[item] = 0.0
        at_ms = begins_ms + step * _HOUR_MS
        yield Interaction("default", f"{user}-{step}", at_ms, user, f"i{item}", "like", None)


def _text_vector(item: Item) -> npt.NDArray[np.float32]:
    """Texts here say nothing of the group."""
    number = int(item.item_id.removeprefix("i"))
    vector = np.random.default_rng(number).standard_normal(_TEXT_LENGTH)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def drift_of(planted: PlantedChange, settings: Settings, *, seed: int = 0) -> Drift:
    """Predict every event of the test before it is applied, and compare around the change."""
    learner = NextItemLearner(policy=DEFAULT_POLICY, settings=settings, seed=seed)
    scored = run_protocol(
        NextItemTask(),
        StreamedPredictor(learner, _text_vector, policy=DEFAULT_POLICY),
        items=planted.items,
        warm=planted.warm,
        test=planted.test,
    )
    gains: defaultdict[tuple[bool, int], list[float]] = defaultdict(list)
    for one in scored:
        window = (int(one.event_id.rsplit("-", 1)[1]) - planted.at) // WINDOW
        gains[one.user_id in planted.changed, window].append(
            one.figures[Level.BLEND][NextItemTask.metric]
        )
    means = {key: float(np.mean(values)) for key, values in gains.items()}
    windows = sorted({window for _, window in means})
    return Drift(
        {window: means[True, window] for window in windows},
        {window: means[False, window] for window in windows},
    )


def main() -> int:
    """Print a table; exit 0."""
    drift = drift_of(planted_change(seed=0), Settings(fitted_predictions=2_000))
    sys.stdout.write(
        "events after the change | changed | settled | share of before\n--- | --- | --- | ---\n"
    )
    for window in drift.changed:
        first = WINDOW * window
        sys.stdout.write(
            f"{first} to {first + WINDOW - 1} | {drift.changed[window]:.3f} | "
            f"{drift.settled[window]:.3f} | {drift.recovery(window):.2f}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
