from collections import Counter
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nextitem_world import SMALL

from profiles.nextitem.crossfit import Asked, ask, cross_asked
from profiles.nextitem.histories import History, acts_of
from profiles.nextitem.ingredients import (
    CIRCUMSTANCES,
    INGREDIENTS,
    Questions,
    circumstances,
    features,
)
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.mixer import Mixer, moments
from profiles.nextitem.mixing import Lessons, Mixing
from profiles.nextitem.packing import Array, BlobFormatError, pack, unpack
from profiles.nextitem.personas import Advantage, Personas, advantages, membership
from profiles.nextitem.popularity import Popularity
from profiles.nextitem.population import Items, Population
from profiles.nextitem.spaces import occasion_space, taste_space
from profiles.nextitem.tastes import taste_weights
from profiles.nextitem.transitions import Transitions
from profiles.queries import Level

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
        (weights,), (given,) = transitions.outgoing(np.array([source]), 10)
        given_out = sum(count for (own, _), count in exact.items() if own == source)
        assert given == given_out + 1
        assert np.count_nonzero(weights) <= kept
        for target in range(10):
            true = exact[source, target]
            if weights[target] == 0:
                assert true <= given_out / kept
            else:
                assert true <= weights[target] <= true + given_out / kept


def test_transitions_of_a_full_table_take_no_more_memory() -> None:
    transitions = Transitions(neighbours=8, prior=1.0)
    for target in range(1_000):
        transitions.add(np.array([target]), target, _ones(1))
    before = transitions.size_bytes
    for target in range(5_000):
        transitions.add(np.array([target % 1_000]), target, _ones(1))
    assert transitions.size_bytes == before


def test_what_followed_most_is_expected_most() -> None:
    transitions = Transitions(neighbours=4, prior=1.0)
    for target in (1, 1, 2):
        transitions.add(np.array([0]), target, _ones(1))
    weights, given = transitions.outgoing(np.array([0, 7_000]), 4)
    assert weights.tolist() == [[0, 2, 1, 0], [0, 0, 0, 0]]
    assert given.tolist() == [4, 1]


def _history(acts: list[tuple[int, bool]]) -> History:
    """One act a second."""
    rows = np.array([row for row, _ in acts], np.int64)
    liked = np.array([one for _, one in acts], np.bool_)
    seconds = np.arange(len(acts))
    return History(
        rows, liked, 1_000 * seconds, liked.astype(np.float32), seconds.astype(np.uint32)
    )


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


def _space(texts: npt.NDArray[np.float32], taste: npt.NDArray[np.float32]) -> ItemSpace:
    likes = np.full(len(texts), 50.0)
    likes[-1] = 0.0
    before = ItemSpace.initial(
        texts.shape[1],
        text_dimension=5,
        taste_dimension=3,
        text_weight=0.5,
        cold_likes=5.0,
        seed=0,
    )
    keys = np.arange(len(texts)).astype(np.uint64)
    return ItemSpace.fitted(texts, taste, likes, keys, before=before)


def _texts_and_tastes() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    texts = rng.standard_normal((200, 5)).astype(np.float32)
    texts -= texts.mean(axis=0)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    return texts, (texts @ rng.standard_normal((5, 3))).astype(np.float32)


def test_a_new_item_gets_its_place_from_its_text_and_moves_by_likes() -> None:
    texts, taste = _texts_and_tastes()
    known = taste.copy()
    known[-1] = 0.0
    space = _space(texts, known)
    new = space.place(10**6, texts[-1])
    # A ridge shrinks what it maps.
    assert np.allclose(new[5:], 0.88 * taste[-1], atol=0.05)
    assert np.linalg.norm(new[:5]) == pytest.approx(0.5)
    # Fifty likes to five: the text's place counts an eleventh.
    known_place = space.place(7, texts[7])
    assert np.allclose(known_place[5:], taste[7] * (1 + 0.88 * 5 / 55), atol=0.02)
    assert space.place(7, None)[:5].tolist() == [0.0] * 5


