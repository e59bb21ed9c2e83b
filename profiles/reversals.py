"""Preferences that an average turns round: what a group wants and everybody does not.

An association that holds overall and is the opposite within a group is Simpson's reversal
(Simpson 1951; Blyth 1972, "On Simpson's paradox and the sure-thing principle"). Here the overall
majority is against an item that the group's majority is for, or the other way round; or everybody
prefers one of two items and the group the other.

Both directions have to be significant, so a reversal's p-value is the larger of the two
(intersection–union test, Berger 1982), and the false discovery rate over everything that was
looked at is bounded (Benjamini & Hochberg 1995).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import betainc, ndtr
from scipy.stats import false_discovery_control

__all__ = ["Group", "ItemT", "Reversal", "Table", "Tally", "find_reversals", "tabulate"]

ItemT = TypeVar("ItemT", bound=str | bytes)
Floats = npt.NDArray[np.float64]

_PAIRED_ITEMS: Final = 40


@dataclass(frozen=True, slots=True)
class Tally(Generic[ItemT]):
    """How many acts were for each item and how many against; ≥ 0."""

    positive: Mapping[ItemT, int]
    negative: Mapping[ItemT, int]


@dataclass(frozen=True, slots=True)
class Group(Generic[ItemT]):
    """People who have something in common; `size` counts them, ≥ 1."""

    name: str
    size: int
    tally: Tally[ItemT]


@dataclass(frozen=True, slots=True)
class Table(Generic[ItemT]):
    """Counts of items that were acted on often enough, in the order of the items.

    Attributes:
        positive, negative: Shape (groups, items).
        all_positive, all_negative: Of everybody, shape (items,).
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    items: tuple[ItemT, ...]
    positive: Floats
    negative: Floats
    all_positive: Floats
    all_negative: Floats


@dataclass(frozen=True, slots=True)
class Reversal(Generic[ItemT]):
    """A group's preference and the opposite one of everybody.

    Attributes:
        over: The other item of a pair; None where the reversal is for or against one item.
        group_margin: Share of the group's acts that are for `item`, less ½, or less the share
            for `over`; in [-1, 1].
        overall_margin: The same of everybody; of the opposite sign.
        acts: Acts of the group behind it (of a pair, on the item with fewer).
        q_value: Smallest false discovery rate at which it counts.
    """

    group: str
    item: ItemT
    over: ItemT | None
    group_margin: float
    overall_margin: float
    acts: float
    q_value: float


def tabulate(
    overall: Tally[ItemT],
    groups: Sequence[Group[ItemT]],
    *,
    least_acts: int,
    most_items: int = 2_000,
    acts_per_opinion: float = 1.0,
) -> Table[ItemT]:
    """Counts as arrays; a group counts as well in `overall`.

    Args:
        least_acts: Of everybody, on an item that is kept.
        most_items: Those with most acts stay.
        acts_per_opinion: Acts that say the same thing, ≥ 1: all counts are divided by it. People
            who view, buy and rate an item did not speak three times (Kish 1965, design effect).
    """
    volume = {
        item: overall.positive.get(item, 0) + overall.negative.get(item, 0)
        for item in {*overall.positive, *overall.negative}
    }
    often = [item for item, acts in volume.items() if acts >= least_acts * acts_per_opinion]
    often.sort(key=lambda item: (-volume[item], _ordered(item)))
    kept = sorted(often[:most_items], key=_ordered)

    def counted(counts: Sequence[Mapping[ItemT, int]]) -> Floats:
        rows = [[one.get(item, 0) for item in kept] for one in counts]
        return np.array(rows, np.float64).reshape(len(counts), len(kept)) / acts_per_opinion

    everybody = counted([overall.positive, overall.negative])
    return Table(
        tuple(group.name for group in groups),
        tuple(group.size for group in groups),
        tuple(kept),
        counted([group.tally.positive for group in groups]),
        counted([group.tally.negative for group in groups]),
        everybody[0],
        everybody[1],
    )


