"""Whom an average silences, and what it would cost the others to listen.

Groups are disjoint parts of the population with counts of acts for and against items. A list of
items made by averaging over everybody serves a group by its *satisfaction*, a mean over the group
that depends on what is on the list. An aggregation that gives each group at least a floor of the
weight stands between the plain average (floor 0) and an equal say of all groups (floor 1 / groups).

References:
    Harsanyi 1955, "Cardinal welfare, individualistic ethics, and interpersonal comparisons of
    utility" (weighted sums of utilities). Ekstrand et al. 2022, "Fairness in information access
    systems" (what a ranking is worth to groups).
    Four-fifths as the fraction under which a group counts as worse off: Uniform Guidelines on
    Employee Selection Procedures, 29 CFR 1607.4 D (1978).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic

import numpy as np
import numpy.typing as npt

from profiles.reversals import Group, ItemT, Reversal, Table, Tally, find_reversals, tabulate

__all__ = [
    "DEFAULT_SETTINGS",
    "Protection",
    "Satisfaction",
    "SilencingSettings",
    "Standing",
    "Standings",
    "protect",
    "protected_weights",
    "standings",
    "utilities",
]

Floats = npt.NDArray[np.float64]

_PRIOR_ACTS: Final = 10.0


class Satisfaction(StrEnum):
    """What a list is worth to a group.

    APPROVAL: the mean share of the group's acts that are for the listed items; for items that
    are put before people, who then say for or against (votes, judgements, pairs).
    COVERAGE: the part of the group's acts for items that falls on listed items; where people
    choose what they meet.
    """

    APPROVAL = "approval"
    COVERAGE = "coverage"


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencingSettings:
    """When a group counts as silenced.

    Attributes:
        minimum_size: Groups of fewer people are left out, ≥ 1.
        least_acts: On an item, for it to be looked at, ≥ 1.
        false_discovery: Expected part of false ones among the reversals, in (0, 1).
        fraction: A group that the global list satisfies less than this fraction of the largest
            group's satisfaction is silenced, in [0, 1].
        floor: Least weight of a group in the protecting aggregation, in [0, 1]; cut to
            1 / groups where there are many.
        shown: Length of the global list, ≥ 1.
    """

    minimum_size: int = 20
    least_acts: int = 10
    false_discovery: float = 0.05
    fraction: float = 0.8
    floor: float = 0.1
    shown: int = 20


DEFAULT_SETTINGS: Final = SilencingSettings()


@dataclass(frozen=True, slots=True)
class Protection(Generic[ItemT]):
    """The plain list, the protecting one, and what changes.

    Attributes:
        weights: Of each group in the protecting aggregation; sum to 1.
        plain, protecting: Listed items, best first.
        before, after: Satisfaction of each group with the plain and the protecting list.
        price: Mean loss of satisfaction per person, ≥ 0 up to rounding: the plain list is the
            best for the mean.
        others: Mean loss per person of the groups whose weight is not raised; ≥ 0 when one
            group is raised. None if all are raised, or none is there.
    """

    weights: tuple[float, ...]
    plain: tuple[ItemT, ...]
    protecting: tuple[ItemT, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    price: float
    others: float | None


@dataclass(frozen=True, slots=True)
class Standing(Generic[ItemT]):
    """How a group fares under the average.

    Attributes:
        satisfaction: With the plain list, in [0, 1].
        protected: With the protecting list, in [0, 1].
        ratio: `satisfaction` over the largest group's; None where that is 0.
        top: What the group prefers most; None if it acted on nothing often enough.
        reversals: Its preferences that everybody's turn round, surest first.
        top_reversed: Some of them is about `top`.
        silenced: `top_reversed`, or `ratio` under the fraction.
    """

    group: str
    size: int
    satisfaction: float
    protected: float
    ratio: float | None
    top: ItemT | None
    reversals: tuple[Reversal[ItemT], ...]
    top_reversed: bool
    silenced: bool


@dataclass(frozen=True, slots=True)
class Standings(Generic[ItemT]):
    """All groups, worst served first.

    Attributes:
        users: People in these groups.
        silenced_share: Part of them in silenced groups, in [0, 1]; 0 without groups.
    """

    groups: tuple[Standing[ItemT], ...]
    users: int
    silenced_share: float
    protection: Protection[ItemT]


def protected_weights(sizes: Sequence[int], floor: float) -> Floats:
    """Shares of the sizes, none under `floor`, the others in proportion; shape (groups,).

    >>> protected_weights([90, 10], 0.25).tolist()
    [0.75, 0.25]

    Args:
        sizes: Each ≥ 1.
        floor: In [0, 1 / groups]; 0 leaves the shares as they are.

    Raises:
        ValueError: no such floor.
    """
    if not 0.0 <= floor * len(sizes) <= 1.0 + 1e-12:
        raise ValueError(f"a floor of {floor} for each of {len(sizes)} groups is no share")
    shares = np.array(sizes, np.float64)
    raised = np.zeros(len(shares), np.bool_)
    weights = shares / max(shares.sum(), 1.0)
    # Raising one group may push another one under the floor.
    while (low := ~raised & (weights < floor)).any():
        raised |= low
        left = 1.0 - floor * raised.sum()
        weights = np.where(raised, floor, left * shares / max(shares[~raised].sum(), 1.0))
    return np.asarray(weights, np.float64)


def utilities(table: Table[ItemT], kind: Satisfaction) -> Floats:
    """What each listed item is worth to each group, in [0, 1], shape (groups, items).

    A group's share is drawn to everybody's by ten acts (beta–binomial shrinkage), and
    everybody's to the mean over items, so that few acts do not look like a strong opinion.
    """
    if kind is Satisfaction.COVERAGE:
        whole = np.maximum(table.positive.sum(axis=1, keepdims=True), 1e-9)
        return np.asarray(table.positive / whole, np.float64)
    acts = table.all_positive + table.all_negative
    mean = table.all_positive.sum() / max(acts.sum(), 1e-9)
    overall = (table.all_positive + _PRIOR_ACTS * mean) / (acts + _PRIOR_ACTS)
    own = table.positive + table.negative
    shrunk = (table.positive + _PRIOR_ACTS * overall) / (own + _PRIOR_ACTS)
    return np.asarray(shrunk, np.float64)


def protect(
    table: Table[ItemT], kind: Satisfaction, *, floor: float, shown: int
) -> Protection[ItemT]:
    """Compare the plain average's list with one in which each group has at least `floor`.

    Args:
        floor: As in `protected_weights`.
        shown: Length of both lists, ≥ 1; cut to half of the items, so that there is a choice.

    Raises:
        ValueError: no such floor.
    """
    worth = utilities(table, kind)
    plain_weights, weights = (
        protected_weights(table.sizes, 0.0),
        protected_weights(table.sizes, floor),
    )
    shown = min(shown, (len(table.items) + 1) // 2)
    plain, protecting = (_best(one @ worth, shown) for one in (plain_weights, weights))
    before, after = _satisfaction(worth, plain, kind), _satisfaction(worth, protecting, kind)
    loss = before - after
    others = weights <= plain_weights + 1e-12
    mass = float(plain_weights[others].sum())
    return Protection(
        tuple(weights.tolist()),
        tuple(table.items[column] for column in plain),
        tuple(table.items[column] for column in protecting),
        tuple(before.tolist()),
        tuple(after.tolist()),
        float(plain_weights @ loss),
        float(plain_weights[others] @ loss[others]) / mass if mass > 0 else None,
    )


def _best(values: Floats, shown: int) -> list[int]:
    """Columns of the largest values; equal ones in the order of the items."""
    # Sums of the same terms in another order differ in their last bits.
    order: list[int] = np.argsort(-np.round(values, 12), kind="stable")[:shown].tolist()
    return order


def _satisfaction(worth: Floats, columns: list[int], kind: Satisfaction) -> Floats:
    if not columns:
        return np.zeros(len(worth))
    listed = worth[:, columns]
    whole = listed.sum(axis=1) if kind is Satisfaction.COVERAGE else listed.mean(axis=1)
    return np.asarray(whole, np.float64)


def standings(
    overall: Tally[ItemT],
    groups: Sequence[Group[ItemT]],
    kind: Satisfaction,
    *,
    settings: SilencingSettings = DEFAULT_SETTINGS,
    acts_per_opinion: float = 1.0,
    most_items: int = 2_000,
) -> Standings[ItemT]:
    """How each group above the minimum size fares; what is said does not depend on their order.

    Args:
        overall: Acts of everybody, of people in no group too.
        groups: Disjoint, with different names.
        acts_per_opinion, most_items: As in `reversals.tabulate`.
    """
    large = [group for group in groups if group.size >= settings.minimum_size]
    # The largest first: it is the majority that others are compared with.
    large.sort(key=lambda group: (-group.size, group.name))
    table = tabulate(
        overall,
        large,
        least_acts=settings.least_acts,
        acts_per_opinion=acts_per_opinion,
        most_items=most_items,
    )
    found = find_reversals(
        table, least_acts=settings.least_acts, false_discovery=settings.false_discovery
    )
    floor = min(settings.floor, 1.0 / max(len(large), 1))
    protection = protect(table, kind, floor=floor, shown=settings.shown)
    told: list[Standing[ItemT]] = []
    for row, group in enumerate(large):
        top = _top(table, row, settings.least_acts)
        own = tuple(one for one in found if one.group == group.name)
        most = protection.before[0]
        ratio = protection.before[row] / most if most > 0 else None
        top_reversed = any(_prefers(one, top) for one in own)
        silenced = top_reversed or (ratio is not None and ratio < settings.fraction)
        told.append(
            Standing(
                group.name,
                group.size,
                protection.before[row],
                protection.after[row],
                ratio,
                top,
                own,
                top_reversed,
                silenced,
            )
        )
    told.sort(key=lambda one: (one.satisfaction, one.group))
    users = sum(group.size for group in large)
    lost = sum(one.size for one in told if one.silenced)
    return Standings(tuple(told), users, lost / users if users else 0.0, protection)


def _top(table: Table[ItemT], row: int, least_acts: int) -> ItemT | None:
    """The item with the highest lower bound of the share for it (Wilson 1927, z = 1.96)."""
    acts = table.positive[row] + table.negative[row]
    if not (acts >= least_acts).any():
        return None
    share, z2 = table.positive[row] / np.maximum(acts, 1e-9), 1.96**2
    spread = 1.96 * np.sqrt((share * (1.0 - share) + z2 / (4.0 * acts + 1e-9)) / (acts + 1e-9))
    lower = (share + z2 / (2.0 * acts + 1e-9) - spread) / (1.0 + z2 / (acts + 1e-9))
    return table.items[int(np.argmax(np.where(acts >= least_acts, lower, -np.inf)))]


def _prefers(reversal: Reversal[ItemT], top: ItemT | None) -> bool:
    return reversal.item == top and reversal.group_margin > 0