def test_an_item_space_keeps_its_dimension_and_survives_being_written() -> None:
    texts, taste = _texts_and_tastes()
    space = _space(texts, taste)
    first = ItemSpace.initial(
        5, text_dimension=5, taste_dimension=3, text_weight=0.5, cold_likes=5.0, seed=0
    )
    assert space.dimension == first.dimension == 8
    for one in (space, first):
        again = ItemSpace.from_bytes(one.to_bytes())
        assert again.to_bytes() == one.to_bytes()
        assert np.array_equal(again.place(3, texts[3]), one.place(3, texts[3]))


def test_before_anything_is_learned_texts_keep_their_likeness() -> None:
    rng = np.random.default_rng(0)
    texts = rng.standard_normal((40, 384))
    texts[20:] = texts[:20] + 0.3 * texts[20:]
    texts = (texts / np.linalg.norm(texts, axis=1, keepdims=True)).astype(np.float32)
    space = ItemSpace.initial(
        384, text_dimension=64, taste_dimension=3, text_weight=1.0, cold_likes=5.0, seed=0
    )
    places = space.places(list(range(40)), list(texts))
    assert np.abs(places @ places.T - texts @ texts.T).mean() < 0.12
    assert (places @ places.T)[:20, 20:].argmax(axis=1).tolist() == list(range(20))


def test_arrays_that_are_packed_come_back() -> None:
    arrays: dict[str, Array] = {
        "a": np.arange(6).reshape(2, 3),
        "b": np.zeros((0, 4), np.float32),
    }
    header, again = unpack(pack(b"header", arrays))
    assert header == b"header"
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        assert np.array_equal(again[name], array)
    with pytest.raises(BlobFormatError):
        unpack(pack(b"", {"o": np.array([1.0])}).replace(b"<f8", b"|O8"))


def _groups() -> list[History]:
    rng = np.random.default_rng(0)
    return [
        _history([(5 * (user % 3) + int(row), True) for row in rng.permutation(5)[:4]])
        for user in range(60)
    ]


def test_planted_groups_become_personas() -> None:
    histories = _groups()
    acts = acts_of(histories)
    places = taste_space(acts, 15, dimension=3, shrinkage=1.0)
    vectors = np.stack([places[history.row].sum(axis=0) for history in histories])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    personas = Personas.found(acts, vectors, 15, most=8, seed=0)
    assert len(personas.centroids) == 3
    own = membership(vectors, personas.centroids).argmax(axis=1)
    assert len({(user % 3, int(persona)) for user, persona in enumerate(own)}) == 3
    share = np.full(15, 1 / 15, np.float32)
    member = membership(vectors[:1], personas.centroids)
    advantage = personas.advantage(member, share)[0]
    assert advantage[:5].min() > 0 > advantage[5:].max()
    # A persona that does not predict says nothing, and the others go on.
    silent = int(own[0])
    personas.advantages = tuple(
        Advantage(-1.0 if place == silent else 1.0, 0.1, 100) for place in range(3)
    )
    alone = np.zeros((1, 3), np.float32)
    alone[0, silent] = 1.0
    assert np.abs(personas.advantage(alone, share)).max() < 1e-5
    assert personas.evidence(alone[0]) == 0.0
    assert not personas.speaks(alone[0])
    assert personas.speaks(np.roll(alone[0], 1))


def test_a_personas_advantage_has_the_error_of_its_users() -> None:
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(400), 5)
    gains = 0.3 + rng.standard_normal(400)[user]
    persona = (user >= 200).astype(np.int64)
    first, second = advantages(persona, user, gains, 2)
    assert (first.events, second.events) == (1_000, 1_000)
    assert abs(first.nats - 0.3) < 3 * first.standard_error
    # Five equal gains of a user are worth one.
    assert first.standard_error == pytest.approx(1 / np.sqrt(200), rel=0.15)
    assert not advantages(persona, user, gains + 1.0, 2)[0].abstains
    assert advantages(persona, user, gains - 1.0, 2)[0].abstains
    assert advantages(persona, user, gains, 3)[2].abstains


