"""Who the average silences: planted reversals, a planted minority, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiles.reversals import Group, Tally, find_reversals, tabulate
from profiles.silencing import (
    Protection,
    Satisfaction,
    SilencingSettings,
    protect,
    protected_weights,
    standings,
)


def tally(**votes: tuple[int, int]) -> Tally[str]:
    return Tally({item: votes[item][0] for item in votes}, {item: votes[item][1] for item in votes})


def summed(*groups: Group[str]) -> Tally[str]:
    items = {item for group in groups for item in group.tally.positive}
    return Tally(
        {item: sum(group.tally.positive.get(item, 0) for group in groups) for item in items},
        {item: sum(group.tally.negative.get(item, 0) for group in groups) for item in items},
    )


MANY = Group("many", 900, tally(park=(800, 100), mosque=(200, 700), road=(500, 400)))
FEW = Group("few", 100, tally(park=(60, 40), mosque=(95, 5), road=(55, 45)))


def test_a_minority_whose_majority_is_voted_down_is_named_with_its_item() -> None:
    table = tabulate(summed(MANY, FEW), [MANY, FEW], least_acts=10)
    found = find_reversals(table, least_acts=10)
    items = [one for one in found if one.over is None]
    assert [(one.group, one.item) for one in items] == [("few", "mosque")]
    assert items[0].group_margin == pytest.approx(0.45)
    assert items[0].overall_margin == pytest.approx(295 / 1000 - 0.5)
    pairs = {(one.group, one.item, one.over) for one in found if one.over is not None}
    assert pairs == {("few", "mosque", "park"), ("few", "mosque", "road")}


def test_simpson_s_reversal_of_both_groups_against_everybody_is_found() -> None:
    # Each group prefers a to b; everybody prefers b, because b was mostly shown to the lenient.
    strict = Group("strict", 500, tally(a=(400, 600), b=(20, 180)))
    lenient = Group("lenient", 500, tally(a=(190, 10), b=(800, 200)))
    table = tabulate(summed(strict, lenient), [strict, lenient], least_acts=10)
    pairs = {
        (one.group, one.item, one.over)
        for one in find_reversals(table, least_acts=10)
        if one.over is not None
    }
    assert pairs == {("strict", "a", "b"), ("lenient", "a", "b")}


def test_chance_alone_is_rarely_called_a_reversal() -> None:
    rng = np.random.default_rng(3)
    false = 0
    for _ in range(50):
        votes = rng.binomial(20, 0.5, (5, 30))
        groups = [
            Group(
                f"g{row}",
                20,
                tally(**{f"i{item}": (int(ayes), 20 - int(ayes)) for item, ayes in enumerate(own)}),
            )
            for row, own in enumerate(votes)
        ]
        table = tabulate(summed(*groups), groups, least_acts=10)
        false += bool(find_reversals(table, least_acts=10))
    # At a false discovery rate of 5 % at most about 2.5 of 50 worlds of chance would have any.
    assert false <= 5


def test_acts_that_repeat_an_opinion_do_not_make_it_surer() -> None:
    few = Group("few", 100, tally(mosque=(12, 3)))
    many = Group("many", 900, tally(mosque=(100, 800)))
    once = tabulate(summed(few, many), [few, many], least_acts=3)
    thrice = tabulate(summed(few, many), [few, many], least_acts=3, acts_per_opinion=3.0)
    assert [one.group for one in find_reversals(once, least_acts=3)] == ["few"]
    assert find_reversals(thrice, least_acts=3) == []


def test_the_alarm_counts_the_people_of_silenced_groups() -> None:
    found = standings(
        summed(MANY, FEW), [FEW, MANY], Satisfaction.APPROVAL, settings=SilencingSettings(shown=1)
    )
    assert [one.group for one in found.groups] == ["few", "many"]
    few, many = found.groups
    assert (few.silenced, few.top, few.top_reversed) == (True, "mosque", True)
    assert (many.silenced, many.ratio) == (False, 1.0)
    assert (found.users, found.silenced_share) == (1_000, 0.1)


def test_groups_under_the_minimum_size_are_not_mentioned() -> None:
    settings = SilencingSettings(minimum_size=101)
    found = standings(summed(MANY, FEW), [MANY, FEW], Satisfaction.APPROVAL, settings=settings)
    assert [one.group for one in found.groups] == ["many"]
    assert found.silenced_share == 0.0


def test_without_groups_nobody_is_silenced() -> None:
    found = standings(summed(MANY), [], Satisfaction.COVERAGE)
    assert (found.groups, found.users, found.silenced_share) == ((), 0, 0.0)
    assert found.protection.others is None


def test_a_floor_lifts_the_minority_and_names_the_price() -> None:
    plain = tally(a=(600, 0), b=(300, 0), poem=(0, 0))
    reads, verses = Group("reads", 900, plain), Group("verses", 100, tally(poem=(80, 0)))
    table = tabulate(summed(reads, verses), [reads, verses], least_acts=10)
    lifted = protect(table, Satisfaction.COVERAGE, floor=0.4, shown=2)
    assert lifted.plain == ("a", "b")
    assert set(lifted.protecting) == {"a", "poem"}
    assert (lifted.before[1], lifted.after[1]) == (0.0, 1.0)
    assert lifted.others == pytest.approx(1 / 3)
    assert lifted.price == pytest.approx(0.9 / 3 - 0.1)


@pytest.mark.parametrize("floor", [-0.1, 0.51, float("nan")])
def test_a_floor_that_is_no_share_is_refused(floor: float) -> None:
    with pytest.raises(ValueError, match="floor"):
        protected_weights([5, 5], floor)


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 1_000), min_size=1, max_size=8),
    st.floats(0.0, 1.0),
)
def test_weights_are_shares_above_the_floor(sizes: list[int], part: float) -> None:
    floor = part / len(sizes)
    weights = protected_weights(sizes, floor)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights >= floor - 1e-12).all()
    # Nobody gains above the floor: who is not raised loses in proportion.
    shares = np.array(sizes) / sum(sizes)
    kept = weights > floor + 1e-9
    assert np.ptp(weights[kept] / shares[kept]) < 1e-9 if kept.any() else True
    np.testing.assert_allclose(protected_weights(sizes, 0.0), shares)


_counts = st.tuples(st.integers(0, 60), st.integers(0, 60))
_groups = st.lists(
    st.tuples(st.integers(1, 500), st.lists(_counts, min_size=6, max_size=6)),
    min_size=1,
    max_size=5,
).map(
    lambda drawn: [
        Group(f"g{row}", size, tally(**{f"i{item}": votes for item, votes in enumerate(own)}))
        for row, (size, own) in enumerate(drawn)
    ]
)


def compared(groups: list[Group[str]], kind: Satisfaction, floor: float) -> Protection[str]:
    table = tabulate(summed(*groups), groups, least_acts=1)
    return protect(table, kind, floor=floor / len(groups), shown=3)


@settings(deadline=None)
@given(_groups, st.sampled_from(Satisfaction))
def test_a_floor_of_zero_is_the_plain_average(groups: list[Group[str]], kind: Satisfaction) -> None:
    same = compared(groups, kind, 0.0)
    assert same.protecting == same.plain
    assert same.after == same.before
    assert same.price == pytest.approx(0.0)


@settings(deadline=None)
@given(_groups, st.sampled_from(Satisfaction), st.floats(0.0, 1.0))
def test_protection_has_a_price_and_satisfaction_is_a_share(
    groups: list[Group[str]], kind: Satisfaction, floor: float
) -> None:
    done = compared(groups, kind, floor)
    assert done.price >= -1e-9
    assert all(-1e-9 <= one <= 1 + 1e-9 for one in (*done.before, *done.after))
    raised = sum(
        weight > group.size / sum(one.size for one in groups) + 1e-9
        for weight, group in zip(done.weights, groups, strict=True)
    )
    if raised == 1 and done.others is not None:
        assert done.others >= -1e-9


@settings(deadline=None)
@given(_groups, st.sampled_from(Satisfaction), st.randoms(use_true_random=False))
def test_the_order_of_groups_changes_nothing(
    groups: list[Group[str]], kind: Satisfaction, random: object
) -> None:
    shuffled = list(groups)
    random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    settings = SilencingSettings(minimum_size=1, least_acts=1)
    one, other = (
        standings(summed(*groups), order, kind, settings=settings) for order in (groups, shuffled)
    )
    assert [(g.group, g.silenced, g.top, g.reversals) for g in one.groups] == [
        (g.group, g.silenced, g.top, g.reversals) for g in other.groups
    ]
    assert one.silenced_share == other.silenced_share
