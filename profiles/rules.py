"""Rules over attributes: what personas and norms are declared with.

A rule is true, false or **unknown** of somebody (None), in the strong logic of
Kleene (1952, "Introduction to Metamathematics", §64): an attribute that nobody
stated makes a condition unknown, and `all`, `any` and `not` pass that on only
where it decides. Whoever asks says what unknown is to mean.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from profiles.state import Scalar

__all__ = [
    "AllOf",
    "AnyOf",
    "Condition",
    "DeclarationError",
    "Not",
    "Rule",
    "Value",
    "conditions",
    "contradicts_itself",
    "holds",
]

Value = Scalar | Sequence[Scalar]
"""What an attribute can be: people state single values, items may carry lists."""


class DeclarationError(ValueError):
    """What people declared cannot be used; the message names the entry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One attribute against fixed values; exactly one kind of test is given.

    Attributes:
        among: The value is one of these.
        at_least, above, at_most, below: The value is a number within these bounds.
        exists: The attribute was stated, or was not; never unknown.
    """

    attribute: str
    among: tuple[Scalar, ...] | None = None
    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    exists: bool | None = None

    def holds_of(self, value: Value | None) -> bool | None:
        """None if the value was not stated or of a type that this test cannot compare.

        A list passes if one of its values does.

        >>> under_18 = Condition(attribute="age", below=18)
        >>> under_18.holds_of(17), under_18.holds_of("17"), under_18.holds_of(None)
        (True, None, None)
        """
        if self.exists is not None:
            return (value is not None) is self.exists
        if value is None:
            return None
        if isinstance(value, str | int | float):
            return self._passes(value)
        passed = [self._passes(one) for one in value]
        return True if True in passed else None if None in passed else False

    def _passes(self, value: Scalar) -> bool | None:
        if self.among is not None:
            kind = _kind(value)
            comparable = [one for one in self.among if _kind(one) is kind]
            return value in comparable if comparable else None
        if isinstance(value, str | bool):
            return None
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
        )

    @property
    def mentioned(self) -> tuple[Scalar, ...]:
        bounds = (self.at_least, self.above, self.at_most, self.below)
        return (*(self.among or ()), *(bound for bound in bounds if bound is not None))


@dataclass(frozen=True, slots=True)
class AllOf:
    """True if all parts are, false if one is."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """True if one part is, false if all are."""

    rules: tuple["Rule", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """True if its part is false, and the other way round."""

    rule: "Rule"


Rule = Condition | AllOf | AnyOf | Not


def holds(rule: Rule, stated: Mapping[str, Value]) -> bool | None:
    """Whether `rule` is true of somebody who stated these attributes; None if unknown.

    >>> adult = Not(Condition(attribute="age", below=18))
    >>> holds(adult, {"age": 40}), holds(adult, {"age": 3}), holds(adult, {})
    (True, False, None)
    """
    match rule:
        case Condition():
            return rule.holds_of(stated.get(rule.attribute))
        case Not():
            found = holds(rule.rule, stated)
            return None if found is None else not found
        case AllOf() | AnyOf():
            decisive = isinstance(rule, AnyOf)
            is_unknown = False
            for part in rule.rules:
                found = holds(part, stated)
                if found is decisive:
                    return decisive
                is_unknown = is_unknown or found is None
            return None if is_unknown else not decisive
        case _:
            assert_never(rule)


def conditions(rule: Rule) -> Iterator[Condition]:
    """The rule's conditions, from left to right."""
    match rule:
        case Condition():
            yield rule
        case Not():
            yield from conditions(rule.rule)
        case AllOf() | AnyOf():
            for part in rule.rules:
                yield from conditions(part)
        case _:
            assert_never(rule)


def contradicts_itself(rule: Rule) -> bool:
    """Whether the rule is true of nobody, whatever single values they state.

    Exact: a few values of each attribute stand for all, because a rule tells
    apart neither two numbers between the same mentioned ones nor two texts that
    it does not mention. Attributes get their values one after the other, and a
    choice after which the rule cannot become true is not followed.
    """
    mentioned: dict[str, set[Scalar]] = {}
    for condition in conditions(rule):
        mentioned.setdefault(condition.attribute, set()).update(condition.mentioned)
    candidates = {name: _representatives(values) for name, values in mentioned.items()}
    return not _satisfiable(rule, candidates, {})


def _satisfiable(
    rule: Rule,
    candidates: Mapping[str, Sequence[Scalar | None]],
    chosen: Mapping[str, Scalar | None],
) -> bool:
    if not _may_be(rule, chosen, truth=True):
        return False
    left = candidates.keys() - chosen.keys()
    if not left:
        return True
    name = min(left)
    return any(_satisfiable(rule, candidates, {**chosen, name: one}) for one in candidates[name])


def _may_be(rule: Rule, chosen: Mapping[str, Scalar | None], *, truth: bool) -> bool:
    """Whether the rule is `truth`, or can still become it by what has not been chosen."""
    match rule:
        case Condition():
            name = rule.attribute
            return name not in chosen or rule.holds_of(chosen[name]) is truth
        case Not():
            return _may_be(rule.rule, chosen, truth=not truth)
        case AllOf() | AnyOf():
            parts = (_may_be(part, chosen, truth=truth) for part in rule.rules)
            return all(parts) if isinstance(rule, AllOf) is truth else any(parts)
        case _:
            assert_never(rule)


def _representatives(mentioned: set[Scalar]) -> list[Scalar | None]:
    """Values that stand for all: the mentioned ones, between, beyond, and not stated."""
    numbers = sorted({float(one) for one in mentioned if _kind(one) is float})
    between = [low + (high - low) / 2 for low, high in pairwise(numbers)]
    beyond = [numbers[0] - 1.0, numbers[-1] + 1.0] if numbers else [0.0]
    texts = sorted(one for one in mentioned if isinstance(one, str))
    return [*numbers, *between, *beyond, *texts, "".join(texts) + "*", True, False, None]


def _kind(value: Scalar) -> type:
    """Numbers of either type compare; truth values are no numbers."""
    return float if type(value) is int else type(value)
