"""The model as its users see it: told in order, asked at any time."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from profiles.nextitem.predictor import NextItemModel
from profiles.nextitem.settings import Settings
from profiles.queries import ItemScores, Level, NextItemQuery
from schemas.decoded import (
    Choice,
    Erasure,
    FastEvent,
    Identity,
    Interaction,
    Item,
    Preference,
)

_SMALL = Settings(
    kept=30,
    neighbours=8,
    dimension=6,
    text_dimension=4,
    personas=2,
    fitted_predictions=60,
    refit_events=20,
)
_NEXT = NextItemQuery(user_id="u", occurred_at_ms=10**6)


def _vector(item: Item) -> npt.NDArray[np.float32]:
    """Texts of low and of high items differ."""
    number = int(item.item_id[1:])
    vector = np.random.default_rng(number).standard_normal(8).astype(np.float32) * 0.2
    vector[0 if number < 10 else 1] += 1.0
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def _item(number: int) -> Item:
    return Item("default", f"item{number}", 0, f"i{number}", "text")


def _rated(user: str, number: int, at_s: int, value: float = 5.0) -> Interaction:
    name = f"{user}-{number}-{at_s}"
    return Interaction("default", name, 1_000 * at_s, user, f"i{number}", "rate", value)


def _population() -> list[Interaction]:
    rng = np.random.default_rng(5)
    events = [
        _rated(f"w{user}", 10 * (user % 2) + int(number), 30 * step + user)
        for user in range(14)
        for step, number in enumerate(rng.permutation(10)[:6])
    ]
    return sorted(events, key=lambda event: event.occurred_at_ms)


def _model(events: Sequence[FastEvent] = (), *, seed: int = 0) -> NextItemModel:
    model = NextItemModel(_vector, settings=_SMALL, seed=seed)
    for number in range(20):
        model.learn(_item(number))
    for event in _population():
        model.learn(event)
    model.end_warm()
    for later in events:
        model.learn(later)
    return model


def _values(model: NextItemModel, query: NextItemQuery = _NEXT) -> npt.NDArray[np.float64]:
    answers = model.predict(query)
    return np.stack([answers[level].values for level in Level])


def _blend(model: NextItemModel, user_id: str = "u") -> ItemScores:
    return model.predict(NextItemQuery(user_id=user_id, occurred_at_ms=10**6))[Level.BLEND]


_OWN = [_rated("u", number, 500 + 10 * number) for number in (1, 3, 5, 7)]


def test_a_taste_shows_in_every_level_but_the_global_one() -> None:
    known, new = _values(_model(_OWN)), _values(_model())
    low, high = known[:, [0, 2, 4, 6, 8, 9]], known[:, 10:]
    order = list(Level)
    for level in (Level.PERSONA, Level.USER, Level.BLEND):
        place = order.index(level)
        assert low[place].mean() > high[place].mean()
    stage_only = order.index(Level.GLOBAL)
    assert np.abs(known[stage_only] - new[stage_only]).max() < np.abs(known - new).max()


def test_the_user_level_says_nothing_of_a_new_user() -> None:
    values = _model().predict(_NEXT)[Level.USER].values
    assert np.unique(values).tolist() == [0.0]


def test_asking_changes_nothing() -> None:
    quiet, asked = _model(), _model()
    for event in _OWN:
        query = NextItemQuery(user_id="u", occurred_at_ms=event.occurred_at_ms)
        asked.predict(query)
        asked.predict(NextItemQuery(user_id="somebody", occurred_at_ms=3))
        quiet.learn(event)
        asked.learn(event)
    assert np.array_equal(_values(quiet), _values(asked))


def test_equal_seeds_give_equal_answers_bit_for_bit() -> None:
    assert _values(_model(_OWN)).tobytes() == _values(_model(_OWN)).tobytes()


def test_an_erased_user_is_asked_about_as_if_new() -> None:
    model = _model([*_OWN, Erasure("default", "gone", 10**6, "u")])
    new = NextItemQuery(user_id="new", occurred_at_ms=_NEXT.occurred_at_ms)
    assert np.array_equal(_values(model), _values(model, new))


def test_an_anonymous_history_joins_the_user_it_was() -> None:
    early = [_rated("anonymous", number, 500 + number) for number in (1, 3)]
    late = [_rated("u", number, 600 + number) for number in (5, 7)]
    joined = _model([*early, *late, Identity("default", "same", 10**6, "u", "anonymous")])
    apart = _model([*early, *late])
    assert not np.array_equal(_values(joined), _values(apart))
    anonymous = NextItemQuery(user_id="anonymous", occurred_at_ms=_NEXT.occurred_at_ms)
    assert np.array_equal(_values(joined, anonymous)[2], np.zeros(20))


def test_choosing_teaches_what_liking_does() -> None:
    pairs = [(1, 11), (3, 13), (5, 15)]
    choices = [
        Preference(
            "default",
            f"p{a}",
            500_000 + a,
            "u",
            Choice(item_id=f"i{a}"),
            Choice(item_id=f"i{b}"),
        )
        for a, b in pairs
    ]
    persona = _model(choices).predict(_NEXT)[Level.PERSONA].values
    assert persona[[0, 2, 4]].mean() > persona[[10, 12, 14]].mean()


def test_an_item_that_comes_later_has_a_score_at_once() -> None:
    model = _model(_OWN)
    model.learn(_item(20))
    scores = _blend(model)
    assert scores.row_of["i20"] == 20
    assert np.isfinite(scores.values[20])


def test_a_history_keeps_a_bounded_number_of_acts() -> None:
    rng = np.random.default_rng(0)
    events = [_rated("u", int(rng.integers(20)), 600 + step, 3.0) for step in range(200)]
    history = _model(events)._histories["u"]
    assert len(history.acts) == _SMALL.kept
    assert history.length == 200
    times = [act.time_ms for act in history.acts]
    assert all(earlier <= later for earlier, later in pairwise(times))


def test_a_population_too_small_to_fit_still_answers() -> None:
    model = NextItemModel(_vector, settings=_SMALL)
    model.learn(_item(0))
    model.learn(_item(1))
    model.learn(_rated("a", 0, 1))
    model.end_warm()
    assert np.isfinite(_values(model)).all()


def test_a_layer_cannot_be_left_out_whole() -> None:
    every_user_part = frozenset(
        {
            "after the last",
            "after the two before",
            "after the earlier",
            "within minutes",
            "occasion",
            "taste",
            "recent texts",
            "liked texts",
        }
    )
    settings = Settings(
        kept=30, neighbours=8, dimension=6, personas=2, left_out=every_user_part | {"obscurity"}
    )
    with pytest.raises(ValueError, match="user"):
        NextItemModel(_vector, settings=settings)


def test_a_stream_that_begins_with_nobody_known_is_learned_from() -> None:
    model = NextItemModel(_vector, settings=_SMALL)
    model.end_warm()
    assert _blend(model).values.shape == (0,)
    for event in _population():
        model.learn(_item(int(event.item_id[1:])))
        model.learn(event)
    assert np.isfinite(_values(model)).all()
