"""Rankings by learned models: one version whole, the old until the new is there."""

import asyncio

import numpy as np
import pytest
from learned_world import LearnedWorld, Published, newcomers
from lookup_world import NOON_MS, client_of
from nextitem_world import key_of, population, rated, state_of

from lookup.options import LookupOptions
from lookup.queries import Lookup
from profiles.choices.model import text_side
from profiles.choices.pair_tables import Side
from profiles.queries import Level
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Choice
from schemas.views import Layer, RankingView, ScoresView
from stores.blobs import put_blob

pytestmark = pytest.mark.anyio

AT_ONCE = LookupOptions(published_age_s=0.0, item_age_s=0.0)


@pytest.fixture
async def learned() -> LearnedWorld:
    made = LearnedWorld()
    await made.fill()
    return made


def state_of_user(name: str) -> UserState:
    return state_of(event for event in population() if event.user_id == name)


def expected(
    version: Published,
    state: UserState,
    *,
    level: Level = Level.BLEND,
    at_ms: int = NOON_MS,
    seen: bool = False,
    limit: int = 10,
) -> list[str]:
    """Straight from the model, by other means than the lookup's."""
    names = {key_of(number): f"i{number}" for number in range(20)}
    met = {int(item) for rows in state.sets.values() for item in rows["item"]}
    answer = version.model.answer(state, at_ms)
    scored = sorted(
        (-float(score), names[key])
        for key, score in zip(answer.items, answer.scores[level], strict=True)
        if (seen or key not in met) and np.isfinite(score)
    )
    return [name for _, name in scored[:limit]]


def ids(view: RankingView) -> list[str]:
    return [item.item_id for item in view.items]


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("exclude_seen", [True, False])
async def test_the_model_ranks_over_the_stored_state(
    learned: LearnedWorld, level: Level, *, exclude_seen: bool
) -> None:
    version = await learned.publish()
    lookup = learned.world.lookup(AT_ONCE)
    view = await lookup.rank(
        "default", "w3", limit=7, exclude_seen=exclude_seen, level=level, at_ms=NOON_MS
    )
    assert ids(view) == expected(
        version, state_of_user("w3"), level=level, seen=not exclude_seen, limit=7
    )
    assert view.learned is not None
    assert (view.learned.version, view.learned.space) == (1, 1)
    assert 0 < view.learned.uncertainty < 1
    assert view.learned.effective_sample_size.user > 0
    scores = [item.score for item in view.items]
    assert scores == sorted(scores, key=lambda score: -(score or 0.0))
    for item in view.items:
        assert sum(reason.share for reason in item.reasons) == pytest.approx(1.0)
    total = view.weights.user + view.weights.persona + view.weights.global_
    assert total == pytest.approx(1.0)
    if level is not Level.BLEND:
        assert view.level == Layer(level.value)


async def test_scores_are_chances_and_their_entropy_the_uncertainty(
    learned: LearnedWorld,
) -> None:
    version = await learned.publish()
    view = await learned.world.lookup(AT_ONCE).rank("default", "w3", limit=100, at_ms=NOON_MS)
    state = state_of_user("w3")
    met = {int(item) for rows in state.sets.values() for item in rows["item"]}
    answer = version.model.answer(state, NOON_MS)
    left = np.array([key not in met for key in answer.items])
    chances = np.exp(answer.scores[Level.BLEND].astype(float)) * left
    chances /= chances.sum()
    assert sorted((item.score or 0.0 for item in view.items), reverse=True) == pytest.approx(
        sorted(chances[left].tolist(), reverse=True)
    )
    assert view.learned is not None
    entropy = -float((chances[left] * np.log(chances[left])).sum())
    assert view.learned.uncertainty == pytest.approx(entropy / np.log(left.sum()))


async def test_an_unknown_user_is_answered_by_the_layers_above(learned: LearnedWorld) -> None:
    version = await learned.publish()
    view = await learned.world.lookup(AT_ONCE).rank("default", "stranger", at_ms=NOON_MS)
    assert not view.known
    assert ids(view) == expected(version, EMPTY_STATE)
    assert view.learned is not None
    assert view.learned.effective_sample_size.user == 0