def test_counting_at_once_equals_counting_one_by_one() -> None:
    rng = np.random.default_rng(3)
    histories = [
        _history([(int(row), bool(row % 2)) for row in rng.integers(0, 12, 9)]) for _ in range(8)
    ]
    items = Items(list(range(12)), [None] * 12)
    space = ItemSpace.initial(
        1, text_dimension=4, taste_dimension=6, text_weight=1.0, cold_likes=0.0, seed=0
    )
    # More successors than there are items: nothing is approximate.
    settings = replace(SMALL, neighbours=12)
    at_once = Population.counted(histories, items, settings, before=space, seed=0)
    one_by_one = Population.empty(settings, space)
    for row in range(12):
        one_by_one.put_item(row, row, None)
    for history in histories:
        for act in range(len(history)):
            one_by_one.learn(history, act)
    rows, times = np.arange(12), np.array([3_000, 9_000])
    for name in ("steps", "sessions"):
        whole, parts = (getattr(one, name).outgoing(rows, 12) for one in (at_once, one_by_one))
        assert np.allclose(whole[0], parts[0], atol=1e-5)
        assert np.allclose(whole[1], parts[1], atol=1e-5)
    first, second = at_once.popularity, one_by_one.popularity
    assert np.array_equal(first.log_met(12), second.log_met(12))
    share = first.share(12)
    assert np.array_equal(first.around(times, share), second.around(times, share))
    assert np.allclose(first.at_stage(rows, share), second.at_stage(rows, share), atol=1e-5)


def _counted(histories: list[History]) -> Population:
    items = Items(list(range(15)), [None] * 15)
    space = ItemSpace.initial(
        1, text_dimension=4, taste_dimension=6, text_weight=1.0, cold_likes=0.0, seed=0
    )
    settings = replace(SMALL, neighbours=15)
    return Population.counted(histories, items, settings, before=space, seed=0)


def test_questions_asked_together_are_answered_as_if_asked_alone() -> None:
    population = _counted(_groups())
    history = _history([(0, True), (7, False), (3, True), (0, True)])
    questions = Questions(history, np.array([0, 1, 3, 4]), np.array([0, 1_500, 3_000, 90_000]))
    whole = features(population, questions)
    for place, end in enumerate(questions.ends.tolist()):
        alone = Questions(history, np.array([end]), questions.times_ms[[place]])
        assert np.allclose(features(population, alone)[0], whole[place], atol=1e-4)


def _crossed(histories: list[History], predictions: int) -> list[Asked]:
    items = Items(list(range(15)), [None] * 15)
    space = ItemSpace.initial(
        1, text_dimension=4, taste_dimension=6, text_weight=1.0, cold_likes=0.0, seed=0
    )
    settings = replace(SMALL, fitted_predictions=predictions)
    return list(cross_asked(histories, items, settings, before=space, seed=0, personas=2))


def test_no_more_folds_are_counted_than_hold_enough_likes() -> None:
    histories = _groups()
    every, some = _crossed(histories, 10_000), _crossed(histories, 60)
    assert len({id(asked.population) for asked in every}) == SMALL.folds
    assert sum(len(asked.users) for asked in every) == sum(map(len, histories))
    # A fifth of 240 likes in each.
    assert len({id(asked.population) for asked in some}) == 2
    assert 40 < sum(len(asked.users) for asked in some) < 80


def test_those_who_had_done_nothing_are_asked_together_as_if_each_alone() -> None:
    histories = _groups()
    together = [asked for asked in _crossed(histories, 10_000) if len(asked.users) > 1]
    newcomers = [asked for asked in together if len(asked.questions) == 1]
    assert sum(len(asked.users) for asked in newcomers) == len(histories)
    mixing = Mixing(SMALL)
    asked = newcomers[0]
    seen = mixing.moments(asked.scores, circumstances(asked.questions), asked.barred, asked.targets)
    for place, user in enumerate(asked.users.tolist()):
        alone = ask(asked.population, histories, user, np.zeros(1, np.int64))
        assert alone.targets.tolist() == [asked.targets[place]]
        own = mixing.moments(
            alone.scores, circumstances(alone.questions), alone.barred, alone.targets
        )
        for level, one in own.items():
            assert np.allclose(one.gradient[0], seen[level].gradient[place], atol=1e-6)
            assert np.allclose(one.spread[0], seen[level].spread[place], atol=1e-6)


