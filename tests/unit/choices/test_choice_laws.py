import math
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from planted_choices import OPTIONS, agreeing, attributes, camps, item, prefer, vote

from profiles.choices.layers import ChoiceAnswer
from profiles.choices.pair_layers import PairOptions
from profiles.choices.predictor import ChoiceModel
from profiles.queries import ChoiceQuery, Level, PairQuery, SignQuery
from schemas.decoded import Choice, Consent, Document, Erasure, FastEvent, Identity


def model(events: Iterable[FastEvent] = (), *, warm: bool = False) -> ChoiceModel:
    made = ChoiceModel(signs=OPTIONS, pairs=PairOptions(parts=3, calibration=2_000))
    for event in events:
        made.learn(event)
    if warm:
        made.end_warm()
    return made


def sign(user: str, item_id: str) -> SignQuery:
    return SignQuery(user_id=user, item_id=item_id, action="vote", occurred_at_ms=0)


def pair(user: str, a: str, b: str) -> PairQuery:
    return PairQuery(
        user_id=user,
        a=Choice(item_id=a),
        b=Choice(item_id=b),
        prompt=None,
        occurred_at_ms=0,
    )


users = st.sampled_from(["u0", "u1", "u2"])
items = st.sampled_from(["i0", "i1", "i2", "i3"])
votes = st.builds(vote, users, items, st.sampled_from([-1.0, 0.0, 1.0]))
preferences = st.builds(prefer, users, items, items)
told = st.builds(lambda user, job: attributes(user, job=job), users, st.sampled_from("abc"))
described = st.builds(item, items, st.text(max_size=30))
histories = st.lists(st.one_of(votes, preferences, told, described), max_size=25)


@settings(max_examples=40, deadline=None)
@given(histories, st.booleans())
def test_every_answer_is_finite_with_evidence_and_uncertainty(
    history: list[FastEvent],
    warm: bool,  # noqa: FBT001 - drawn by Hypothesis
) -> None:
    made = model(history, warm=warm)
    queries: list[ChoiceQuery] = [
        sign("u0", "i0"),
        sign("x", "y"),
        pair("u1", "i0", "i1"),
        pair("x", "y", "z"),
    ]
    for query in queries:
        answers = made.answer(query)
        assert set(answers) == set(Level)
        for answer in answers.values():
            assert math.isfinite(answer.log_odds)
            assert 0.0 < answer.probability < 1.0
            assert answer.effective_sample_size >= 0.0
            assert answer.variance >= 0.0