async def test_before_anything_is_learned_evidence_ranks(learned: LearnedWorld) -> None:
    await learned.world.publish_statistics({"i1": 3.0, "i2": 2.0})
    view = await learned.world.lookup(AT_ONCE).rank("default", "w3")
    assert view.items
    assert view.learned is None


async def test_items_that_are_gone_since_are_left_out(learned: LearnedWorld) -> None:
    version = await learned.publish()
    first, second, *rest = expected(version, state_of_user("w3"))
    await learned.world.add_item(first, (1.0, 0.0, 0.0, 0.0), retired=True)
    view = await learned.world.lookup(AT_ONCE).rank("default", "w3", limit=4, at_ms=NOON_MS)
    assert ids(view) == [second, *rest][:4]


async def test_the_version_before_answers_until_the_next_is_complete(
    learned: LearnedWorld,
) -> None:
    await learned.publish()
    lookup = learned.world.lookup(AT_ONCE)
    await lookup.rank("default", "w3")
    learned.learn(newcomers(1))
    await learned.publish(store=False)
    for _ in range(3):
        view = await lookup.rank("default", "w3")
        assert view.learned is not None
        assert view.learned.version == 1
        await asyncio.sleep(0.01)
    assert view.stale_because == ("the newest learned model could not be read just now",)
    learned.world.clock.now_s += 2.0
    await put_back(learned)
    await in_force(lookup, 2)
    await lookup.close()


async def put_back(learned: LearnedWorld) -> None:
    version = learned.versions[-1]
    for body in (version.model.to_bytes(), version.choices.to_bytes()):
        await put_blob(learned.world.aggregates, "default", body)


async def in_force(lookup: Lookup, version: int) -> None:
    for _ in range(200):
        view = await lookup.rank("default", "w3")
        if view.learned is not None and view.learned.version == version:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"version {version} is not in force")


async def test_a_model_that_cannot_be_read_leaves_ranking_to_evidence(
    learned: LearnedWorld,
) -> None:
    await learned.publish()
    await learned.world.publish_statistics({"i1": 3.0})
    learned.world.aggregates.down = True
    view = await learned.world.lookup(AT_ONCE).rank("default", "w3")
    assert view.learned is None


async def test_no_answer_mixes_versions_while_they_are_switched_under_load(
    learned: LearnedWorld,
) -> None:
    """Every answer is, item for item, the answer of the version that it names."""
    await learned.publish()
    lookup = learned.world.lookup(AT_ONCE)
    answers: list[tuple[str, RankingView]] = []
    over = asyncio.Event()

    async def ask(name: str) -> None:
        while not over.is_set():
            answers.append((name, await lookup.rank("default", name, at_ms=NOON_MS)))
            await asyncio.sleep(0)

    asking = [asyncio.create_task(ask(f"w{number}")) for number in range(6)]
    for number in range(6):
        learned.learn(newcomers(number))
        if number == 3:
            learned.learner.refit()
        await learned.publish()
        await in_force(lookup, number + 2)
    over.set()
    await asyncio.gather(*asking)
    await lookup.close()

    met = {view.learned.version for _, view in answers if view.learned is not None}
    assert len(met) >= 5
    different = set()
    for name, view in answers:
        assert view.learned is not None
        version = learned.versions[view.learned.version - 1]
        assert ids(view) == expected(version, state_of_user(name))
        different.add((name, tuple(item.score for item in view.items)))
    # The versions do differ, or nothing was shown.
    assert len(different) > len(asking)


