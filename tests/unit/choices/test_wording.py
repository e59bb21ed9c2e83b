from hypothesis import given
from hypothesis import strategies as st

from profiles.choices.wording import CONSTANT, wording


def _as_dict(text: str) -> dict[int, float]:
    found = wording(text, ())
    return dict(zip(found.places.tolist(), found.values.tolist(), strict=True))


def test_a_blank_text_is_the_constant_alone() -> None:
    assert _as_dict("") == _as_dict(" \n") == {CONSTANT: 1.0}


def test_signs_tell_texts_of_equal_words_apart() -> None:
    assert _as_dict("well done 🙂") != _as_dict("well done 🙄")
    assert _as_dict("well done.") != _as_dict("well done...")


def test_it_matters_which_voice_says_what() -> None:
    first, second = _as_dict("yes it is\n> no way"), _as_dict("no way\n> yes it is")
    assert first.keys() != second.keys()
    # What is said at all is the same.
    assert len(first.keys() & second.keys()) > len(first) / 4


@given(st.text(max_size=200))
def test_any_text_has_finite_wording_at_distinct_places(text: str) -> None:
    found = wording(text, ("lang=en",))
    assert len(set(found.places.tolist())) == len(found.places)
    assert all(abs(value) < 100 for value in found.values.tolist())
