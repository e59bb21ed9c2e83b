import json
import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise

import pytest

from bookshop.catalogue import Book
from bookshop.personas import MINORITY, PERSONA_BY_NAME
from bookshop.protagonist import PROTAGONIST
from bookshop.simulator import SPAN_MS, TRENDING_ITEM, Simulation, simulate
from profiles.policy import DEFAULT_POLICY
from schemas import fast
from schemas.instants import instant_ms

START_MS = 1_767_225_600_000
END_MS = START_MS + SPAN_MS
DAY_MS = 86_400_000


def at_ms(event: fast.FastEvent) -> int:
    return event.occurred_at_ms


@pytest.fixture(scope="module")
def events(simulation: Simulation) -> list[fast.FastEvent]:
    decoded = [
        fast.decode(json.dumps(record).encode(), received_ms=END_MS) for record in simulation.events
    ]
    refused = [outcome for outcome in decoded if isinstance(outcome, fast.Rejection)]
    assert refused == []
    return [outcome for outcome in decoded if not isinstance(outcome, fast.Rejection)]


@pytest.fixture(scope="module")
def interactions(events: list[fast.FastEvent]) -> list[fast.Interaction]:
    return [event for event in events if isinstance(event, fast.Interaction)]


@pytest.fixture(scope="module")
def subject_of(books: tuple[Book, ...]) -> dict[str, str]:
    return {book.item_id: book.subject for book in books}


def positive(interactions: list[fast.Interaction]) -> Iterator[fast.Interaction]:
    for event in interactions:
        if DEFAULT_POLICY.rule(event.action).weigh(event.value) > 0:
            yield event


def mean_stars(events: list[fast.Interaction]) -> float:
    stars = [event.value for event in events if event.action == "rate" and event.value]
    return sum(stars) / len(stars)


def test_equal_seeds_give_equal_simulations(
    books: tuple[Book, ...], simulation: Simulation
) -> None:
    assert simulate(books=books, seed=7, start_ms=START_MS) == simulation


def test_different_seeds_give_different_lives(
    books: tuple[Book, ...], simulation: Simulation
) -> None:
    other = simulate(books=books, seed=8, start_ms=START_MS)
    assert other.persona_of != simulation.persona_of
    strip = [{**record, "event_id": ""} for record in other.events]
    assert strip != [{**record, "event_id": ""} for record in simulation.events]


def test_the_order_of_sets_in_memory_does_not_matter() -> None:
    program = (
        "import hashlib, json\n"
        "from bookshop.catalogue import load_books\n"
        "from bookshop.simulator import simulate\n"
        "s = simulate(books=load_books(), seed=3, start_ms=0, readers=60)\n"
        "w = [s.events, dict(s.persona_of), dict(s.drifted_at)]\n"
        "print(hashlib.sha256(json.dumps(w).encode()).hexdigest())\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_the_start_shifts_every_event_and_changes_nothing_else(
    books: tuple[Book, ...],
) -> None:
    early, late = (
        simulate(books=books, seed=5, start_ms=start_ms, readers=60)
        for start_ms in (START_MS, START_MS + DAY_MS)
    )
    for before, after in zip(early.events, late.events, strict=True):
        shift = (instant_ms(str(after["occurred_at"])) or 0) - (
            instant_ms(str(before["occurred_at"])) or 0
        )
        assert shift == DAY_MS
        assert {**after, "occurred_at": ""} == {**before, "occurred_at": ""}


def test_the_default_size_is_about_600_readers_and_12_000_events(
    simulation: Simulation,
) -> None:
    assert len(simulation.persona_of) == 600
    assert 11_000 <= len(simulation.events) <= 13_500


