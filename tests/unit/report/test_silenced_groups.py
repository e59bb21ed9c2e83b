"""Groups of a data set: the bookshop's planted minority is found, named and seen to be silenced."""

import json
import re
from collections import Counter

import numpy as np
import pytest
from evaluation_world import chose, item, rated, voted
from msgspec.structs import replace
from report_world import report

from bookshop.catalogue import item_events, load_books
from bookshop.personas import MINORITY, PERSONA_BY_NAME, VERSE
from bookshop.simulator import simulate
from evaluation.report.groups import (
    declared_groupings,
    descriptions,
    discovered_groupings,
    titles,
)
from evaluation.report.opinions import choices_of, judgements_of, tally_of
from evaluation.report.results import GroupingResult
from evaluation.report.samples import Sample, draw_users
from evaluation.run import TaskName
from evaluation.silencing import find_gap, silenced_groups
from profiles.queries import Level
from profiles.silencing import Satisfaction, SilencingSettings
from schemas.decoded import Attributes, FastEvent, Interaction, Item
from schemas.fast import decode
from schemas.rejection import Rejection

EMPTY = Sample((), np.zeros(0, np.int64), np.zeros(0, np.int64), {Level.GLOBAL: np.zeros(0)}, ())


def decoded(records: object) -> list[FastEvent]:
    assert isinstance(records, list | tuple)
    events = [decode(json.dumps(one).encode(), received_ms=2**42) for one in records]
    return [event for event in events if not isinstance(event, Rejection)]


@pytest.fixture(scope="module")
def bookshop() -> tuple[list[FastEvent], list[FastEvent], frozenset[str]]:
    simulation = simulate(books=load_books(), seed=7, start_ms=1_767_225_600_000, readers=1_500)
    return decoded(item_events()), decoded(simulation.events), simulation.minority


@pytest.fixture(scope="module")
def groupings(
    bookshop: tuple[list[FastEvent], list[FastEvent], frozenset[str]],
) -> tuple[GroupingResult, ...]:
    items, events, _ = bookshop
    return silenced_groups(
        TaskName.NEXT_ITEM,
        EMPTY,
        draw_users(0, resamples=200, seed=0),
        items=items,
        events=events,
        settings=SilencingSettings(),
        seed=0,
    )


def test_the_planted_minority_is_a_group_named_after_what_it_likes(
    bookshop: tuple[list[FastEvent], list[FastEvent], frozenset[str]],
) -> None:
    items, events, minority = bookshop
    (found,) = discovered_groupings(
        judgements_of(events, looks=True)[0],
        descriptions(items),
        Satisfaction.COVERAGE,
        minimum_size=20,
        seed=0,
    )
    theirs = Counter(found.group_of[user] for user in minority if user in found.group_of)
    (group, members), *_ = theirs.most_common()
    assert members >= 0.9 * theirs.total()
    # Four in a hundred of all readers, and ten times as many here.
    assert members >= 0.4 * found.sizes()[group]
    assert set(PERSONA_BY_NAME[MINORITY].taste) <= set(found.labels[group])


def test_what_the_planted_minority_loves_is_seen_to_be_turned_round(
    groupings: tuple[GroupingResult, ...],
) -> None:
    personas = next(one for one in groupings if one.discovered)
    (minority,) = (group for group in personas.groups if VERSE in group.labels)
    reversal = next(one for one in minority.reversals if (one.what, one.over) == (VERSE, None))
    assert reversal.group_margin > 0.2
    assert reversal.overall_margin < 0
    assert reversal.q_value <= 0.05
    assert minority.silenced
    assert personas.silenced_share > 0


def test_the_page_names_the_minority_and_what_it_loves(
    groupings: tuple[GroupingResult, ...],
) -> None:
    pytest.importorskip("matplotlib")
    from evaluation.report.markdown import markdown_of
    from evaluation.report.pages import document_of

    whole = report()
    (found,) = whole.sets
    (task,) = found.tasks
    shown = replace(found, tasks=(replace(task, groupings=groupings),))
    page = markdown_of(document_of(replace(whole, sets=(shown,))))
    alarm = next(line for line in page.splitlines() if line.startswith("- persona: "))
    assert re.search(rf"\(p\d+ \({VERSE}, .*everybody's preference is opposite", alarm)


def test_attributes_that_mean_nothing_for_taste_turn_nothing_round(
    groupings: tuple[GroupingResult, ...],
) -> None:
    countries = next(one for one in groupings if one.name == "country")
    assert len(countries.groups) >= 5
    assert sum(group.reversed for group in countries.groups) == 0