@settings(max_examples=40, deadline=None)
@given(histories, users, items, items)
def test_swapping_the_sides_changes_the_sign_only(
    history: list[FastEvent], user: str, a: str, b: str
) -> None:
    made = model(history)
    forth, back = made.predict(pair(user, a, b)), made.predict(pair(user, b, a))
    for level in Level:
        assert forth[level] == pytest.approx(-back[level], abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(histories, users, items)
def test_asking_changes_no_answer(history: list[FastEvent], user: str, what: str) -> None:
    quiet, asked = model(), model()
    for event in history:
        asked.predict(sign(user, what))
        asked.predict(pair(user, what, "i0"))
        quiet.learn(event)
        asked.learn(event)
    assert quiet.predict(sign(user, what)) == asked.predict(sign(user, what))
    assert quiet.predict(pair(user, what, "i0")) == asked.predict(pair(user, what, "i0"))


def test_the_same_events_give_the_same_answers_bit_for_bit() -> None:
    events = camps(users=20, items=10, votes=8, seed=1)
    first, second = model(events, warm=True), model(events, warm=True)
    for what in range(10):
        assert first.predict(sign("u1", f"i{what}")) == second.predict(sign("u1", f"i{what}"))


def test_what_comes_later_changes_no_earlier_answer() -> None:
    events = camps(users=20, items=10, votes=8, seed=2)
    half = len(events) // 2

    def answers(after: list[FastEvent]) -> list[dict[Level, float]]:
        made = model(events[:half], warm=True)
        shown = []
        for event in after:
            shown.append(dict(made.predict(sign("u3", "i4"))))
            made.learn(event)
        return shown

    whole = answers(list(events[half:]))
    assert answers(list(events[half : half + 20])) == whole[:20]


def test_a_vote_moves_the_item_and_the_voter_towards_it() -> None:
    made = model(agreeing(users=30, items=6, votes=8, seed=3), warm=True)
    before = made.predict(sign("new", "i0"))
    for _ in range(5):
        made.learn(vote(f"other{_}", "i0", 1.0))
    after = made.predict(sign("new", "i0"))
    assert after[Level.GLOBAL] > before[Level.GLOBAL]


def test_a_win_moves_the_winner_up() -> None:
    made = model()
    before = made.predict(pair("x", "a", "b"))[Level.BLEND]
    made.learn(prefer("u", "a", "b"))
    assert before == 0.0
    assert made.predict(pair("x", "a", "b"))[Level.BLEND] > 0.0
    assert made.predict(pair("x", "b", "a"))[Level.BLEND] < 0.0


@pytest.mark.parametrize("warm", [False, True])
def test_without_evidence_of_the_user_every_level_answers_as_the_global_one(
    warm: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    made = model(camps(users=20, items=10, votes=8, seed=4), warm=warm)
    answers = made.predict(sign("nobody", "i1"))
    assert len(set(answers.values())) == 1


def test_a_stranger_among_pairs_is_answered_by_the_global_level() -> None:
    events = [prefer(f"u{n % 9}", "a", "b" if n % 2 else "c", n) for n in range(60)]
    answers = model(events, warm=True).predict(pair("nobody", "a", "b"))
    assert len(set(answers.values())) == 1
    assert answers[Level.GLOBAL] > 0.0


def test_evidence_of_a_user_is_counted() -> None:
    made = model(camps(users=20, items=10, votes=8, seed=5), warm=True)
    made.learn(vote("new", "i1", 1.0))
    made.learn(vote("new", "i2", 1.0))
    answers = made.answer(sign("new", "i3"))
    assert answers[Level.USER].effective_sample_size == 2.0


def test_a_second_vote_supersedes_the_first() -> None:
    once, twice = model(), model()
    once.learn(vote("u", "a", 1.0))
    twice.learn(vote("u", "a", -1.0))
    twice.learn(vote("u", "a", 1.0))
    of_once: ChoiceAnswer = once.answer(sign("x", "a"))[Level.GLOBAL]
    of_twice: ChoiceAnswer = twice.answer(sign("x", "a"))[Level.GLOBAL]
    assert of_once.effective_sample_size == of_twice.effective_sample_size == 1.0


def test_zeros_are_folded_but_no_evidence_about_the_rate() -> None:
    made = model([vote(f"u{n}", "a", 0.0, n) for n in range(20)])
    assert made.answer(sign("x", "a"))[Level.GLOBAL].effective_sample_size == 0.0


def test_documents_change_nothing() -> None:
    events = camps(users=10, items=6, votes=6, seed=6)
    told_why = model(events)
    told_why.learn(Document("t", "d", 0, "u1", "d1", "because i2 is bad", about=("i2",)))
    assert told_why.predict(sign("u1", "i2")) == model(events).predict(sign("u1", "i2"))


def test_an_erased_user_after_a_refit_equals_one_who_never_was() -> None:
    events = camps(users=20, items=10, votes=8, seed=7)
    erased = model(events)
    erased.learn(Erasure("t", "e", 0, "u3"))
    erased.end_warm()
    never = model([event for event in events if event.user_id != "u3"], warm=True)
    for who in ("u3", "u4"):
        assert erased.predict(sign(who, "i1")) == never.predict(sign(who, "i1"))


def test_withdrawn_consent_forgets_votes_and_leaves_comparisons() -> None:
    made = model([*camps(users=10, items=6, votes=6, seed=8), prefer("u1", "i1", "i2")])
    made.learn(Consent("t", "c", 0, "u1", "interactions", granted=False))
    assert made.answer(sign("u1", "i1"))[Level.USER].effective_sample_size == 0.0
    assert made.answer(pair("u1", "i1", "i2"))[Level.USER].effective_sample_size == 1.0


def test_an_identity_joins_the_votes_of_both() -> None:
    made = model([vote("u", "a", 1.0), vote("anonymous", "b", 1.0), prefer("anonymous", "a", "b")])
    made.learn(Identity("t", "s", 0, "u", "anonymous"))
    assert made.answer(sign("u", "c"))[Level.USER].effective_sample_size == 2.0
    assert made.answer(sign("anonymous", "c"))[Level.USER].effective_sample_size == 0.0
    assert made.answer(pair("u", "a", "b"))[Level.USER].effective_sample_size == 1.0


def test_free_texts_are_compared_by_what_they_measure() -> None:
    long, short = "A long reason, because of this and that and more. " * 6, "No."
    events = []
    for n in range(80):
        a = Choice(text=f"{long} {n}")
        b = Choice(text=f"{short} {n}")
        events.append(prefer(f"u{n}", "x", "y", n).__class__("t", f"p{n}", n, f"u{n}", a, b))
    made = model(events, warm=True)
    query = PairQuery(
        user_id="new",
        a=Choice(text="B" * 10 + long),
        b=Choice(text="Yes."),
        prompt=None,
        occurred_at_ms=0,
    )
    assert made.predict(query)[Level.GLOBAL] > 0.5