def test_events_are_in_time_order_within_the_month(events: list[fast.FastEvent]) -> None:
    assert all(at_ms(a) <= at_ms(b) for a, b in pairwise(events))
    assert at_ms(events[0]) >= START_MS
    assert at_ms(events[-1]) < END_MS
    assert {(at_ms(event) - START_MS) // DAY_MS for event in events} == set(range(30))


def test_event_ids_are_unique_and_ascend(simulation: Simulation) -> None:
    ids = [str(record["event_id"]) for record in simulation.events]
    assert all(a < b for a, b in pairwise(ids))


def test_every_kind_of_data_and_every_action_occurs(
    events: list[fast.FastEvent], interactions: list[fast.Interaction]
) -> None:
    kinds = Counter(type(event) for event in events)
    assert set(kinds) == {fast.Interaction, fast.Preference, fast.Document, fast.Attributes}
    assert min(kinds.values()) > 50
    assert {event.action for event in interactions} == {"view", "cart", "buy", "read", "rate"}


def test_only_ratings_carry_a_value_and_it_is_in_half_stars(
    interactions: list[fast.Interaction],
) -> None:
    for event in interactions:
        if event.action == "rate":
            assert event.value in {n / 2 for n in range(1, 11)}
        else:
            assert event.value is None


def test_readers_introduce_themselves_before_anything_else(
    events: list[fast.FastEvent],
) -> None:
    first: dict[str, fast.FastEvent] = {}
    for event in events:
        if isinstance(event, fast.Attributes | fast.Interaction | fast.Preference):
            first.setdefault(event.user_id, event)
    assert all(isinstance(event, fast.Attributes) for event in first.values())


def test_nobody_buys_unseen_or_reads_unbought(interactions: list[fast.Interaction]) -> None:
    done: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    needs = {"cart": "view", "buy": "cart", "read": "buy", "rate": "view"}
    for event in interactions:
        met = done[event.user_id, event.item_id]
        assert event.action == "view" or needs[event.action] in met, event
        met.add(event.action)


def test_cold_readers_show_at_most_three_events_and_all_others_more(
    simulation: Simulation,
) -> None:
    counts = Counter(str(record["user_id"]) for record in simulation.events)
    assert 0.04 <= len(simulation.cold) / len(simulation.persona_of) <= 0.08
    assert {counts[user_id] for user_id in simulation.cold} == {0, 1, 2, 3}
    assert all(
        counts[user_id] > 3 for user_id in simulation.persona_of if user_id not in simulation.cold
    )


def test_persona_sizes_follow_their_shares(simulation: Simulation) -> None:
    sizes = Counter(simulation.persona_of.values())
    for name, persona in PERSONA_BY_NAME.items():
        assert sizes[name] / 600 == pytest.approx(persona.share, abs=0.03)


def test_the_minority_is_four_percent_and_takes_part(simulation: Simulation) -> None:
    assert len(simulation.minority) == 24
    assert {simulation.persona_of[user_id] for user_id in simulation.minority} == {MINORITY}
    assert not simulation.minority & (simulation.cold | simulation.drifted)


def test_the_minority_loves_what_everybody_else_rates_low(
    simulation: Simulation,
    interactions: list[fast.Interaction],
    subject_of: dict[str, str],
) -> None:
    for subject in PERSONA_BY_NAME[MINORITY].taste:
        about = [event for event in interactions if subject_of[event.item_id] == subject]
        theirs = [event for event in about if event.user_id in simulation.minority]
        others = [event for event in about if event.user_id not in simulation.minority]
        assert mean_stars(theirs) > 4
        assert mean_stars(others) < 2.5


def test_disliked_subjects_get_low_stars(
    simulation: Simulation,
    interactions: list[fast.Interaction],
    subject_of: dict[str, str],
) -> None:
    stable = [e for e in interactions if e.user_id not in simulation.drifted]
    for name, persona in PERSONA_BY_NAME.items():
        theirs = [e for e in stable if simulation.persona_of[e.user_id] == name]
        liked = [e for e in theirs if subject_of[e.item_id] in persona.taste]
        disliked = [e for e in theirs if subject_of[e.item_id] in persona.dislikes]
        assert mean_stars(liked) > 4
        assert mean_stars(disliked) < 2.5


def test_readers_who_drift_like_other_subjects_after_the_change(
    simulation: Simulation,
    interactions: list[fast.Interaction],
    subject_of: dict[str, str],
) -> None:
    assert 0.05 <= len(simulation.drifted) / 600 <= 0.09
    assert set(simulation.persona_before) == simulation.drifted
    after: Counter[bool] = Counter()
    before: Counter[bool] = Counter()
    for event in positive(interactions):
        if event.user_id not in simulation.drifted or event.action != "cart":
            continue
        # Ids ascend with time, so they tell what came first.
        changed = event.event_id >= simulation.drifted_at[event.user_id]
        persona = (simulation.persona_of if changed else simulation.persona_before)[event.user_id]
        fits = subject_of[event.item_id] in PERSONA_BY_NAME[persona].taste
        (after if changed else before)[fits] += 1
    assert before[True] > 100
    assert after[True] > 100
    assert before[False] < 0.1 * before[True]
    assert after[False] < 0.1 * after[True]


def test_drift_changes_the_persona(simulation: Simulation) -> None:
    assert all(
        simulation.persona_of[user_id] != before
        for user_id, before in simulation.persona_before.items()
    )


def test_a_few_books_of_each_subject_draw_most_attention(
    interactions: list[fast.Interaction], subject_of: dict[str, str]
) -> None:
    views: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in interactions:
        if event.action == "view" and event.item_id != TRENDING_ITEM:
            views[subject_of[event.item_id]][event.item_id] += 1
    for shelf in views.values():
        top_quarter = sum(n for _, n in shelf.most_common(4))
        assert 0.4 < top_quarter / shelf.total() < 0.85


def test_one_book_bursts_on_the_last_day(interactions: list[fast.Interaction]) -> None:
    by_day = Counter(
        (event.occurred_at_ms - START_MS) // DAY_MS
        for event in interactions
        if event.item_id == TRENDING_ITEM
    )
    usual = sum(by_day[day] for day in range(29)) / 29
    assert by_day[29] > 8 * usual
    last_day = Counter(
        event.item_id for event in interactions if event.occurred_at_ms >= END_MS - DAY_MS
    )
    (first, most), (_, second) = last_day.most_common(2)
    assert first == TRENDING_ITEM
    assert most > 3 * second


def test_ada_begins_at_sea_and_ends_among_ghosts(
    simulation: Simulation,
    interactions: list[fast.Interaction],
    subject_of: dict[str, str],
) -> None:
    hers = [event for event in positive(interactions) if event.user_id == PROTAGONIST]
    turn = simulation.drifted_at[PROTAGONIST]
    before = {subject_of[e.item_id] for e in hers if e.event_id < turn and e.action == "buy"}
    after = {subject_of[e.item_id] for e in hers if e.event_id >= turn and e.action == "buy"}
    assert before == {"adventure and sea", "nature and travel"}
    assert after == {"gothic and horror", "detective and crime"}
    assert simulation.persona_before[PROTAGONIST] == "voyagers"
    assert simulation.persona_of[PROTAGONIST] == "night-readers"


def test_adas_story_is_the_same_under_every_seed(books: tuple[Book, ...]) -> None:
    stories = [
        [
            {**record, "event_id": ""}
            for record in simulate(books=books, seed=seed, start_ms=START_MS, readers=60).events
            if record["user_id"] == PROTAGONIST
        ]
        for seed in (1, 2)
    ]
    assert stories[0] == stories[1]
    assert len(stories[0]) >= 60


@pytest.mark.parametrize(
    ("readers", "events_per_reader"), [(49, 20.0), (600, 5.9), (600, float("nan"))]
)
def test_a_shop_too_small_to_mean_anything_is_refused(
    books: tuple[Book, ...], readers: int, events_per_reader: float
) -> None:
    with pytest.raises(ValueError, match="must be at least"):
        simulate(
            books=books,
            seed=1,
            start_ms=START_MS,
            readers=readers,
            events_per_reader=events_per_reader,
        )


def test_a_stock_without_the_protagonists_books_is_refused(books: tuple[Book, ...]) -> None:
    without = [book for book in books if book.item_id != "dracula"]
    with pytest.raises(ValueError, match="dracula"):
        simulate(books=without, seed=1, start_ms=START_MS)
