"""Personas: who is nearest, which ids stay, what sets a group apart."""

import numpy as np
import pytest
from histories import (
    DIMENSION,
    VECTORS,
    EventDict,
    catalogue,
    folded,
    histories,
    remembered,
)
from hypothesis import given
from hypothesis import strategies as st
from oracle import nearest_persona, tell

from profiles.personas import (
    Centroids,
    Label,
    Persona,
    PersonaSet,
    clustered,
    decode_personas,
    discover,
    encode_personas,
    largest_shift,
    moved_to_means,
    preferred,
)
from profiles.policy import DEFAULT_POLICY
from profiles.ports import Vector
from profiles.projection import project


def units(*rows: list[float]) -> Vector:
    made = np.array(rows, np.float32)
    unit: Vector = made / np.linalg.norm(made, axis=1, keepdims=True)
    return unit


X, Y, Z = units([1, 0, 0], [0, 1, 0], [0, 0, 1])


def blobs(*, seed: int, each: int = 40, spread: float = 0.05) -> Vector:
    noise = np.random.default_rng(seed).normal(0, spread, (3, each, 3))
    rows = (np.stack([X, Y, Z])[:, None, :] + noise).reshape(-1, 3)
    unit: Vector = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def test_each_user_goes_to_the_nearest_persona() -> None:
    personas = Centroids(1, {"p1": X, "p2": Y})
    assert personas.assign(units([3, 1, 0], [1, 3, 0], [0, 1, -9])) == ["p1", "p2", "p2"]


def test_equal_cosines_go_to_the_first_id() -> None:
    assert Centroids(1, {"p2": Y, "p1": X}).assign(units([1, 1, 0])) == ["p1"]
    assert Centroids(1, {"p2": X, "p1": X, "p3": X}).assign(units([1, 0, 0])) == ["p1"]


def test_a_user_without_a_direction_belongs_to_none() -> None:
    personas = Centroids(1, {"p1": X})
    assert personas.assign(np.zeros((2, 3), np.float32)) == [None, None]
    assert Centroids(0, {}).assign(units([1, 0, 0])) == [None]
    assert personas.assign(np.zeros((0, 3), np.float32)) == []


def test_a_user_alone_is_assigned_as_among_others() -> None:
    personas = Centroids(1, dict(zip(("p1", "p2", "p3"), (X, Y, Z), strict=True)))
    users = blobs(seed=3, spread=0.4)
    together = personas.assign(users)
    assert [personas.assign(user[None])[0] for user in users] == together


@given(
    histories(says=remembered).filter(bool),
    st.lists(
        st.lists(st.floats(-1, 1), min_size=DIMENSION, max_size=DIMENSION).filter(
            lambda row: float(np.linalg.norm(row)) > 0.1
        ),
        max_size=4,
    ),
)
def test_the_nearest_persona_is_the_oracles(
    events: list[EventDict], rows: list[list[float]]
) -> None:
    centroids = {f"p{number}": units(row)[0] for number, row in enumerate(rows)}
    vector = project(folded(events, DEFAULT_POLICY), catalogue(), DEFAULT_POLICY).vector
    user = tell(events, VECTORS, dimension=DIMENSION)["default", "u"]
    near = nearest_persona(user, {name: row.tolist() for name, row in centroids.items()})
    (found,) = Centroids(1, centroids).assign(vector[None])
    # nearer than the rounding of 32-bit sums, either is right
    assert found == near.persona or near.margin < 1e-6


def test_centroids_read_back_by_id() -> None:
    found = Centroids(1, {"p2": Y, "p1": X}).by_id()
    assert {persona: vector.tolist() for persona, vector in found.items()} == {
        "p1": X.tolist(),
        "p2": Y.tolist(),
    }
    assert Centroids(1, {}).by_id() == {}


def test_clusters_that_are_there_are_found() -> None:
    found = discover(blobs(seed=1), most=8, seed=7)
    assert len(found.centroids) == 3
    assert found.silhouette > 0.8
    nearest = np.stack([X, Y, Z]) @ found.centroids.T
    assert (nearest.max(axis=1) > 0.99).all()


def test_discovery_is_deterministic_in_its_seed() -> None:
    users = blobs(seed=2, spread=0.5)
    one, again = (discover(users, most=6, seed=11) for _ in range(2))
    assert one.centroids.tobytes() == again.centroids.tobytes()
    assert one.silhouette == again.silhouette


