"""What a user writes about, against everybody."""

import itertools

from documents_world import document
from hypothesis import given
from hypothesis import strategies as st

from lookup.writing import language_of
from profiles.documents.passages import Passage, document_passages
from profiles.documents.text_profile import (
    NO_VOCABULARY,
    TextProfile,
    Vocabulary,
    text_profile,
    vocabulary_of,
)


def written(*texts: str) -> list[Passage]:
    passages: list[Passage] = []
    for number, text in enumerate(texts):
        passages += document_passages(document("ann", f"d{number}", text), b"ann")[0]
    return passages


def profile_of(*texts: str, everybody: Vocabulary = NO_VOCABULARY) -> TextProfile:
    return text_profile(written(*texts), everybody, language_of=language_of)


EVERYBODY = vocabulary_of(
    (bytes([number]), "the beer is good and the wine is good " * 10 + " lambic" * (number < 6))
    for number in range(40)
)


def test_a_user_is_known_by_the_words_that_others_use_less() -> None:
    profile = profile_of(
        "the lambic is good and the lambic is sour",
        "lambic and gueuze and the lambic",
        everybody=EVERYBODY,
    )
    assert [one.term for one in profile.terms][:1] == ["lambic"]
    assert {"the", "and", "is", "good"}.isdisjoint(one.term for one in profile.terms)
    assert profile.terms[0].count == 4


def test_who_writes_like_everybody_is_known_by_nothing() -> None:
    text = "the beer is good and the wine is good"
    assert profile_of(*[text] * 3, everybody=EVERYBODY).terms == ()


def test_without_a_vocabulary_nothing_is_particular() -> None:
    assert profile_of("lambic lambic lambic").terms == ()


def test_words_of_few_users_are_not_named() -> None:
    texts = [(bytes([number % 4]), "secret word") for number in range(100)]
    few = vocabulary_of(texts, least_users=5)
    assert (few.counts, few.total) == ({}, 200)
    assert vocabulary_of(texts, least_users=4).counts == {"secret": 100, "word": 100}


def test_lengths_are_counted_per_document() -> None:
    profile = profile_of("one two three", "four")
    assert (profile.documents, profile.words, profile.mean_words) == (2, 4, 2.0)


def test_languages_share_the_letters() -> None:
    english = "This is a sentence about beer that everybody can read without any trouble."
    german = "Dies ist ein Satz über Bier, den alle ohne Schwierigkeiten lesen können."
    profile = profile_of(english, english, german, "ok")
    assert [one.code for one in profile.languages] == ["en", "de"]
    assert 0.5 < profile.languages[0].share < 0.75


def test_a_few_letters_tell_no_language() -> None:
    assert language_of("ok 12345 !!") is None
    assert language_of("") is None


@given(st.permutations(["lambic is sour", "the lambic is good", "beer lambic gueuze"]))
def test_the_order_of_passages_does_not_matter(texts: list[str]) -> None:
    profiles = {
        profile_of(*order, everybody=EVERYBODY)
        for order in itertools.islice(itertools.permutations(texts), 3)
    }
    assert len({(one.terms, one.words) for one in profiles}) == 1
