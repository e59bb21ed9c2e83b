"""Free texts are learned from: their measures are in the state, their strength counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted_choices import learner, streamed

from profiles.choices.acts import comparisons_of
from profiles.choices.model import text_side
from profiles.choices.textkeys import measures_of_key, text_key
from profiles.choices.wording import measures
from profiles.ids import user_key
from profiles.policy import DEFAULT_POLICY
from profiles.queries import Level
from profiles.state import EMPTY_STATE
from schemas.decoded import Choice, Erasure, FastEvent, Preference

LONG = "A reason, because of this and that; moreover it has been shown before. " * 5
SHORT = "No."


def prefers(
    user: str, chosen: str, rejected: str, number: int, strength: float | None = None
) -> Preference:
    sides = Choice(text=chosen), Choice(text=rejected)
    return Preference("t", f"{user}-{number}", number, user, *sides, None, strength)


def lovers(*, of_long: bool, people: int = 40, each: int = 3) -> list[FastEvent]:
    """No text is compared twice: what is learned is about their manner."""
    events: list[FastEvent] = []
    for person in range(people):
        for turn in range(each):
            number = person * each + turn
            long, short = f"{LONG} {number}", f"{SHORT} {number}"
            pair = (long, short) if of_long else (short, long)
            events.append(prefers(f"p{person}", *pair, number))
    return events


@given(st.text(max_size=2_000))
def test_a_key_says_the_measures_of_its_text(text: str) -> None:
    key = text_key("t", text)
    assert 0 <= key < 2**64
    # Half a step of the coarsest: three bits over [0, 3].
    np.testing.assert_allclose(
        np.clip(measures_of_key(key), -4, 4), np.clip(measures("", text), -4, 4), atol=0.27
    )


def test_keys_differ_by_tenant_and_by_text() -> None:
    assert text_key("a", "bc") != text_key("ab", "c")
    assert len({text_key("t", f"text {n:03}") for n in range(1_000)}) > 980


@pytest.mark.parametrize("of_long", [True, False])
def test_texts_teach_about_texts_that_nobody_has_seen(*, of_long: bool) -> None:
    model = streamed(lovers(of_long=of_long)).learner.model()
    a, b = text_side("t", LONG + "never seen"), text_side("t", "Certainly.")
    answers = model.pair(EMPTY_STATE, a, b)
    towards = 1 if of_long else -1
    assert towards * answers[Level.GLOBAL].log_odds > 0.3
    assert towards * answers[Level.BLEND].log_odds > 0.3
    assert answers[Level.GLOBAL].variance > 0


def test_one_persons_taste_in_texts_is_theirs() -> None:
    """Everybody likes long answers but one, who has said so often."""
    events = lovers(of_long=True)
    events += [prefers("odd", f"{SHORT} odd {n}", f"{LONG} odd {n}", 1_000 + n) for n in range(20)]
    made = streamed(events)
    state = made.states.of(user_key("t", "odd"))
    a, b = text_side("t", LONG + "never seen"), text_side("t", "Certainly.")
    model = made.learner.model()
    of_odd, of_new = model.pair(state, a, b), model.pair(EMPTY_STATE, a, b)
    assert of_new[Level.GLOBAL].log_odds > 0
    assert of_odd[Level.USER].log_odds < of_new[Level.USER].log_odds - 0.2


def worth_of_length(for_long: float, for_short: float) -> float:
    """What a long text is worth beyond a short one, by as many preferences either way."""
    events: list[FastEvent] = []
    for person in range(40):
        long, short = f"{LONG} {person}", f"{SHORT} {person}"
        events.append(prefers(f"p{person}", long, short, 2 * person, for_long))
        events.append(prefers(f"q{person}", f"{short}5", f"{long}5", 2 * person + 1, for_short))
    strengths = streamed(events).learner.model().pairs.strengths
    return float((measures("", LONG) - measures("", SHORT)) @ strengths.measure_mean)


def test_stronger_preferences_weigh_more_in_what_texts_are_worth() -> None:
    even = worth_of_length(1.0, 1.0)
    assert worth_of_length(5.0, 0.5) > even + 0.5
    assert worth_of_length(0.5, 5.0) < even - 0.5


def test_texts_that_were_erased_teach_nothing_after_a_refit() -> None:
    events = lovers(of_long=True, people=8)
    made = streamed(events)
    for person in range(8):
        made.learn(Erasure("t", f"gone-{person}", 10_000, f"p{person}"))
    made.learner.refit()
    never = learner()
    never.refit()
    a, b = text_side("t", LONG), text_side("t", SHORT)
    assert made.learner.model().pair(EMPTY_STATE, a, b) == never.model().pair(EMPTY_STATE, a, b)


def test_a_text_is_told_from_an_item_of_the_same_name() -> None:
    events: list[FastEvent] = [
        Preference("t", "e", 1, "u", Choice(item_id="same"), Choice(text="same"))
    ]
    state = streamed(events).states.of(user_key("t", "u"))
    made = comparisons_of(state, DEFAULT_POLICY)
    assert made.chosen.tolist() != made.rejected.tolist()
    assert made.texts == frozenset(made.rejected.tolist())