def test_so_many_clusters_are_those_that_discovery_would_find() -> None:
    users = blobs(seed=1)
    found = discover(users, most=8, seed=7)
    assert clustered(users, 3, seed=7).tobytes() == found.centroids.tobytes()
    assert len(clustered(np.stack([X, X, Y]), 3, seed=7)) == 2


def test_of_many_users_the_number_is_found_too() -> None:
    rng = np.random.default_rng(4)
    # One of them is of one user in a hundred.
    centres = np.stack([X, Y, Z])[rng.choice(3, 6_000, p=[0.6, 0.39, 0.01])]
    rows = centres + 0.05 * rng.standard_normal(centres.shape)
    users = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    found, again = (discover(users, most=6, seed=5) for _ in range(2))
    assert len(found.centroids) == 3
    assert (np.stack([X, Y, Z]) @ found.centroids.T).max(axis=1).min() > 0.999
    assert found.centroids.tobytes() == again.centroids.tobytes()


@pytest.mark.parametrize(
    ("users", "fixed", "number"),
    [
        (units([1, 0, 0]), None, 1),
        (units([1, 0, 0], [1, 0, 0], [1, 0, 0]), None, 1),
        (units([1, 0, 0], [0, 1, 0]), None, 1),
        (units([1, 0, 0], [0, 1, 0], [0, 1, 0]), None, 2),
        (units([1, 0, 0], [0, 1, 0]), 2, 2),
        (units([1, 0, 0], [0, 1, 0]), 5, 2),
        (units([1, 0, 0], [1, 0, 0]), 2, 1),
        (units([1, 0, 0]), 0, 1),
    ],
)
def test_there_are_no_more_personas_than_distinct_users(
    users: Vector, fixed: int | None, number: int
) -> None:
    found = discover(users, most=8, seed=1, fixed=fixed)
    assert len(found.centroids) == number
    assert np.isfinite(found.centroids).all()


def test_a_centroid_moves_to_the_direction_of_its_members() -> None:
    moved = moved_to_means(
        {"p1": X, "p2": Y, "p3": Z},
        {"p1": np.array([0.0, 30.0, 40.0]), "p2": np.array([1e-9, 0.0, 0.0])},
    )
    assert moved["p1"].tolist() == pytest.approx([0.0, 0.6, 0.8])
    assert moved["p2"].tolist() == Y.tolist()
    assert moved["p3"].tolist() == Z.tolist()
    assert moved["p1"].dtype == np.float32


def test_the_shift_is_the_largest_distance() -> None:
    assert largest_shift({"p1": X, "p2": Y}, {"p1": X, "p2": Z}) == pytest.approx(2**0.5)
    assert largest_shift({"p1": X}, {"p2": X}) == 2.0
    assert largest_shift({}, {}) == 0.0


def test_labels_name_what_the_group_likes_more_than_others() -> None:
    overall = {"tea": 100, "milk": 100, "gin": 20}
    found = preferred({"tea": 30, "milk": 5, "gin": 19}, overall, most=2)
    assert [label.text for label in found] == ["gin", "tea"]
    assert found[0].score > found[1].score > 0
    assert found[0].count == 19


def test_a_rare_thing_needs_more_evidence_than_a_frequent_one() -> None:
    overall = {"often": 100, "once": 1, "else": 200}
    found = preferred({"often": 60, "once": 1, "else": 20}, overall, most=3)
    assert [label.text for label in found] == ["often", "once"]


@pytest.mark.parametrize(
    ("inside", "overall"),
    [({}, {"tea": 3}), ({"tea": 3}, {"tea": 3}), ({}, {}), ({"tea": 4}, {"tea": 3})],
)
def test_without_others_nothing_sets_a_group_apart(
    inside: dict[str, int], overall: dict[str, int]
) -> None:
    assert preferred(inside, overall, most=3) == ()


def test_equal_scores_are_told_by_text() -> None:
    found = preferred({"b": 5, "a": 5}, {"a": 6, "b": 6, "c": 50}, most=2)
    assert [label.text for label in found] == ["a", "b"]


def test_personas_read_back_as_published() -> None:
    published = PersonaSet(
        tenant="t",
        version=3,
        next_number=5,
        personas=(Persona(id="p1", size=2, labels=(Label(text="tea", score=2.5, count=9),)),),
        silhouette=0.25,
        users=7,
    )
    assert decode_personas(encode_personas(published)) == published