def find_reversals(
    table: Table[ItemT], *, least_acts: int, false_discovery: float = 0.05
) -> list[Reversal[ItemT]]:
    """Items and pairs on which a group is significantly opposite to everybody, surest first.

    Pairs are looked for among the items that a group acted on most, whatever it thought of them.

    Args:
        least_acts: Of a group on an item, for it to be looked at.
        false_discovery: Expected part of false ones among the items returned, and among the
            pairs, in (0, 1).
    """
    reversals: list[Reversal[ItemT]] = []
    # Two families: there are so many pairs that no item would ever count beside them.
    for looked in (_items_looked_at(table, least_acts), _pairs_looked_at(table, least_acts)):
        if not looked:
            continue
        q_values = false_discovery_control([p_value for p_value, _ in looked])
        reversals.extend(
            replace(one, q_value=float(q_value))
            for (_, one), q_value in zip(looked, q_values, strict=True)
            if q_value <= false_discovery and one.group_margin * one.overall_margin < 0
        )
    return sorted(
        reversals,
        key=lambda one: (
            one.q_value,
            -abs(one.group_margin),
            one.group,
            _ordered(one.item),
            b"" if one.over is None else _ordered(one.over),
        ),
    )


def _ordered(item: str | bytes) -> bytes:
    return item.encode() if isinstance(item, str) else item


_Looked = tuple[float, Reversal[ItemT]]


def _items_looked_at(table: Table[ItemT], least_acts: int) -> list[_Looked[ItemT]]:
    if not table.items:
        return []
    overall = np.sign(table.all_positive - table.all_negative)
    everybody = 2.0 * _majority_p(table.all_positive, table.all_negative)
    # The group's p-value is of a majority opposite to everybody's.
    opposed = np.where(overall > 0, table.negative, table.positive)
    agreed = np.where(overall > 0, table.positive, table.negative)
    p_values = np.maximum(_tail(opposed, agreed), np.minimum(everybody, 1.0))
    acts = table.positive + table.negative
    looked: list[_Looked[ItemT]] = []
    for row, column in zip(*np.nonzero((acts >= least_acts) & (overall != 0)), strict=True):
        one = Reversal(
            table.names[row],
            table.items[column],
            None,
            float(table.positive[row, column] / acts[row, column]) - 0.5,
            float(
                table.all_positive[column]
                / (table.all_positive[column] + table.all_negative[column])
            )
            - 0.5,
            float(acts[row, column]),
            1.0,
        )
        looked.append((float(p_values[row, column]), one))
    return looked


def _majority_p(positive: Floats, negative: Floats) -> Floats:
    return _tail(np.maximum(positive, negative), np.minimum(positive, negative))


def _tail(successes: Floats, failures: Floats) -> Floats:
    """P(at least so many successes) of a fair coin; counts need not be whole."""
    return np.asarray(betainc(np.maximum(successes, 1e-9), failures + 1.0, 0.5), np.float64)


def _pairs_looked_at(table: Table[ItemT], least_acts: int) -> list[_Looked[ItemT]]:
    looked: list[_Looked[ItemT]] = []
    for row, name in enumerate(table.names):
        acts = table.positive[row] + table.negative[row]
        most = np.argsort(-acts, kind="stable")[:_PAIRED_ITEMS]
        columns = np.sort(most[acts[most] >= least_acts])
        own_z, own = _contrasts(table.positive[row, columns], acts[columns])
        all_acts = table.all_positive[columns] + table.all_negative[columns]
        all_z, all_margin = _contrasts(table.all_positive[columns], all_acts)
        p_values = np.maximum(ndtr(-np.abs(own_z)), 2.0 * ndtr(-np.abs(all_z)))
        for a, b in zip(*np.triu_indices(len(columns), 1), strict=True):
            # Named from the side that the group prefers.
            first, second = (a, b) if own[a, b] >= 0 else (b, a)
            agrees = own[a, b] * all_margin[a, b] >= 0
            one = Reversal(
                name,
                table.items[columns[first]],
                table.items[columns[second]],
                float(own[first, second]),
                float(all_margin[first, second]),
                float(min(acts[columns[a]], acts[columns[b]])),
                1.0,
            )
            looked.append((1.0 if agrees else min(float(p_values[a, b]), 1.0), one))
    return looked


def _contrasts(positive: Floats, acts: Floats) -> tuple[Floats, Floats]:
    """Pooled two-sample z of every two items, and the difference of their shares; (n, n) each."""
    share = positive / np.maximum(acts, 1e-9)
    margin = share[:, None] - share[None, :]
    pooled = (positive[:, None] + positive[None, :]) / np.maximum(acts[:, None] + acts, 1e-9)
    error = np.sqrt(pooled * (1.0 - pooled) * (1.0 / acts[:, None] + 1.0 / acts))
    return np.divide(margin, error, out=np.zeros_like(margin), where=error > 0), margin
