"""The learner and its models as their callers see them."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from nextitem_world import (
    SMALL,
    key_of,
    known_item,
    learner,
    population,
    rated,
    state_of,
    states_of,
)

from profiles.ids import user_key
from profiles.nextitem.histories import about_items, history_of
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.model import NextItemModel, RankedLevels
from profiles.nextitem.packing import BlobFormatError
from profiles.nextitem.sample import Sample
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Choice, Consent, Erasure, Interaction, Preference

_NOW_MS = 10**6
_OWN = [rated("u", number, 500 + 10 * number) for number in (1, 3, 5, 7)]
_ME = user_key("default", "u")


def _by_number(answer: RankedLevels, level: Level) -> npt.NDArray[np.float32]:
    """Scores of items 0 … 19."""
    place = {key: row for row, key in enumerate(answer.items)}
    return answer.scores[level][[place[key_of(number)] for number in range(20)]]


def _values(model: NextItemModel, state: UserState) -> bytes:
    answer = model.answer(state, _NOW_MS)
    return b"".join(_by_number(answer, level).tobytes() for level in Level)


def test_a_taste_shows_in_every_level_but_the_global_one() -> None:
    model = learner().model()
    answer, empty = model.answer(state_of(_OWN), _NOW_MS), model.answer(EMPTY_STATE, _NOW_MS)
    low, high = [0, 2, 4, 6, 8, 9], list(range(10, 20))
    for level in (Level.PERSONA, Level.USER, Level.BLEND):
        scores = _by_number(answer, level)
        assert scores[low].mean() > scores[high].mean()
    moved = np.abs(_by_number(answer, Level.GLOBAL) - _by_number(empty, Level.GLOBAL)).max()
    assert moved < np.abs(_by_number(answer, Level.BLEND) - _by_number(empty, Level.BLEND)).max()


def test_the_user_level_says_nothing_of_a_new_user() -> None:
    answer = learner().model().answer(EMPTY_STATE, _NOW_MS)
    assert np.unique(answer.scores[Level.USER]).tolist() == [0.0]
    assert answer.shares[Level.USER] == 0.0
    assert answer.effective_sample_size[Level.USER] == 0.0


def test_an_answer_says_what_it_rests_on() -> None:
    model = learner().model()
    answer = model.answer(state_of(_OWN), _NOW_MS)
    assert sum(answer.shares.values()) == pytest.approx(1.0)
    assert answer.shares[Level.USER] > 0.0
    assert 1.0 < answer.effective_sample_size[Level.USER] <= 4.0
    assert answer.effective_sample_size[Level.GLOBAL] == len(population())


def test_answering_changes_nothing_and_depends_on_the_state_alone() -> None:
    model = learner().model()
    before = _values(model, state_of(_OWN))
    model.answer(state_of(_OWN[:2]), 3)
    assert _values(model, state_of(_OWN)) == before
    assert _values(model, state_of(list(reversed(_OWN)))) == before


def test_what_a_refit_learns_does_not_depend_on_the_order_of_arrival() -> None:
    states = list(states_of(population()).items())
    shuffled = NextItemLearner(policy=DEFAULT_POLICY, settings=SMALL, seed=0)
    for key, state in reversed(states):
        shuffled.fold(key, state)
    for number in reversed(range(20)):
        shuffled.put_item(known_item(number))
    shuffled.refit()
    assert shuffled.model().to_bytes() == learner().model().to_bytes()


def test_acts_given_one_by_one_are_learned_as_when_given_at_once() -> None:
    at_once, one_by_one = learner(), learner()
    assert at_once.fold(_ME, state_of(_OWN)) == 4
    for count in range(1, 5):
        assert one_by_one.fold(_ME, state_of(_OWN[:count])) == 1
        one_by_one.current()
    assert one_by_one.fold(_ME, state_of(_OWN)) == 0
    other = state_of([rated("v", 2, 400)])
    assert _values(at_once.model(), other) == _values(one_by_one.model(), other)
    assert _values(at_once.model(), other) != _values(learner().model(), other)


def test_a_published_model_is_left_alone_by_later_learning() -> None:
    teaching = learner()
    published = teaching.model()
    before = published.to_bytes()
    teaching.fold(_ME, state_of(_OWN))
    teaching.put_item(replace(known_item(3), retired=True))
    teaching.refit()
    assert published.to_bytes() == before
    assert teaching.model().to_bytes() != before


def test_a_model_survives_being_written_and_read() -> None:
    model = learner().model()
    again = NextItemModel.from_bytes(model.to_bytes(), policy=DEFAULT_POLICY)
    assert again.to_bytes() == model.to_bytes()
    assert _values(again, state_of(_OWN)) == _values(model, state_of(_OWN))


def test_other_bytes_are_refused() -> None:
    whole = learner().model().to_bytes()
    for broken in (b"", b"pickle", whole[:-3], whole + b"x", whole[:40]):
        with pytest.raises(BlobFormatError):
            NextItemModel.from_bytes(broken, policy=DEFAULT_POLICY)


def test_who_is_erased_withdraws_or_is_forgotten_was_never_there_after_a_refit() -> None:
    never = learner().model().to_bytes()
    for gone in (
        Erasure("default", "gone", 10**9, "u"),
        Consent("default", "no", 10**9, "u", "interactions", granted=False),
    ):
        teaching = learner(refit=False)
        teaching.fold(_ME, state_of(_OWN))
        teaching.fold(_ME, state_of([gone], state_of(_OWN)))
        teaching.refit()
        assert teaching.model().to_bytes() == never
    teaching = learner(refit=False)
    teaching.fold(_ME, state_of(_OWN))
    teaching.forget(_ME)
    teaching.refit()
    assert teaching.model().to_bytes() == never


def test_choosing_teaches_what_liking_does() -> None:
    pairs = [(1, 11), (3, 13), (5, 15)]
    choices = [
        Preference(
            "default", f"p{a}", 500_000 + a, "u", Choice(item_id=f"i{a}"), Choice(item_id=f"i{b}")
        )
        for a, b in pairs
    ]
    persona = _by_number(learner().model().answer(state_of(choices), _NOW_MS), Level.PERSONA)
    assert persona[[0, 2, 4]].mean() > persona[[10, 12, 14]].mean()


def test_the_latest_of_two_ratings_counts() -> None:
    rows = about_items(state_of([rated("u", 1, 5, 5.0), rated("u", 1, 6, 1.0)]))
    history = history_of(rows, {key_of(1): 0}, DEFAULT_POLICY)
    assert (history.row.tolist(), history.liked.tolist()) == ([0], [False])


def test_an_act_is_liked_as_in_the_evaluation() -> None:
    events = [
        Interaction("default", "a", 1, "u", "i1", "rate", 4.0),
        Interaction("default", "b", 2, "u", "i2", "rate", 3.5),
        Interaction("default", "c", 3, "u", "i3", "buy", None),
        Interaction("default", "d", 4, "u", "i4", "hide", None),
        Interaction("default", "e", 5, "u", "i5", "rate", 0.0),
    ]
    rows = about_items(state_of(events))
    row_of = {key_of(number): number for number in range(20)}
    assert history_of(rows, row_of, DEFAULT_POLICY).liked.tolist() == [
        True,
        False,
        True,
        False,
        False,
    ]


def test_an_item_that_comes_later_has_a_score_at_once_and_a_retired_one_none() -> None:
    teaching = learner()
    teaching.put_item(known_item(20))
    teaching.put_item(replace(known_item(3), retired=True))
    answer = teaching.model().answer(state_of(_OWN), _NOW_MS)
    blend = dict(zip(answer.items, answer.scores[Level.BLEND].tolist(), strict=True))
    assert np.isfinite(blend[key_of(20)])
    assert blend[key_of(3)] == -np.inf


def test_a_model_has_a_bounded_number_of_items() -> None:
    teaching = learner(settings=replace(SMALL, most_items=12))
    teaching.put_item(known_item(25))
    teaching.fold(_ME, state_of([rated("u", 26, 600)]))
    model = teaching.model()
    assert len(model.items) == 12
    counts = dict.fromkeys(model.items, 0)
    for event in population():
        counts[key_of(int(event.item_id[1:]))] = counts.get(key_of(int(event.item_id[1:])), 0) + 1
    kept = [counts[key] for key in model.items]
    assert min(kept) >= max(count for key, count in counts.items() if key not in set(model.items))


def test_nobody_outside_the_sample_is_learned_from() -> None:
    keys = sorted(states_of(population()))
    few = replace(SMALL, sampled_users=5)
    whole = learner(settings=few)
    part = NextItemLearner(policy=DEFAULT_POLICY, settings=few, seed=0)
    for number in range(20):
        part.put_item(known_item(number))
    for key in keys[:5]:
        part.fold(key, states_of(population())[key])
    part.refit()
    assert whole.model().to_bytes() == part.model().to_bytes()


def test_the_sample_is_the_smallest_keys_whatever_their_order() -> None:
    keys = [number.to_bytes(16) for number in np.random.default_rng(0).permutation(50).tolist()]
    sample = Sample(10)
    held: set[bytes] = set()
    for key in keys:
        if sample.admits(key):
            gone = sample.add(key)
            held.add(key)
            held.discard(gone or b"")
    assert held == set(sorted(keys)[:10])


def test_a_population_too_small_to_fit_still_answers() -> None:
    teaching = NextItemLearner(policy=DEFAULT_POLICY, settings=SMALL, seed=0)
    assert teaching.model().answer(EMPTY_STATE, 0).scores[Level.BLEND].shape == (0,)
    teaching.put_item(known_item(0))
    teaching.put_item(known_item(1))
    teaching.fold(_ME, state_of([rated("u", 0, 1)]))
    teaching.refit()
    answer = teaching.model().answer(state_of([rated("u", 0, 1)]), _NOW_MS)
    assert all(np.isfinite(scores).all() for scores in answer.scores.values())


def test_a_stream_that_begins_with_nobody_known_is_learned_from() -> None:
    teaching = NextItemLearner(policy=DEFAULT_POLICY, settings=SMALL, seed=0)
    events = population()
    sizes = []
    for place, event in enumerate(events):
        own = [one for one in events[: place + 1] if one.user_id == event.user_id]
        teaching.fold(user_key("default", event.user_id), state_of(own))
        if teaching.refit_due:
            teaching.refit()
            sizes.append(place + 1)
    assert np.isfinite(teaching.model().answer(state_of(_OWN), _NOW_MS).scores[Level.BLEND]).all()
    assert len(sizes) < 12
    assert all(later > 1.5 * earlier for earlier, later in pairwise(sizes))


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
            "obscurity",
            "after the liked ones",
            "direction of taste",
            "near the last",
            "oftener than usual",
        }
    )
    for left_out, named in ((every_user_part, "user"), (frozenset({"nothing"}), "nothing")):
        with pytest.raises(ValueError, match=named):
            NextItemLearner(
                policy=DEFAULT_POLICY, settings=replace(SMALL, left_out=left_out), seed=0
            )
