from math import log

import numpy as np
import pytest

from evaluation.references import RunningShares, SpectralTaste, reference_figures
from evaluation.run import TaskName
from evaluation.split import fold_of
from profiles.queries import Level, NextItemQuery, PairQuery, SignQuery
from schemas.decoded import Choice, FastEvent, Interaction, Item, Preference


def _act(user: str, item: str, *, action: str, value: float, at: int) -> Interaction:
    return Interaction(
        "default", f"{user}-{item}-{at}", at, user, item_id=item, action=action, value=value
    )


def _log_odds_of(model: RunningShares, item: str) -> float:
    query = SignQuery(user_id="new", item_id=item, action="vote", occurred_at_ms=9)
    return model.predict(query)[Level.GLOBAL]


def test_a_running_share_is_pulled_to_everybodys_by_one_vote() -> None:
    model = RunningShares()
    assert _log_odds_of(model, "a") == 0.0
    for at, (item, value) in enumerate([("a", 1.0), ("a", 1.0), ("b", -1.0), ("b", 0.0)]):
        model.learn(_act("u", item, action="vote", value=value, at=at))
    assert _log_odds_of(model, "a") == pytest.approx(log((2 + 2 / 3) / (1 / 3)))
    assert _log_odds_of(model, "unseen") == pytest.approx(log(2))


def test_the_side_that_won_more_often_is_preferred() -> None:
    model = RunningShares()
    sides = {name: Choice(item_id=name) for name in ("a", "b", "c")}
    model.learn(Preference("default", "e", 1, "u", chosen=sides["a"], rejected=sides["b"]))

    def asked(a: str, b: str) -> float:
        query = PairQuery(user_id="n", a=sides[a], b=sides[b], prompt=None, occurred_at_ms=2)
        return model.predict(query)[Level.GLOBAL]

    assert asked("a", "b") == pytest.approx(log(2))
    assert asked("b", "a") == -asked("a", "b")
    assert asked("a", "c") > 0 > asked("b", "c")


def test_the_spectral_reference_prefers_what_goes_together_and_popularity_what_is_liked() -> None:
    model = SpectralTaste()
    for user in range(12):
        for step in range(3):
            # Nine of twelve users like items 0 to 3, the others 4 to 7.
            item = f"i{(user + step) % 4 + (4 if user > 8 else 0)}"
            model.learn(_act(f"u{user}", item, action="rate", value=5.0, at=step))
    model.end_warm()
    model.learn(_act("new", "i4", action="rate", value=5.0, at=9))
    answer = model.predict(NextItemQuery(user_id="new", occurred_at_ms=10))
    row_of = answer[Level.USER].row_of
    own, everybody = answer[Level.USER].values, answer[Level.GLOBAL].values
    assert own[row_of["i5"]] > own[row_of["i1"]]
    assert everybody[row_of["i1"]] > everybody[row_of["i5"]]
    assert np.array_equal(
        model.predict(NextItemQuery(user_id="x", occurred_at_ms=10))[Level.USER].values, everybody
    )


def test_only_users_of_the_fold_are_predicted() -> None:
    users = [f"u{number}" for number in range(40)]
    events: list[FastEvent] = [
        _act(user, "a", action="vote", value=1.0, at=at) for at, user in enumerate(users)
    ]
    items: list[FastEvent] = [Item("default", "i", 0, "a", "text")]
    asked = {
        fold: reference_figures(TaskName.SIGN, items, events, fold=fold)[Level.GLOBAL]
        for fold in range(5)
    }
    for fold, (mean, n) in asked.items():
        assert n == sum(fold_of(user) == fold for user in users)
        assert mean == 1.0
