from collections import Counter, deque

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.nextitem.histories import Act, Acts, History, acts_of
from profiles.nextitem.layers import CIRCUMSTANCES, circumstances
from profiles.nextitem.mixer import Mixer
from profiles.nextitem.personas import Personas, membership
from profiles.nextitem.popularity import Popularity
from profiles.nextitem.spaces import occasion_space, place_by_text, taste_space
from profiles.nextitem.transitions import Transitions

_STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9)), max_size=80)


def _ones(count: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.ones(count, np.float32)


@given(_STEPS)
def test_transitions_err_within_what_space_saving_promises(steps: list[tuple[int, int]]) -> None:
    kept = 4
    transitions = Transitions(neighbours=kept, prior=1.0)
    exact: Counter[tuple[int, int]] = Counter()
    for source, target in steps:
        transitions.add(np.array([source]), target, _ones(1))
        exact[source, target] += 1
    for source in {source for source, _ in steps}:
        given_out = sum(count for (own, _), count in exact.items() if own == source)
        shares = transitions.following(np.array([source]), _ones(1), 10)
        weights = shares * (given_out + 1.0)
        assert np.count_nonzero(weights) <= kept
        for target in range(10):
            true = exact[source, target]
            if weights[target] == 0:
                assert true <= given_out / kept
            else:
                assert true - 1e-3 <= weights[target] <= true + given_out / kept + 1e-3


def test_transitions_of_a_full_table_take_no_more_memory() -> None:
    transitions = Transitions(neighbours=8, prior=1.0)
    for target in range(1_000):
        transitions.add(np.array([target % 50]), target, _ones(1))
    before = transitions.size_bytes
    for target in range(5_000):
        transitions.add(np.array([target % 1_000]), target, _ones(1))
    assert transitions.size_bytes == before


def test_what_followed_most_is_expected_most() -> None:
    transitions = Transitions(neighbours=4, prior=1.0)
    for target in (1, 1, 2):
        transitions.add(np.array([0]), target, _ones(1))
    shares = transitions.following(np.array([0, 7_000]), _ones(2), 4)
    assert shares.tolist() == pytest.approx([0.0, 2 / 4, 1 / 4, 0.0])


def _history(acts: list[tuple[int, bool]]) -> History:
    history = History(deque(maxlen=50))
    for second, (row, liked) in enumerate(acts):
        history.add(Act(row, liked, 1_000 * second))
    return history


_LIKES = st.lists(
    st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=1, max_size=12),
    min_size=2,
    max_size=12,
)


@given(_LIKES)
def test_the_taste_space_is_the_shrunk_spectrum_of_co_occurrence(
    users: list[list[tuple[int, bool]]],
) -> None:
    acts = acts_of([_history(acts) for acts in users])
    incidence = np.zeros((len(users), 12))
    for user, own in enumerate(users):
        for row, liked in own:
            incidence[user, row] = max(incidence[user, row], float(liked))
    counts = np.bincount(acts.row[acts.liked], minlength=12)
    repeated = counts != incidence.sum(axis=0)
    if repeated.any():
        return
    together = incidence.T @ incidence
    np.fill_diagonal(together, 0.0)
    values, vectors = np.linalg.eigh(together)
    wanted = np.sort(values)[::-1][:10]
    places = taste_space(acts, 12, dimension=10, shrinkage=3.0)
    kept = wanted[wanted > 1e-3]
    assert places.shape == (12, len(kept))
    expected = (vectors[:, ::-1][:, : len(kept)]) * np.sqrt(kept / (kept + 3.0))
    assert np.trace(places @ places.T) == pytest.approx(np.trace(expected @ expected.T), abs=1e-3)


def test_items_of_one_occasion_lie_together() -> None:
    rng = np.random.default_rng(0)
    histories = []
    for user in range(40):
        first = 6 * (user % 2)
        histories.append(_history([(first + int(row), False) for row in rng.permutation(6)]))
    places = occasion_space(acts_of(histories), 12, dimension=4)
    likeness = places @ places.T
    assert likeness[:6, :6].min() > likeness[:6, 6:].max()


