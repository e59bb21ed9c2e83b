from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.rules import AllOf, AnyOf, Condition, Not, Rule, contradicts_itself, holds
from profiles.state import Scalar

VALUES: list[Scalar] = ["a", "b", True, False, 0, 1, 1.5, 2, 3, -1, "z"]
BOUNDS = st.sampled_from([None, 0, 1, 1.5, 2])


def condition_on(attribute: str) -> st.SearchStrategy[Rule]:
    among = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3).map(tuple)
    return st.one_of(
        st.builds(Condition, attribute=st.just(attribute), among=among),
        st.builds(
            Condition,
            attribute=st.just(attribute),
            at_least=st.sampled_from([0, 1, 2]),
            above=BOUNDS,
            below=BOUNDS,
            at_most=BOUNDS,
        ),
    )


def combined(parts: st.SearchStrategy[Rule]) -> st.SearchStrategy[Rule]:
    return st.recursive(
        parts,
        lambda parts: st.one_of(
            st.lists(parts, min_size=1, max_size=3).map(lambda rules: AllOf(tuple(rules))),
            st.lists(parts, min_size=1, max_size=3).map(lambda rules: AnyOf(tuple(rules))),
            parts.map(Not),
        ),
        max_leaves=6,
    )


NAMES = st.sampled_from(["x", "y"])
TESTS = NAMES.flatmap(condition_on)
RULES = combined(TESTS | st.builds(Condition, attribute=NAMES, exists=st.booleans()))
STATED = st.dictionaries(NAMES, st.sampled_from(VALUES))


def kleene(rule: Rule, stated: Mapping[str, Scalar]) -> bool | None:
    """The same from truth tables: min and max over false < unknown < true."""
    order = {False: 0, None: 1, True: 2}
    back = {0: False, 1: None, 2: True}
    match rule:
        case Condition():
            return rule.holds_of(stated.get(rule.attribute))
        case Not():
            return back[2 - order[kleene(rule.rule, stated)]]
        case AllOf():
            return back[min(order[kleene(part, stated)] for part in rule.rules)]
        case AnyOf():
            return back[max(order[kleene(part, stated)] for part in rule.rules)]


@given(RULES, STATED)
def test_rules_follow_the_truth_tables(rule: Rule, stated: dict[str, Scalar]) -> None:
    assert holds(rule, stated) is kleene(rule, stated)


@given(combined(TESTS), STATED, STATED)
def test_what_is_decided_stays_decided_when_more_is_stated(
    rule: Rule, stated: dict[str, Scalar], more: dict[str, Scalar]
) -> None:
    """Except by `exists`, which asks whether it was."""
    decided = holds(rule, stated)
    if decided is not None:
        assert holds(rule, more | stated) is decided


@given(RULES)
def test_a_rule_is_contradictory_exactly_when_nothing_satisfies_it(rule: Rule) -> None:
    # Finer than the numbers that rules mention here, so that it hits every gap.
    tried = [None, "a", "b", "z", "?", True, False, *(number / 4 for number in range(-8, 20))]
    found = any(
        holds(
            rule,
            {name: value for name, value in (("x", one), ("y", other)) if value is not None},
        )
        for one, other in product(tried, tried)
    )
    assert contradicts_itself(rule) is not found


@pytest.mark.parametrize(
    ("value", "found"),
    [(17, True), (17.9, True), (18, False), ("17", None), (True, None), (None, None)],
)
def test_only_numbers_lie_within_bounds(value: Scalar | None, *, found: bool | None) -> None:
    assert Condition(attribute="age", below=18).holds_of(value) is found


@pytest.mark.parametrize(
    ("among", "value", "found"),
    [
        (("yes",), "yes", True),
        (("yes",), "no", False),
        (("yes",), True, None),
        ((True,), 1, None),
        ((1,), 1.0, True),
        ((1, "one"), "two", False),
    ],
)
def test_values_of_different_types_are_unknown_to_each_other(
    among: tuple[Scalar, ...], value: Scalar, *, found: bool | None
) -> None:
    assert Condition(attribute="x", among=among).holds_of(value) is found


def test_a_list_passes_if_one_of_its_values_does() -> None:
    horror = Condition(attribute="genres", among=("horror",))
    assert horror.holds_of(("comedy", "horror")) is True
    assert horror.holds_of(("comedy",)) is False
    assert horror.holds_of((1, "comedy")) is None
    assert horror.holds_of(()) is False
