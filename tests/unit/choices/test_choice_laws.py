import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_choices import (
    agreeing,
    attributes,
    camps,
    item,
    learner,
    pair,
    prefer,
    sign,
    streamed,
    vote,
)

from evaluation.nextitem import StoredStates
from profiles.choices.acts import Signed, comparisons_of, votes_of
from profiles.choices.model import ChoiceModel, text_side
from profiles.choices.pair_tables import Side
from profiles.ids import item_key, user_key
from profiles.learning import KnownItem
from profiles.nextitem.packing import BlobFormatError
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import (
    Choice,
    Consent,
    Document,
    Erasure,
    FastEvent,
    Identity,
    Item,
    ItemRetired,
    Preference,
)

users = st.sampled_from(["u0", "u1", "u2"])
items = st.sampled_from(["i0", "i1", "i2", "i3"])
times = st.integers(0, 50)
votes = st.builds(vote, users, items, st.sampled_from([-1.0, 0.0, 1.0]), times)
preferences = st.builds(prefer, users, items, items, times)
told = st.builds(lambda user, job: attributes(user, job=job), users, st.sampled_from("abc"))
described = st.builds(item, items, st.text(max_size=30))
histories = st.lists(st.one_of(votes, preferences, told, described), max_size=20)


def states(events: list[FastEvent]) -> dict[bytes, UserState]:
    stored = StoredStates(DEFAULT_POLICY)
    keys = {stored.add(event) for event in events if not isinstance(event, Item | ItemRetired)}
    return {key: stored.of(key) for key in keys}


def key(name: str) -> int:
    return item_key("t", name)


def fitted(events: list[FastEvent], *, refit: bool = True) -> ChoiceModel:
    made = learner()
    for user, state in states(events).items():
        made.fold(user, state)
    if refit:
        made.refit()
    return made.model()


