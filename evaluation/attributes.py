"""What stated attributes bring to a new user: the same predictions with them and without.

Users of the test are asked as in the task `sign`. Each question is answered twice by the same
model: from the user's state, and from the same state without attributes. So the differences are
paired, and what the known users taught about attributes is the same for both.

    python -m evaluation.attributes --items F --warm F --test F
"""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from msgspec.structs import replace
from threadpoolctl import threadpool_limits

from evaluation.choices import StreamedChoices
from evaluation.errors import UnreadableEvents
from evaluation.protocol import BUCKETS, bucket_of
from evaluation.reading import in_protocol_order, read_events
from evaluation.tasks import SignTask
from profiles.choices.learner import ChoiceLearner
from profiles.choices.logistic import Floats
from profiles.ids import item_key, user_key
from profiles.outcomes import signed_weight
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level, SignQuery
from schemas.decoded import Attributes, FastEvent, Interaction

__all__ = ["Answered", "answers_with_and_without", "attributes_report"]

_RESAMPLES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Answered:
    """One act of a user, predicted by the blend.

    Attributes:
        history: Earlier predicted acts of the user.
        positive: What the act was.
        stated, unstated: Log-odds of "positive" with the user's attributes and without.
    """

    user_id: str
    history: int
    positive: bool
    stated: float
    unstated: float


def answers_with_and_without(
    *, items: Sequence[FastEvent], warm: Sequence[FastEvent], test: Sequence[FastEvent]
) -> list[Answered]:
    """Every signed act of test users who stated attributes, before it is applied.

    What test users state is known from the beginning, as it is of somebody who signs up.

    Args:
        items, warm, test: In protocol order.
    """
    predictor = StreamedChoices(ChoiceLearner(policy=DEFAULT_POLICY), policy=DEFAULT_POLICY)
    task = SignTask()
    for event in (*items, *warm):
        predictor.learn(event)
        task.note(event)
    predictor.end_warm()
    stated = {event.user_id for event in test if isinstance(event, Attributes)}
    for event in test:
        if isinstance(event, Attributes):
            predictor.states.add(event)
    answered: list[Answered] = []
    history: dict[str, int] = {}
    for event in test:
        if isinstance(event, Attributes):
            continue
        query = task.ask(event)
        if query is not None and isinstance(event, Interaction) and event.user_id in stated:
            seen = history.get(event.user_id, 0)
            history[event.user_id] = seen + 1
            answered.append(_answered(predictor, query, event, seen))
        predictor.learn(event)
        task.note(event)
    return answered


def _answered(
    predictor: StreamedChoices, query: SignQuery, event: Interaction, history: int
) -> Answered:
    model = predictor.learner.current()
    state = predictor.states.of(user_key(event.tenant, query.user_id))
    item = item_key(event.tenant, query.item_id)
    return Answered(
        user_id=query.user_id,
        history=history,
        positive=(signed_weight(event, DEFAULT_POLICY) or 0.0) > 0.0,
        stated=model.sign(state, item)[Level.BLEND].log_odds,
        unstated=model.sign(replace(state, attributes={}), item)[Level.BLEND].log_odds,
    )


def attributes_report(answered: Sequence[Answered], *, seed: int = 0) -> dict[str, object]:
    """Accuracy and log-likelihood with, without, and the difference with its 95 % interval.

    Per length of history; users are drawn again, not acts.
    """
    parts: dict[str, list[Answered]] = {"overall": list(answered)}
    for number, bucket in enumerate(BUCKETS):
        found = [one for one in answered if bucket_of(one.history) == number]
        if found:
            parts[f"{bucket.first}-{'' if bucket.last is None else bucket.last}"] = found
    return {
        "n": len(answered),
        "users": len({one.user_id for one in answered}),
        "by_history": {name: _part(part, seed) for name, part in parts.items() if part},
    }


def _part(part: Sequence[Answered], seed: int) -> dict[str, object]:
    figures: dict[str, object] = {"n": len(part)}
    for name, value in (("accuracy", _hit), ("log_likelihood", _log_likelihood)):
        stated = np.array([value(one.stated, one.positive) for one in part])
        unstated = np.array([value(one.unstated, one.positive) for one in part])
        figures[name] = {
            "with": round(float(stated.mean()), 4),
            "without": round(float(unstated.mean()), 4),
            "difference": round(float((stated - unstated).mean()), 4),
            "interval": _interval(stated - unstated, part, seed),
        }
    return figures


def _hit(log_odds: float, positive: bool) -> float:  # noqa: FBT001 - the second of two values
    if log_odds == 0.0:
        return 0.5
    return float((log_odds > 0.0) == positive)


def _log_likelihood(log_odds: float, positive: bool) -> float:  # noqa: FBT001 - as above
    return -math.log1p(math.exp(-log_odds if positive else log_odds))


def _interval(values: Floats, part: Sequence[Answered], seed: int) -> list[float]:
    users = {name: row for row, name in enumerate(dict.fromkeys(one.user_id for one in part))}
    owner = np.array([users[one.user_id] for one in part])
    draws = np.random.default_rng(seed).multinomial(
        len(users), np.full(len(users), 1.0 / len(users)), size=_RESAMPLES
    )
    sums = draws @ np.bincount(owner, weights=values, minlength=len(users))
    means = sums / (draws @ np.bincount(owner, minlength=len(users)))
    low, high = np.quantile(means, (0.025, 0.975))
    return [round(float(low), 4), round(float(high), 4)]


def main() -> int:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.attributes")
    for name in ("--items", "--warm", "--test"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    try:
        items, warm, test = (
            list(in_protocol_order(read_events(path)))
            for path in (asked.items, asked.warm, asked.test)
        )
    except UnreadableEvents as error:
        sys.stderr.write(f"{error}\n")
        return 1
    with threadpool_limits(limits=1, user_api="blas"):
        answered = answers_with_and_without(items=items, warm=warm, test=test)
    sys.stdout.write(json.dumps(attributes_report(answered, seed=asked.seed), indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
