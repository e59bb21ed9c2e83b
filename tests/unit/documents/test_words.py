"""Words of any script, and the weights that rank passages by them."""

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.documents.words import (
    MEAN_TERMS,
    SparseVector,
    inverse_document_frequency,
    passage_words,
    query_words,
    terms_of,
)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Stouts & IPAs: 5.2%", ["stouts", "ipas", "5", "2"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("\ufb01nest \uff22eer", ["finest", "beer"]),
        ("हिन्दी में लिखा", ["हिन्दी", "में", "लिखा"]),
        ("मैं", ["मैं"]),
        ("пиво и вино", ["пиво", "и", "вино"]),
        ("日本酒", ["日本", "本酒"]),
        ("酒", ["酒"]),
        ("ビールIPA酒", ["ビー", "ール", "ipa", "酒"]),
        ("", []),
        ("… —!", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


@given(st.text())
def test_terms_of_any_text_are_words_of_bounded_length(text: str) -> None:
    terms = terms_of(text)
    assert all(1 <= len(term) <= 64 for term in terms)
    assert passage_words(text).indices == tuple(sorted(set(passage_words(text).indices)))


@given(st.lists(st.sampled_from(["hops", "malt", "yeast", "water"]), min_size=1, max_size=200))
def test_weights_are_those_of_bm25(words: list[str]) -> None:
    text = " ".join(words)
    vector = passage_words(text)
    counts = Counter(words)
    norm = 1.2 * (0.25 + 0.75 * len(words) / MEAN_TERMS)
    for word, tf in counts.items():
        (index,) = query_words(word).indices
        weight = vector.values[vector.indices.index(index)]
        assert math.isclose(weight, tf * 2.2 / (tf + norm))
        assert 0.0 < weight < 2.2


def test_a_query_counts_its_words_and_takes_64_of_them() -> None:
    twice = query_words("hops hops malt")
    assert sorted(twice.values) == [1.0, 2.0]
    assert len(query_words(" ".join(f"w{n}" for n in range(500))).indices) == 64


@given(st.integers(1, 1000), st.data())
def test_a_rarer_word_weighs_more_and_none_weighs_nothing(
    documents: int, data: st.DataObject
) -> None:
    containing = data.draw(st.integers(0, documents - 1))
    rare = inverse_document_frequency(documents, containing)
    assert rare > inverse_document_frequency(documents, containing + 1) > 0.0


@pytest.mark.parametrize(
    ("indices", "values"),
    [
        ((1,), ()),
        ((2, 1), (1.0, 1.0)),
        ((1, 1), (1.0, 1.0)),
        ((2**32,), (1.0,)),
        ((1,), (math.nan,)),
    ],
)
def test_a_malformed_vector_is_refused(indices: tuple[int, ...], values: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="sparse vector"):
        SparseVector(indices, values)