def test_a_step_for_several_predictions_is_that_of_all_of_them_at_once() -> None:
    asked = [one for one in _crossed(_groups(), 10_000) if len(one.questions) > 1][:8]
    whole, parts = Mixing(SMALL), Mixing(SMALL)
    for mixing in (whole, parts):
        # As many as let the next ones wait.
        mixing.learned = 1_000
    lessons = Lessons(parts)
    for one in asked:
        assert not parts.mixers[Level.BLEND].arrays()["weights"].any()
        around = circumstances(one.questions)
        lessons.add(one.scores, around, one.barred, one.targets)
    lessons.end()
    columns = zip(
        *((one.scores, circumstances(one.questions), one.barred, one.targets) for one in asked),
        strict=True,
    )
    scores, around, barred, targets = (np.concatenate(column) for column in columns)
    whole.update(around, whole.moments(scores, around, barred, targets))
    for level, mixer in whole.mixers.items():
        for name, array in mixer.arrays().items():
            assert np.allclose(parts.mixers[level].arrays()[name], array, atol=1e-5)
    # The first ones make a step each.
    fresh = Mixing(SMALL)
    first = asked[0]
    Lessons(fresh).add(first.scores, circumstances(first.questions), first.barred, first.targets)
    assert fresh.mixers[Level.BLEND].arrays()["weights"].any()


def test_everybodys_direction_is_that_of_each() -> None:
    histories = [*_groups(), _history([]), _history([(3, False), (4, True), (4, True)])]
    population = _counted(histories)
    each = np.stack([population.vector(history) for history in histories])
    assert np.allclose(population.vectors(histories), each, atol=1e-6)
    assert population.vectors([]).shape == (0, population.space.dimension)


def test_popularity_that_was_asked_before_an_event_counts_the_event() -> None:
    asked, fresh = Popularity(), Popularity()
    times = np.array([0, 90 * 86_400_000])
    for popularity in (asked, fresh):
        for row in (0, 1, 1):
            popularity.add(row, liked=True, time_ms=0, position=0)
    share = asked.share(2)
    asked.around(times, share), asked.appeal(2), asked.log_met(2), asked.log_liked_share(2)
    for popularity in (asked, fresh):
        popularity.add(0, liked=False, time_ms=40 * 86_400_000, position=3)
        popularity.come(2)
    for name in ("share", "appeal", "log_met", "log_liked_share"):
        assert np.array_equal(getattr(asked, name)(3), getattr(fresh, name)(3))
    share = fresh.share(3)
    assert np.allclose(asked.around(times, share), fresh.around(times, share), rtol=1e-6)
    assert not np.array_equal(asked.around(times, share)[0], asked.around(times, share)[1])


def test_items_that_come_one_by_one_leave_the_others_where_they_are() -> None:
    population = _counted(_groups())
    before, occasion = population.places_of(np.arange(15)), population.occasion.copy()
    copies = set()
    for row in range(15, 2_000):
        population.put_item(row, row, None)
        copies.add(population.taste.__array_interface__["data"][0])
    assert len(population.text) == len(population.taste) == len(population.occasion) == 2_000
    assert np.array_equal(population.places_of(np.arange(15)), before)
    assert np.array_equal(population.occasion[:15], occasion)
    assert not population.occasion[15:].any()
    # Not all of them for each that comes.
    assert len(copies) < 10


def test_what_follows_does_not_depend_on_whether_ones_own_past_was_counted() -> None:
    own = _history([(0, True), (6, True), (12, True), (3, True)])
    with_own, without = _counted([*_groups(), own]), _counted(_groups())
    names = list(INGREDIENTS)
    unmet = [row for row in range(15) if row not in {0, 6, 12, 3}]
    for name in (
        "after the last",
        "after the two before",
        "after the earlier",
        "after the liked ones",
        "within minutes",
    ):
        first, second = (
            features(one, Questions.one(own, 5_000))[0, names.index(name), unmet]
            for one in (with_own, without)
        )
        assert np.allclose(first, second, atol=1e-3)
    # Others learn from it.
    other = Questions.one(_history([(0, True)]), 5_000)
    asked = [features(one, other)[0, names.index("after the last")] for one in (with_own, without)]
    assert asked[0][6] > asked[1][6] + 0.1


