"""Fusion, decay and diversity."""

import math

import pytest
from documents_world import NOON_MS, document, passages_of, unit
from hypothesis import given
from hypothesis import strategies as st

from profiles.documents.hybrid import Choosing, choose_passages, fused, most_diverse
from profiles.documents.passages import Rankings, ScoredPassage
from profiles.ports import Vector

EAST, NORTH, NEAR_EAST = unit(1, 0, 0, 0), unit(0, 1, 0, 0), unit(1, 0.1, 0, 0)


def hit(name: str, vector: Vector = EAST, *, at_ms: int = NOON_MS) -> ScoredPassage:
    return ScoredPassage(passages_of(document("ann", name, name, at_ms=at_ms)).head, vector, 1.0)


def names(rankings: Rankings, choosing: Choosing) -> list[str]:
    return [found.passage.document_id for found in choose_passages(rankings, choosing)]


def test_ranks_are_fused_by_reciprocals() -> None:
    rankings = Rankings([hit("a"), hit("b")], [hit("b"), hit("c")])
    by_name = {found.passage.document_id: found for _, found in fused(rankings)}
    best = 2 / 61
    assert by_name["a"].score == pytest.approx((1 / 61) / best)
    assert by_name["b"].score == pytest.approx((1 / 62 + 1 / 61) / best)
    assert by_name["c"].score == pytest.approx((1 / 62) / best)
    assert (by_name["b"].by_meaning, by_name["b"].by_words) == (2, 1)
    assert (by_name["a"].by_meaning, by_name["a"].by_words) == (1, None)
    assert [found.passage.document_id for _, found in fused(rankings)] == ["b", "a", "c"]


def test_the_first_of_the_only_ranking_scores_one() -> None:
    (first, *_) = choose_passages(Rankings([], [hit("a"), hit("b")]))
    assert first.score == pytest.approx(1.0)


def test_a_score_halves_with_each_half_life() -> None:
    rankings = Rankings([hit("old", at_ms=NOON_MS - 3_000), hit("new")], [])
    choosing = Choosing(half_life_s=1.0, diversity=0.0)
    by_name = {one.passage.document_id: one for one in choose_passages(rankings, choosing)}
    assert by_name["old"].score == pytest.approx(1.0 / 8)
    assert by_name["new"].score == pytest.approx(61 / 62)
    assert names(rankings, choosing) == ["new", "old"]
    assert names(rankings, Choosing(diversity=0.0)) == ["old", "new"]
    aged = choose_passages(rankings, choosing, newest_ms=NOON_MS + 1_000)
    assert aged[0].score == pytest.approx(61 / 62 / 2)


def test_the_oldest_of_documents_does_not_overflow() -> None:
    rankings = Rankings([hit("old", at_ms=0), hit("new")], [])
    assert names(rankings, Choosing(half_life_s=1e-9, diversity=0.0)) == ["new", "old"]


def test_diversity_passes_over_what_says_the_same() -> None:
    rankings = Rankings([hit("a", EAST), hit("a2", NEAR_EAST), hit("b", NORTH)], [])
    assert names(rankings, Choosing(limit=2, diversity=0.0)) == ["a", "a2"]
    assert names(rankings, Choosing(limit=2, diversity=0.5)) == ["a", "b"]


_units = (
    st.lists(st.integers(-3, 3), min_size=4, max_size=4)
    .filter(any)
    .map(lambda numbers: unit(*numbers))
)


@given(
    st.lists(st.tuples(st.floats(0, 1), _units), max_size=12),
    st.integers(1, 12),
    st.floats(0, 1),
)
def test_each_choice_has_the_greatest_marginal_relevance(
    items: list[tuple[float, Vector]], limit: int, diversity: float
) -> None:
    scores = [score for score, _ in items]
    vectors = [vector for _, vector in items]
    chosen = most_diverse(scores, vectors, limit=limit, diversity=diversity)
    assert len(chosen) == len(set(chosen)) == min(limit, len(items))
    greatest = max(scores, default=0.0) or 1.0

    def marginal(index: int, before: list[int]) -> float:
        nearest = max((float(vectors[index] @ vectors[one]) for one in before), default=0.0)
        return (1 - diversity) * scores[index] / greatest - (diversity * nearest if before else 0)

    for place, index in enumerate(chosen):
        left = set(range(len(items))) - set(chosen[:place])
        best = max(marginal(one, chosen[:place]) for one in left)
        assert math.isclose(marginal(index, chosen[:place]), best, abs_tol=1e-5)


@pytest.mark.parametrize(
    ("limit", "diversity", "half_life_s"),
    [(0, 0.0, None), (1, 1.1, None), (1, math.nan, None), (1, 0.0, 0.0), (1, 0.0, math.nan)],
)
def test_options_out_of_range_are_refused(
    limit: int, diversity: float, half_life_s: float | None
) -> None:
    with pytest.raises(ValueError, match="must be"):
        Choosing(limit=limit, diversity=diversity, half_life_s=half_life_s)
