"""Weights by evidence, and the mix of three layers into one ranking."""

import random
from collections.abc import Sequence
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.ids import item_key
from profiles.ports import ItemRecord
from profiles.ranking import (
    LayerWeights,
    Ranked,
    Shrinkage,
    layer_weights,
    nearest_liked,
    rank,
)
from schemas.views import Layer

BALANCED: Final = LayerWeights(user=0.5, persona=0.3, everybody=0.2)
ONLY_USER: Final = LayerWeights(user=1.0, persona=0.0, everybody=0.0)
ONLY_EVERYBODY: Final = LayerWeights(user=0.0, persona=0.0, everybody=1.0)
EAST: Final = np.array([1.0, 0.0], np.float32)

amounts = st.floats(0.0, 1e12)
numbers = st.integers(0, 10**12)
positive = st.floats(1e-6, 1e6)


def item(
    name: str,
    vector: Sequence[float] = (0.0, 0.0),
    *,
    retired: bool = False,
    revision: int = 1,
) -> ItemRecord:
    return ItemRecord(
        key=item_key("t", name),
        tenant="t",
        item_id=name,
        title="",
        text="",
        attributes=b"",
        described_ms=0,
        event_hash=0,
        content_hash=b"",
        revision=revision,
        retired=retired,
        vector=np.array(vector, np.float32),
    )


def key(name: str) -> int:
    return item_key("t", name)


def named(ranked: Sequence[Ranked]) -> list[str]:
    return [place.item.item_id for place in ranked]


@given(amounts, numbers, positive, positive)
def test_weights_are_fractions_that_sum_to_one(
    size: float, members: int, user: float, persona: float
) -> None:
    weights = layer_weights(
        effective_sample_size=size,
        persona_size=members,
        shrinkage=Shrinkage(user=user, persona=persona),
    )
    parts = [weights.of(layer) for layer in Layer]
    assert all(0.0 <= part <= 1.0 for part in parts)
    assert sum(parts) == pytest.approx(1.0, abs=1e-12)


@given(amounts, amounts, numbers)
def test_more_evidence_never_lowers_the_weight_of_the_user(
    size: float, more: float, members: int
) -> None:
    less, after = (
        layer_weights(effective_sample_size=n, persona_size=members) for n in (size, size + more)
    )
    assert after.user >= less.user
    assert after.persona <= less.persona


def test_without_evidence_and_persona_everybody_decides() -> None:
    assert layer_weights(effective_sample_size=0.0, persona_size=0) == ONLY_EVERYBODY


def test_half_is_reached_at_the_shrinkage() -> None:
    weights = layer_weights(
        effective_sample_size=4.0, persona_size=6, shrinkage=Shrinkage(user=4.0, persona=6.0)
    )
    assert weights == LayerWeights(user=0.5, persona=0.25, everybody=0.25)


def test_of_equal_weights_the_more_particular_layer_leads() -> None:
    assert LayerWeights(user=0.5, persona=0.0, everybody=0.5).leading is Layer.USER
    assert LayerWeights(user=0.2, persona=0.4, everybody=0.4).leading is Layer.PERSONA
    assert ONLY_EVERYBODY.leading is Layer.GLOBAL


@pytest.mark.parametrize("size", [-1.0, float("nan"), float("inf")])
def test_impossible_evidence_is_refused(size: float) -> None:
    with pytest.raises(ValueError, match="effective_sample_size"):
        layer_weights(effective_sample_size=size, persona_size=0)
    with pytest.raises(ValueError, match="persona_size"):
        layer_weights(effective_sample_size=0.0, persona_size=-1)
    with pytest.raises(ValueError, match="shrinkage: user"):
        Shrinkage(user=size)


def test_a_single_layer_ranks_as_it_scores() -> None:
    near, nearer, away = item("near", (0.5, 0.1)), item("nearer", (0.9, 0.1)), item("away", (-1, 0))
    by_user = rank(
        [near, nearer, away],
        weights=ONLY_USER,
        user_vector=EAST,
        persona_popularity={},
        global_popularity={away.key: 9.0},
        limit=10,
    )
    assert named(by_user) == ["nearer", "near"]
    assert by_user[0].score == 1.0
    assert by_user[1].score == pytest.approx(11 / 12)