def test_ingredients_of_liked_and_latest_acts_follow_their_formulas() -> None:
    population = _counted(_groups())
    # 2 and 3 are the liked ones.
    rows = [0, *([1, 4] * 6), 2, 3]
    history = _history([(row, row in {2, 3}) for row in rows])
    got = dict(
        zip(INGREDIENTS, features(population, Questions.one(history, 90_000))[0], strict=True)
    )
    weights, given_out = population.steps.outgoing(np.arange(15), 15)
    met = np.unique(rows)
    shares = weights / np.maximum(given_out - weights[:, met].sum(axis=1), 1.0)[:, None]
    assert np.allclose(
        got["after the liked ones"], np.log(shares[[2, 3]].mean(axis=0) / 3e-4 + 1.0), atol=1e-3
    )
    usual = population.popularity.share(15)
    lifted = sum(
        0.2 * 0.8**lag * np.log1p(shares[row] / usual) for lag, row in enumerate(rows[::-1])
    )
    assert np.allclose(got["oftener than usual"], lifted, atol=1e-3)
    unit = population.taste / np.maximum(
        np.linalg.norm(population.taste, axis=1, keepdims=True), 1e-9
    )
    assert np.allclose(got["near the last"], 3.0 * unit @ unit[3], atol=1e-3)
    likes = population.taste[3] + 2.0 ** (-1.0 / population.half_rank) * population.taste[2]
    assert np.allclose(
        got["direction of taste"], 3.0 * unit @ (likes / np.linalg.norm(likes)), atol=1e-3
    )


def test_a_taste_fades_by_later_likes() -> None:
    history = _history([(0, True), (1, False), (2, True), (3, True)])
    weights = taste_weights(history, np.array([0, 1, 3, 4]), 1.0)
    assert weights.tolist() == [[0, 0, 0, 0], [1, 0, 0, 0], [0.5, 0, 1, 0], [0.25, 0, 0.5, 1]]


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
                    popularity.around(np.array([5 * 30 * 86_400_000]), share)[0],
                    popularity.at_stage(np.array([3]), share)[0],
                )
            )
        )
    assert np.array_equal(seen[0], seen[1])


def _choices(
    rng: np.random.Generator, true: npt.NDArray[np.float64], items: int
) -> tuple[npt.NDArray[np.float32], int]:
    """Features of items, and one item chosen by the true weights."""
    scores = rng.standard_normal((len(true), items)).astype(np.float32)
    chances = np.exp(true @ scores)
    return scores, int(rng.choice(items, p=chances / chances.sum()))


def _learn(
    mixer: Mixer,
    around: npt.NDArray[np.float64],
    scores: npt.NDArray[np.float32],
    target: int,
) -> None:
    logits = (mixer.weights(around[None]).astype(np.float32) @ scores).astype(np.float32)
    mixer.update(around[None], moments(scores[None], logits, np.array([target])))


def test_the_mixer_recovers_the_weights_of_the_choices_it_sees() -> None:
    rng = np.random.default_rng(0)
    true = np.array([1.5, -0.7, 0.0])
    mixer = Mixer(scores=3, circumstances=1)
    for _ in range(3_000):
        _learn(mixer, np.ones(1), *_choices(rng, true, 30))
    assert mixer.weights(np.ones((1, 1)))[0] == pytest.approx(true, abs=0.1)


def test_weights_follow_the_circumstances() -> None:
    rng = np.random.default_rng(0)
    mixer = Mixer(scores=1, circumstances=3)
    for step in range(3_000):
        group = step % 2
        around = np.array([1.0, 1.0 - group, group])
        _learn(mixer, around, *_choices(rng, np.array([2.0 * group]), 20))
    assert mixer.weights(np.array([[1.0, 1.0, 0.0]]))[0] == pytest.approx([0.0], abs=0.2)
    assert mixer.weights(np.array([[1.0, 0.0, 1.0]]))[0] == pytest.approx([2.0], abs=0.2)


@given(st.integers(0, 5_000), st.integers(0, 10**9))
def test_circumstances_are_a_one_and_two_shares_of_one(liked: int, pause_ms: int) -> None:
    history = _history([(0, True)] * liked)
    now_ms = pause_ms + 1_000 * max(liked - 1, 0)
    around = circumstances(Questions.one(history, now_ms))[0]
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
    assert acts.position.tolist() == [0, 1, 0]
    assert acts_of([]).users == 0
