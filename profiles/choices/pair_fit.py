"""Fitting all that is known of comparisons from scratch, and honest examples for the mixers."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from profiles.choices.acts import Comparisons
from profiles.choices.described import Described
from profiles.choices.layers import Example
from profiles.choices.pair_tables import PairOptions, PairTables, Side
from profiles.choices.strengths import Duels, fit_strengths

__all__ = ["fit_pairs", "pair_examples"]


class _Made(NamedTuple):
    """One comparison; sorts in the order of learning."""

    time_ms: int
    event: int
    key: bytes
    place: int


def _in_order(comparers: Mapping[bytes, Comparisons]) -> list[_Made]:
    return sorted(
        _Made(time_ms, event, key, place)
        for key, made in comparers.items()
        for place, (time_ms, event) in enumerate(
            zip(made.time_ms.tolist(), made.event.tolist(), strict=True)
        )
    )


def fit_pairs(
    comparers: Mapping[bytes, Comparisons], described: Described, options: PairOptions, *, seed: int
) -> PairTables:
    """Tables of all items anybody compared; a function of the arguments, whatever their order."""
    tables = PairTables(options, seed=seed)
    keys = sorted(comparers)
    items = {
        item
        for made in comparers.values()
        for side in (made.chosen, made.rejected)
        for item in side.tolist()
    }
    for item in sorted(items):
        tables.add_item(item, described.measures(item))
    if not items:
        return tables
    won = tables.rows(item for key in keys for item in comparers[key].chosen.tolist())
    lost = tables.rows(item for key in keys for item in comparers[key].rejected.tolist())
    weights = np.concatenate([comparers[key].weights for key in keys])
    sizes = np.array([len(comparers[key]) for key in keys])
    tied = np.concatenate([comparers[key].tied for key in keys])
    duels = Duels(np.repeat(np.arange(len(keys)), sizes), won, lost, weights, tied)
    fitted = fit_strengths(duels, tables.measures[: len(items)], options.strengths)
    tables.strengths.mean[: len(items)] = fitted.mean
    tables.strengths.variance[: len(items)] = fitted.variance
    tables.strengths.measure_mean = fitted.measure_mean
    tables.strengths.measure_covariance = fitted.measure_covariance
    np.add.at(tables.wins, won, np.where(tied, weights / 2, weights))
    np.add.at(tables.wins, lost, np.where(tied, weights / 2, 0.0))
    np.add.at(tables.duels, won, weights)
    np.add.at(tables.duels, lost, weights)
    log_odds, x = tables.features(won, lost)
    start = dict(zip(keys, (np.cumsum(sizes) - sizes).tolist(), strict=True))
    fits: dict[bytes, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    for made in _in_order(comparers):
        at = start[made.key] + made.place
        if tied[at]:
            continue
        fit = fits.get(made.key, np.zeros(options.personas))
        fit = fits[made.key] = tables.experts.later(fit, x[at], float(log_odds[at]))
        tables.experts.learn(fit, x[at], float(log_odds[at]))
    return tables


def pair_examples(
    comparers: Mapping[bytes, Comparisons],
    parts: Sequence[Sequence[bytes]],
    described: Described,
    options: PairOptions,
    *,
    seed: int,
) -> list[Example]:
    """Comparisons of people predicted from the other parts, one by one as newcomers would be."""
    examples: list[Example] = []
    number_of = {key: number for number, key in enumerate(sorted(comparers))}
    for part in parts:
        if len(examples) >= options.calibration:
            break
        own = {key: comparers[key] for key in part}
        others = {key: made for key, made in comparers.items() if key not in own}
        tables = fit_pairs(others, described, options, seed=seed)
        for one in _in_order(own):
            made = own[one.key]
            won, lost = int(made.chosen[one.place]), int(made.rejected[one.place])
            taste = tables.taste(made.before(one.place))
            tied = bool(made.tied[one.place])
            if not tied:
                a, b = Side(won, described.measures(won)), Side(lost, described.measures(lost))
                evidence = tables.evidence(taste, a, b)
                examples.append(Example(evidence, 1.0, number_of[one.key]))
            rows = [tables.add_item(item, described.measures(item)) for item in (won, lost)]
            tables.learn(taste, rows[0], rows[1], float(made.weights[one.place]), tied=tied)
    return examples