def test_each_conversation_is_parted_by_itself_and_has_its_own_everybody() -> None:
    """In each, eight of ten are for even statements; the conversations share nobody."""
    events: list[FastEvent] = [
        voted(f"{name}-{user}", f"{name}-{number}", 1.0 if (number % 2 == 0) == even else -1.0)
        for name, users in (("roads", 150), ("parks", 100))
        for user in range(users)
        for even in (user % 10 < 8,)
        for number in range(20)
    ]
    statements: list[FastEvent] = [
        Item("default", f"{n}-{i}", 0, f"{n}-{i}", "text", attributes={"about": n})
        for n in ("roads", "parks")
        for i in range(20)
    ]
    settings = SilencingSettings(minimum_size=20, shown=5)
    found = silenced_groups(
        TaskName.SIGN,
        EMPTY,
        draw_users(0, resamples=200, seed=0),
        items=statements,
        events=events,
        settings=settings,
        seed=0,
    )
    assert {one.name for one in found} == {"persona in roads", "persona in parks"}
    for grouping in found:
        few, many = sorted(grouping.groups, key=lambda group: group.size)
        assert few.size * 4 == many.size
        assert (few.silenced, many.silenced) == (True, False)
        assert grouping.silenced_share == 0.2
        assert few.reversed >= 10
    assert {group.group for one in found for group in one.groups} == {"p1", "p2", "p3", "p4"}


def test_groups_need_enough_people_and_two_values() -> None:
    def lives(user: int, country: str) -> Attributes:
        stated = {"country": country, "planet": "earth"}
        return Attributes("default", f"a{user}", user, f"u{user}", stated)

    events: list[FastEvent] = [
        *(lives(user, "GB" if user < 5 else "US") for user in range(12)),
        lives(12, "FR"),
        lives(12, "GB"),
    ]
    (country,) = declared_groupings(events, minimum_size=3)
    assert country.sizes() == {"GB": 6, "US": 7}
    assert declared_groupings(events, minimum_size=7) == []


def test_the_last_vote_is_the_opinion_and_a_look_is_none() -> None:
    def acts(item_id: str, action: str, at_ms: int) -> Interaction:
        return Interaction("default", f"{item_id}-{at_ms}", at_ms, "ann", item_id, action, None)

    events: list[FastEvent] = [
        voted("ann", "a", 1.0, 1),
        voted("ann", "a", -1.0, 2),
        voted("ann", "b", 0.0, 3),
        acts("c", "view", 4),
        acts("d", "view", 5),
        acts("d", "buy", 6),
        acts("e", "comment", 7),
        rated("ann", "d", 1.0, 8),
    ]
    told = tally_of(judgements_of(events)[0])
    assert (told.positive, told.negative) == ({"e": 1}, {"a": 1, "d": 1})
    assert tally_of(judgements_of(events, looks=True)[0]).positive == {"c": 1, "e": 1}


def test_a_comparison_is_for_one_side_and_against_the_other_in_the_same_half() -> None:
    opinions, half_of = choices_of([chose("ann", "a", "b"), chose("bob", "b", "a")])
    told = tally_of(opinions)
    assert (told.positive, told.negative) == ({"a": 1, "b": 1}, {"a": 1, "b": 1})
    assert {one.half for one in opinions if one.user_id == "ann"} == {half_of["ann-a-b"]}


def test_opinions_about_an_item_lie_in_one_half_and_both_halves_are_used() -> None:
    opinions, half_of = judgements_of([voted("ann", f"i{n}", 1.0, n) for n in range(40)])
    assert all(half_of[f"ann-{one.item_id}"] == one.half for one in opinions)
    assert {one.half for one in opinions} == {0, 1}


def test_words_that_only_one_item_has_are_no_description() -> None:
    items = [
        Item("default", str(n), 0, f"i{n}", "text " * 40, attributes={"kind": kind, "id": f"x{n}"})
        for n, kind in enumerate(["ale", "ale", "stout"])
    ]
    assert descriptions(items) == {"i0": ("ale",), "i1": ("ale",), "i2": ()}
    assert len(titles(items)["i0"]) == 60
    assert titles([item("a")]) == {"a": "text of a"}


def test_a_group_that_is_predicted_worse_is_found_and_chance_is_not() -> None:
    rng = np.random.default_rng(5)
    owner = np.repeat(np.arange(100), 30)
    inside = np.arange(100) < 30
    draws = draw_users(100, resamples=500, seed=0)
    planted = rng.random(3_000) < np.where(inside[owner], 0.6, 0.8)
    gap = find_gap(planted.astype(np.float64), owner, inside, draws, seed=0)
    assert gap is not None
    assert gap.worse.mean == pytest.approx(0.2, abs=0.05)
    assert gap.worse.low > 0.1
    assert gap.p_value == pytest.approx(1 / 2_001)
    assert (gap.tested, gap.predictions) == (30, 900)
    p_values = []
    for seed in range(60):
        noise = np.random.default_rng(seed).random(3_000) < 0.7
        found = find_gap(noise.astype(np.float64), owner, inside, draws, seed=seed)
        assert found is not None
        p_values.append(found.p_value)
    assert sum(one <= 0.05 for one in p_values) <= 8
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.15)


def test_a_handful_of_predicted_members_is_not_compared() -> None:
    owner, draws = np.arange(30), draw_users(30, resamples=200, seed=0)
    assert find_gap(np.ones(30), owner, np.arange(30) < 9, draws, seed=0) is None
    assert find_gap(np.ones(30), owner, np.arange(30) < 10, draws, seed=0) is not None