async def test_time_and_seen_items_make_a_difference(learned: LearnedWorld) -> None:
    version = await learned.publish()
    fresh = [rated("late", 3, NOON_MS // 1000), rated("late", 12, NOON_MS // 1000 + 5)]
    await learned.add_user("late", fresh)
    state = state_of(fresh)
    lookup = learned.world.lookup(AT_ONCE)
    for at_ms in (NOON_MS + 6_000, NOON_MS + 10**9):
        view = await lookup.rank("default", "late", at_ms=at_ms)
        assert ids(view) == expected(version, state, at_ms=at_ms)
        assert not {"i3", "i12"} & set(ids(view))


async def test_the_answer_over_http_names_its_model(learned: LearnedWorld) -> None:
    await learned.publish()
    async with client_of(learned.world.lookup(AT_ONCE)) as client:
        answer = await client.post("/v1/rank", json={"user_id": "w3"})
    assert answer.status_code == 200, answer.text
    said = answer.json()["learned"]
    assert said["version"] == 1
    assert set(said["effective_sample_size"]) == {"user", "persona", "global"}


async def test_personas_say_how_well_they_predict(learned: LearnedWorld) -> None:
    await learned.publish()
    await learned.world.publish_statistics({"i1": 3.0})
    view = await learned.world.lookup(AT_ONCE).personas("default")
    first, second = (persona.advantage for persona in view.personas)
    assert first is not None
    assert (first.nats, first.standard_error, first.events) == (0.5, 0.1, 40)
    assert not first.abstains
    assert second is None


async def test_a_profile_says_which_space_the_user_stands_in(learned: LearnedWorld) -> None:
    view = await learned.world.lookup(AT_ONCE).profile("default", "w3")
    assert view.space == 0


async def test_choices_are_scored_over_the_stored_state(learned: LearnedWorld) -> None:
    version = await learned.publish()
    lookup = learned.world.lookup(AT_ONCE)
    state = state_of_user("w3")
    (one,) = (await lookup.sign("default", "w3", "i4")).items
    assert one.item_id == "i4"
    answers = version.choices.sign(state, key_of(4))
    assert {level: score.log_odds for level, score in one.levels.items()} == {
        level.value: answer.log_odds for level, answer in answers.items()
    }
    assert {level.value for level in Level} == set(one.levels)
    text = Choice(text="a quiet village")
    view = await lookup.pair("default", "w3", Choice(item_id="i4"), text)
    assert view.version == 1
    (pair,) = view.pairs
    compared = version.choices.pair(state, Side(key_of(4)), text_side("default", "a quiet village"))
    for level, answer in compared.items():
        score = pair.levels[level.value]
        assert score.log_odds == answer.log_odds
        assert score.probability == pytest.approx(answer.probability)
        assert score.standard_error**2 == pytest.approx(answer.variance)
        assert score.effective_sample_size == answer.effective_sample_size
    (turned,) = (await lookup.pair("default", "w3", text, Choice(item_id="i4"))).pairs
    assert turned.levels["blend"].log_odds == pytest.approx(-pair.levels["blend"].log_odds)


async def test_scores_over_http_keep_the_order_asked(learned: LearnedWorld) -> None:
    await learned.publish()
    sides = [{"a": {"item_id": "i1"}, "b": {"text": "sea"}}]
    async with client_of(learned.world.lookup(AT_ONCE)) as client:
        answer = await client.post(
            "/v1/score", json={"user_id": "w3", "items": ["i9", "i2"], "pairs": sides}
        )
        wrong = await client.post(
            "/v1/score",
            json={"user_id": "w3", "pairs": [{"a": {"item_id": "i1", "text": "x"}, "b": {}}]},
        )
    assert answer.status_code == 200, answer.text
    view = ScoresView.model_validate_json(answer.content)
    assert [item.item_id for item in view.items] == ["i9", "i2"]
    assert [pair.b.text for pair in view.pairs] == ["sea"]
    assert wrong.status_code == 422


async def test_before_anything_is_learned_there_are_no_scores(learned: LearnedWorld) -> None:
    view = await learned.world.lookup(AT_ONCE).sign("default", "w3", "i4")
    assert view.items == ()
    assert view.absent is not None
    assert view.absent.code == "nothing-learned"