def test_a_layer_is_worth_the_same_whatever_the_size_of_its_scores() -> None:
    items = [item("a", (0.9, 0.0)), item("b", (0.5, 0.0)), item("c", (0.1, 0.0))]
    small, large = (
        rank(
            items,
            weights=BALANCED,
            user_vector=EAST,
            persona_popularity={key("b"): 2.0 * factor, key("c"): 1.0 * factor},
            global_popularity={key("c"): 1.0, key("a"): 0.5},
            limit=3,
        )
        for factor in (1e-6, 1e6)
    )
    assert small == large
    assert named(small) == ["c", "b", "a"]
    assert [place.score for place in small] == pytest.approx(
        [
            0.5 * 11 / 13 + 0.3 * 11 / 12 + 0.2,
            0.5 * 11 / 12 + 0.3,
            0.5 + 0.2 * 11 / 12,
        ]
    )


def test_equal_scores_are_ordered_by_item_id() -> None:
    items = [item(name) for name in ("d", "b", "a", "c")]
    ranked = rank(
        items,
        weights=ONLY_EVERYBODY,
        user_vector=None,
        persona_popularity={},
        global_popularity={found.key: 2.0 for found in items},
        limit=3,
    )
    assert named(ranked) == ["a", "b", "c"]
    assert {place.score for place in ranked} == {1.0}


def test_seen_retired_and_undescribed_items_are_left_out() -> None:
    items = [item("seen"), item("gone", retired=True), item("stub", revision=0), item("left")]
    ranked = rank(
        items,
        weights=ONLY_EVERYBODY,
        user_vector=None,
        persona_popularity={},
        global_popularity={found.key: 1.0 for found in items},
        seen={key("seen")},
        limit=10,
    )
    assert named(ranked) == ["left"]


def test_without_candidates_there_is_nothing_to_rank() -> None:
    assert (
        rank(
            [],
            weights=BALANCED,
            user_vector=EAST,
            persona_popularity={},
            global_popularity={},
            limit=10,
        )
        == []
    )


@st.composite
def populations(
    draw: st.DrawFn,
) -> tuple[list[ItemRecord], dict[int, float], dict[int, float], LayerWeights]:
    names = draw(st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=12))
    coordinates = st.floats(-1.0, 1.0, width=32)
    items = [item(name, (draw(coordinates), draw(coordinates))) for name in names]
    scores = st.floats(0.0, 100.0)
    weights = layer_weights(
        effective_sample_size=draw(st.floats(0.0, 100.0)), persona_size=draw(st.integers(0, 100))
    )
    return (
        items,
        {found.key: draw(scores) for found in items if draw(st.booleans())},
        {found.key: draw(scores) for found in items if draw(st.booleans())},
        weights,
    )


@given(populations(), st.randoms(use_true_random=False), st.integers(0, 12))
def test_rankings_are_deterministic_ordered_and_fully_explained(
    population: tuple[list[ItemRecord], dict[int, float], dict[int, float], LayerWeights],
    shuffler: random.Random,
    limit: int,
) -> None:
    items, persona, everybody, weights = population
    shuffled = list(items)
    shuffler.shuffle(shuffled)
    one, other = (
        rank(
            candidates,
            weights=weights,
            user_vector=EAST,
            persona_popularity=persona,
            global_popularity=everybody,
            limit=limit,
        )
        for candidates in (items, shuffled)
    )
    assert one == other
    assert len(one) <= limit
    assert [place.score for place in one] == sorted((place.score for place in one), reverse=True)
    for place in one:
        assert 0.0 < place.score <= 1.0
        assert sum(place.shares.values()) == pytest.approx(1.0, abs=1e-12)
        assert all(weights.of(layer) > 0.0 for layer in place.shares)
        assert list(place.shares.values()) == sorted(place.shares.values(), reverse=True)


def test_the_nearest_liked_item_is_another_one_that_points_the_same_way() -> None:
    sea, ship, crime = item("sea", (1.0, 0.1)), item("ship", (4.0, 1.0)), item("crime", (0.0, 1.0))
    opposite, nowhere = item("opposite", (-1.0, -1.0)), item("nowhere")
    found = nearest_liked([sea, ship, opposite, nowhere], [crime, ship, sea])
    assert [like.item_id if like else None for like in found] == ["ship", "sea", None, None]
    assert nearest_liked([sea], []) == [None]