def test_a_new_item_gets_its_place_from_its_text() -> None:
    rng = np.random.default_rng(1)
    texts = rng.standard_normal((200, 5)).astype(np.float32)
    mapping = rng.standard_normal((5, 3))
    places = (texts @ mapping).astype(np.float32)
    likes = np.full(200, 50.0)
    likes[-1] = 0.0
    known = places.copy()
    known[-1] = 0.0
    placed = place_by_text(known, texts, likes, half=5.0)
    assert np.allclose(placed[-1], places[-1], atol=0.2)


def test_planted_groups_become_personas() -> None:
    rng = np.random.default_rng(0)
    histories = []
    for user in range(60):
        first = 5 * (user % 3)
        histories.append(_history([(first + int(row), True) for row in rng.permutation(5)[:4]]))
    acts = acts_of(histories)
    places = taste_space(acts, 15, dimension=3, shrinkage=1.0)
    personas = Personas.found(acts, places, count=3, seed=0)
    vectors = np.stack([places[list({act.row for act in h.acts})].sum(0) for h in histories])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    own = membership(vectors, personas.centroids).argmax(axis=1)
    assert len({(user % 3, int(persona)) for user, persona in enumerate(own)}) == 3
    share = np.full(15, 1 / 15, np.float32)
    advantage = personas.advantage(membership(vectors[0], personas.centroids), share)
    assert advantage[:5].min() > 0 > advantage[5:].max()


def test_popularity_does_not_depend_on_order() -> None:
    rng = np.random.default_rng(0)
    events = [
        (int(row), bool(row % 2), int(month) * 30 * 86_400_000, int(position))
        for row, month, position in rng.integers(0, 20, (60, 3))
    ]
    seen = []
    for order in (events, events[::-1]):
        popularity = Popularity()
        for row, liked, time_ms, position in order:
            popularity.add(row, liked=liked, time_ms=time_ms, position=position)
        share = popularity.share(20)
        seen.append(
            np.stack(
                (
                    popularity.log_met(20),
                    popularity.log_liked_share(20),
                    popularity.around(5 * 30 * 86_400_000, share),
                    popularity.at_stage(3, share),
                )
            )
        )
    assert np.array_equal(seen[0], seen[1])


def test_the_mixer_recovers_the_weights_of_the_choices_it_sees() -> None:
    rng = np.random.default_rng(0)
    true = np.array([1.5, -0.7, 0.0])
    mixer = Mixer(scores=3, circumstances=1)
    for _ in range(3_000):
        features = rng.standard_normal((3, 30)).astype(np.float32)
        chances = np.exp(true @ features)
        target = int(rng.choice(30, p=chances / chances.sum()))
        mixer.update(features, np.ones(1), target=target, excluded=[])
    assert mixer.weights(np.ones(1)) == pytest.approx(true, abs=0.1)


def test_weights_follow_the_circumstances() -> None:
    rng = np.random.default_rng(0)
    mixer = Mixer(scores=1, circumstances=3)
    for step in range(3_000):
        group = step % 2
        features = rng.standard_normal((1, 20)).astype(np.float32)
        chances = np.exp(2.0 * group * features[0])
        target = int(rng.choice(20, p=chances / chances.sum()))
        around = np.array([1.0, 1.0 - group, group])
        mixer.update(features, around, target=target, excluded=[])
    assert mixer.weights(np.array([1.0, 1.0, 0.0])) == pytest.approx([0.0], abs=0.2)
    assert mixer.weights(np.array([1.0, 0.0, 1.0])) == pytest.approx([2.0], abs=0.2)


@given(st.integers(0, 5_000), st.integers(0, 10**9))
def test_circumstances_are_a_one_and_two_shares_of_one(liked: int, pause_ms: int) -> None:
    history = History(deque([Act(0, True, 0)], maxlen=5), length=liked + 1, liked=liked)
    around = circumstances(history, pause_ms)
    assert len(around) == CIRCUMSTANCES
    assert around[0] == 1.0
    assert around[1:6].sum() == pytest.approx(1.0)
    assert around[6:].sum() == pytest.approx(1.0)
    assert around.min() >= 0.0


def test_columns_keep_each_users_order() -> None:
    acts = acts_of([_history([(3, True), (1, False)]), _history([]), _history([(2, True)])])
    assert acts.user.tolist() == [0, 0, 2]
    assert acts.row.tolist() == [3, 1, 2]
    assert acts.liked.tolist() == [True, False, True]
    assert Acts(acts.user[:0], acts.row[:0], acts.liked[:0], acts.time_ms[:0]).users == 0