@settings(max_examples=20, deadline=None)
@given(histories, st.booleans())
def test_every_answer_is_finite_with_evidence_and_uncertainty(
    history: list[FastEvent],
    refit: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    made = fitted(history, refit=refit)
    for state in (*states(history).values(), EMPTY_STATE):
        answers = [made.sign(state, key(name)) for name in ("i0", "unheard of")]
        answers += [made.pair(state, Side(key("i0")), Side(key(name))) for name in ("i1", "none")]
        for levels in answers:
            assert set(levels) == set(Level)
            for answer in levels.values():
                assert math.isfinite(answer.log_odds)
                assert 0.0 < answer.probability < 1.0
                assert answer.effective_sample_size >= 0.0
                assert answer.variance >= 0.0


@settings(max_examples=20, deadline=None)
@given(histories, items, items)
def test_swapping_the_sides_changes_the_sign_only(history: list[FastEvent], a: str, b: str) -> None:
    made = fitted(history)
    for state in states(history).values():
        forth = made.pair(state, Side(key(a)), Side(key(b)))
        back = made.pair(state, Side(key(b)), Side(key(a)))
        for level in Level:
            assert forth[level].log_odds == pytest.approx(-back[level].log_odds, abs=1e-9)


@settings(max_examples=15, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_a_refitted_model_is_a_function_of_what_is_stored(
    history: list[FastEvent], chance: object
) -> None:
    stored = list(states(history).items())
    first, second = learner(), learner()
    for user, state in stored:
        first.fold(user, state)
    getattr(chance, "shuffle")(stored)  # noqa: B009 - Hypothesis' Random has no type here
    for user, state in stored:
        second.fold(user, EMPTY_STATE)
        second.fold(user, state)
        second.model()
    first.refit()
    second.refit()
    assert first.model().to_bytes() == second.model().to_bytes()


def test_a_model_comes_back_from_bytes_with_the_same_answers() -> None:
    events: list[FastEvent] = [*camps(users=20, items=10, votes=8, seed=1), attributes("u1", a="b")]
    events += [prefer(f"u{n % 5}", f"i{n % 4}", f"i{n % 4 + 1}", n) for n in range(40)]
    made = fitted(events)
    read = ChoiceModel.from_bytes(made.to_bytes(), policy=DEFAULT_POLICY)
    assert read.to_bytes() == made.to_bytes()
    for state in states(events).values():
        for name in ("i0", "i3", "unheard of"):
            assert read.sign(state, key(name)) == made.sign(state, key(name))
            side = Side(key(name))
            assert read.pair(state, side, Side(key("i1"))) == made.pair(
                state, side, Side(key("i1"))
            )


@pytest.mark.parametrize("encoded", [b"", b"nonsense", b"strata-arrays-1\n" + b"\0" * 8])
def test_other_bytes_are_no_model(encoded: bytes) -> None:
    with pytest.raises(BlobFormatError):
        ChoiceModel.from_bytes(encoded, policy=DEFAULT_POLICY)


def test_a_published_model_does_not_change_when_the_learner_goes_on() -> None:
    events = camps(users=20, items=10, votes=8, seed=2)
    made = learner()
    for user, state in states(list(events)).items():
        made.fold(user, state)
    made.refit()
    published = made.model()
    before = published.to_bytes()
    for user, state in states([vote(f"n{n}", "i0", 1.0, n) for n in range(9)]).items():
        made.fold(user, state)
    assert made.model().to_bytes() != before
    assert published.to_bytes() == before


def test_what_comes_later_changes_no_earlier_answer() -> None:
    events = camps(users=20, items=10, votes=8, seed=2)
    half = len(events) // 2

    def answers(count: int) -> list[dict[Level, float]]:
        made = streamed(events[:half])
        shown = []
        for event in events[half : half + count]:
            shown.append(dict(made.predict(sign("u3", "i4"))))
            made.learn(event)
        return shown

    assert answers(20) == answers(len(events))[:20]


def test_a_vote_moves_the_item_towards_it() -> None:
    made = streamed(agreeing(users=30, items=6, votes=8, seed=3))
    before = made.predict(sign("new", "i0"))
    for n in range(5):
        made.learn(vote(f"other{n}", "i0", 1.0))
    assert made.predict(sign("new", "i0"))[Level.GLOBAL] > before[Level.GLOBAL]


def test_a_win_moves_the_winner_up() -> None:
    made = streamed([], warm=False)
    before = made.predict(pair("x", "a", "b"))[Level.BLEND]
    made.learn(prefer("u", "a", "b"))
    assert before == 0.0
    assert made.predict(pair("x", "a", "b"))[Level.BLEND] > 0.0
    assert made.predict(pair("x", "b", "a"))[Level.BLEND] < 0.0


def test_without_evidence_of_the_user_every_level_answers_as_the_global_one() -> None:
    answers = streamed(camps(users=20, items=10, votes=8, seed=4)).predict(sign("nobody", "i1"))
    assert len(set(answers.values())) == 1


def test_a_stranger_among_pairs_is_answered_by_the_global_level() -> None:
    events = [prefer(f"u{n % 9}", "a", "b" if n % 2 else "c", n) for n in range(60)]
    answers = streamed(events).predict(pair("nobody", "a", "b"))
    assert len(set(answers.values())) == 1
    assert answers[Level.GLOBAL] > 0.0


def test_evidence_of_a_user_is_counted_and_a_second_vote_supersedes() -> None:
    made = fitted(list(camps(users=20, items=10, votes=8, seed=5)))
    mine: list[FastEvent] = [vote("n", "i1", 1.0, 1), vote("n", "i2", 1.0, 2)]
    again: list[FastEvent] = [*mine, vote("n", "i2", -1.0, 3)]
    for events in (mine, again):
        (state,) = states(events).values()
        assert made.sign(state, key("i3"))[Level.USER].effective_sample_size == 2.0


def test_a_superseded_vote_leaves_the_count() -> None:
    made = streamed([], warm=False)
    made.learn(vote("u", "a", -1.0, 1))
    made.learn(vote("u", "a", 1.0, 2))
    signs = made.learner.current().signs
    row = signs.row_of[key("a")]
    assert (signs.ayes[row], signs.votes[row]) == (1.0, 1.0)


def test_zeros_are_folded_but_no_evidence_about_the_rate() -> None:
    made = fitted([vote(f"u{n}", "a", 0.0, n) for n in range(20)])
    assert made.sign(EMPTY_STATE, key("a"))[Level.GLOBAL].effective_sample_size == 0.0


def test_documents_change_nothing() -> None:
    events = camps(users=10, items=6, votes=6, seed=6)
    told_why = streamed([*events, Document("t", "d", 9_999, "u1", "d1", "because", about=("i2",))])
    assert told_why.predict(sign("u1", "i2")) == streamed(events).predict(sign("u1", "i2"))


def test_an_erased_user_after_a_refit_equals_one_who_never_was() -> None:
    events = camps(users=20, items=10, votes=8, seed=7)
    erased = streamed([*events, Erasure("t", "e", 9_999, "u3")])
    never = streamed([event for event in events if event.user_id != "u3"])
    for who in ("u3", "u4"):
        assert erased.predict(sign(who, "i1")) == never.predict(sign(who, "i1"))


def test_withdrawn_consent_forgets_votes_and_leaves_comparisons() -> None:
    events: list[FastEvent] = [vote("u", "i1", 1.0), prefer("u", "i1", "i2")]
    events.append(Consent("t", "c", 9_999, "u", "interactions", granted=False))
    made = streamed(events, warm=False).learner.current()
    (state,) = states(events).values()
    assert made.sign(state, key("i3"))[Level.USER].effective_sample_size == 0.0
    assert made.pair(state, Side(key("i1")), Side(key("i2")))[Level.USER].effective_sample_size == 1
    assert made.signs.votes[made.signs.row_of[key("i1")]] == 0.0


def test_an_identity_joins_the_votes_of_both() -> None:
    made = streamed([vote("u", "a", 1.0), vote("anonymous", "b", 1.0)], warm=False)
    made.learn(Identity("t", "s", 9, "u", "anonymous"))
    signs = made.learner.current().signs
    assert [signs.votes[signs.row_of[key(name)]] for name in "ab"] == [1.0, 1.0]
    state = made.states.of(user_key("t", "u"))
    assert len(votes_of(state, Signed(DEFAULT_POLICY))) == 2


def test_a_preference_is_one_comparison_whichever_side_sorts_first() -> None:
    for chosen, rejected in (("a", "b"), ("b", "a")):
        events: list[FastEvent] = [prefer("u", chosen, rejected, n) for n in range(3)]
        events.append(
            Preference("t", "s", 7, "u", Choice(item_id="c"), Choice(text="d"), None, 2.0)
        )
        (state,) = states(events).values()
        made = comparisons_of(state, DEFAULT_POLICY)
        assert made.chosen.tolist() == [*([key(chosen)] * 3), key("c")]
        assert made.rejected.tolist() == [*([key(rejected)] * 3), text_side("t", "d").key]
        np.testing.assert_allclose(made.weights, [1, 1, 1, 2])


def test_free_texts_are_compared_by_what_items_taught_about_texts() -> None:
    made = learner()
    long, short = "A long reason, because of this and that and more. " * 6, "No."
    events: list[FastEvent] = []
    for n in range(80):
        for name, text in ((f"long{n}", long + str(n)), (f"short{n}", short + str(n))):
            made.put_item(KnownItem(key=key(name), item_id=name, text=text))
        events.append(prefer(f"u{n}", f"long{n}", f"short{n}", n))
    for user, state in states(events).items():
        made.fold(user, state)
    made.refit()
    a, b = text_side("t", "B" * 10 + long), text_side("t", "Yes.")
    assert made.model().pair(EMPTY_STATE, a, b)[Level.GLOBAL].log_odds > 0.5


def test_users_outside_the_sample_teach_nothing() -> None:
    from profiles.choices.learner import ChoiceLearner

    stored = states(list(camps(users=20, items=10, votes=8, seed=9)))
    few = ChoiceLearner(policy=DEFAULT_POLICY, sampled_users=5)
    for user, state in stored.items():
        few.fold(user, state)
    few.refit()
    kept = learner()
    for user in sorted(stored)[:5]:
        kept.fold(user, stored[user])
    kept.refit()
    signs, others = few.model().signs, kept.model().signs
    assert signs.keys == others.keys
    np.testing.assert_array_equal(signs.votes, others.votes)
