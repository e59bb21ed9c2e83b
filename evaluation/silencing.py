"""Who the average silences in a data set: how it predicts groups, and what it prefers for them.

Discovered groups are found from one half of the opinions and compared on the other, so that they
do not differ by having been chosen to differ. Differences between groups are tested by exchanging
users between them (permutation test, Fisher 1935; Good 2005), and the false discovery rate over
all groups of a task is bounded (Benjamini & Hochberg 1995).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control

from evaluation.report.groups import (
    Grouping,
    declared_groupings,
    descriptions,
    discovered_groupings,
    titles,
)
from evaluation.report.opinions import Opinion, choices_of, judgements_of, tally_of
from evaluation.report.results import (
    Band,
    GroupingResult,
    GroupResult,
    ReversalResult,
    rounded,
)
from evaluation.report.samples import Floats, Sample, Whole, resampled_means
from evaluation.run import TaskName
from profiles.queries import Level
from profiles.reversals import Group, Reversal
from profiles.silencing import Satisfaction, SilencingSettings, Standing, Standings, standings
from schemas.decoded import FastEvent

__all__ = ["Gap", "find_gap", "silenced_groups"]

_PERMUTATIONS: Final = 2_000
_MOST_REVERSALS: Final = 5
_LEAST_TESTED: Final = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """How much worse a group is predicted than the rest.

    Attributes:
        worse: Mean of the rest less mean of the group, with its 95 % interval by user.
        p_value: That group and rest are exchangeable.
    """

    worse: Band
    p_value: float
    tested: int
    predictions: int


def find_gap(
    quality: Floats, owner: Whole, inside: npt.NDArray[np.bool_], draws: Whole, *, seed: int
) -> Gap | None:
    """Compare a group of users with the rest; None with under ten predicted users in either.

    Args:
        quality, owner: Of the predictions, shape (n,).
        inside: Whether each user is in the group, shape (users,).
        draws: As of `evaluation.report.samples.draw_users`.
    """
    users = len(inside)
    sums = np.bincount(owner, weights=quality, minlength=users)
    counts = np.bincount(owner, minlength=users).astype(np.float64)
    asked = np.flatnonzero(counts > 0)
    member = inside[asked]
    size = int(member.sum())
    if min(size, len(asked) - size) < _LEAST_TESTED:
        return None
    mine = inside[owner]
    worse = float(quality[~mine].mean() - quality[mine].mean())
    again = resampled_means(quality[~mine], owner[~mine], draws) - resampled_means(
        quality[mine], owner[mine], draws
    )
    low, high = np.nanquantile(again, (0.025, 0.975))
    rng = np.random.default_rng(seed)
    order = np.argsort(rng.random((_PERMUTATIONS, len(asked))), axis=1)[:, :size]
    group_sum = sums[asked][order].sum(axis=1)
    group_count = counts[asked][order].sum(axis=1)
    rest = (sums.sum() - group_sum) / (counts.sum() - group_count)
    exchanged = np.abs(rest - group_sum / group_count)
    p_value = float((1 + (exchanged >= abs(worse) - 1e-12).sum()) / (1 + _PERMUTATIONS))
    band = Band(rounded(worse), rounded(float(low)), rounded(float(high)))
    return Gap(band, p_value, size, int(mine.sum()))


def silenced_groups(
    task: TaskName,
    sample: Sample,
    draws: Whole,
    *,
    items: Sequence[FastEvent],
    events: Sequence[FastEvent],
    settings: SilencingSettings,
    seed: int,
) -> tuple[GroupingResult, ...]:
    """All groupings of a set's users, the discovered ones first.

    Args:
        sample: What was predicted of users of the set.
        items, events: All of the set, in protocol order.
    """
    kind = Satisfaction.COVERAGE if task is TaskName.NEXT_ITEM else Satisfaction.APPROVAL
    if task is TaskName.PAIRWISE:
        opinions, half_of = choices_of(events)
        interest: list[Opinion] = opinions
    else:
        opinions, half_of = judgements_of(events)
        interest, _ = judgements_of(events, looks=True)
    words = descriptions([*items, *events])
    minimum = settings.minimum_size
    found = discovered_groupings(
        interest,
        words,
        kind,
        minimum_size=minimum,
        seed=seed,
        by_item=task is TaskName.PAIRWISE,
    )
    groupings = [
        *found,
        *declared_groupings(events, minimum_size=minimum),
    ]
    second = np.array([half_of.get(one, 1) for one in sample.event_ids], np.int64) == 1
    gaps = {
        (row, group): find_gap(
            sample.quality[Level.GLOBAL][asked],
            sample.owner[asked],
            np.array([one.group_of.get(user) == group for user in sample.users], np.bool_),
            draws,
            seed=seed,
        )
        for row, one in enumerate(groupings)
        for asked in (_asked(one, sample, second),)
        for group, size in one.sizes().items()
        if size >= minimum
    }
    q_values = _corrected({key: gap for key, gap in gaps.items() if gap is not None})
    names = titles([*items, *events])
    return tuple(
        _grouping_result(
            one,
            _Standings.of(one, opinions, words, kind, settings),
            {group: gap for (of, group), gap in gaps.items() if of == row and gap is not None},
            {group: q for (of, group), q in q_values.items() if of == row},
            names=names,
            kind=kind,
            floor=settings.floor,
        )
        for row, one in enumerate(groupings)
    )


def _asked(
    grouping: Grouping, sample: Sample, second: npt.NDArray[np.bool_]
) -> npt.NDArray[np.bool_]:
    """Predictions by which the groups are compared, shape (n,)."""
    if not grouping.discovered:
        return np.ones(len(sample), np.bool_)
    among = grouping.among
    inside = np.array([among is None or user in among for user in sample.users], np.bool_)
    return np.asarray(second & inside[sample.owner], np.bool_)


def _corrected(gaps: Mapping[tuple[int, str], Gap]) -> dict[tuple[int, str], float]:
    if not gaps:
        return {}
    adjusted = false_discovery_control([gap.p_value for gap in gaps.values()])
    return dict(zip(gaps, adjusted.tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Standings:
    """How groups fare by items, and by what items are."""

    items: Standings[str]
    words: Standings[str]

    @classmethod
    def of(
        cls,
        grouping: Grouping,
        opinions: Sequence[Opinion],
        words: Mapping[str, tuple[str, ...]],
        kind: Satisfaction,
        settings: SilencingSettings,
    ) -> "_Standings":
        about = [
            Opinion(one.user_id, word, one.positive, one.half)
            for one in opinions
            for word in words.get(one.item_id, ())
        ]
        return cls(
            _standings(grouping, opinions, kind, settings),
            _standings(grouping, about, Satisfaction.APPROVAL, settings),
        )


def _standings(
    grouping: Grouping,
    opinions: Sequence[Opinion],
    kind: Satisfaction,
    settings: SilencingSettings,
) -> Standings[str]:
    by_group: dict[str, list[Opinion]] = {group: [] for group in grouping.sizes()}
    among = grouping.among
    everybody = [one for one in opinions if among is None or one.user_id in among]
    for one in everybody:
        group = grouping.group_of.get(one.user_id)
        if group is not None and (one.half == 1 or not grouping.discovered):
            by_group[group].append(one)
    groups = [
        Group(group, size, tally_of(by_group[group])) for group, size in grouping.sizes().items()
    ]
    return standings(tally_of(everybody), groups, kind, settings=settings)


def _grouping_result(
    grouping: Grouping,
    found: _Standings,
    gaps: Mapping[str, Gap],
    q_values: Mapping[str, float],
    *,
    names: Mapping[str, str],
    kind: Satisfaction,
    floor: float,
) -> GroupingResult:
    by_words = {one.group: one for one in found.words.groups}
    groups = tuple(
        _group_result(
            one,
            by_words[one.group],
            labels=grouping.labels.get(one.group, ()),
            gap=gaps.get(one.group),
            q_value=q_values.get(one.group),
            names=names,
        )
        for one in found.items.groups
    )
    users = found.items.users
    lost = sum(one.size for one in groups if one.silenced)
    protection = found.items.protection
    return GroupingResult(
        name=grouping.name,
        discovered=grouping.discovered,
        satisfaction=kind.value,
        users=users,
        silenced_share=rounded(lost / users) if users else 0.0,
        floor=rounded(min(floor, 1.0 / max(len(groups), 1))),
        price=rounded(protection.price),
        others=None if protection.others is None else rounded(protection.others),
        groups=groups,
    )


def _group_result(
    standing: Standing[str],
    by_words: Standing[str],
    *,
    labels: tuple[str, ...],
    gap: Gap | None,
    q_value: float | None,
    names: Mapping[str, str],
) -> GroupResult:
    top = standing.top and names.get(standing.top, standing.top)
    if by_words.top_reversed:
        top = by_words.top
    return GroupResult(
        group=standing.group,
        labels=labels,
        size=standing.size,
        tested=0 if gap is None else gap.tested,
        predictions=0 if gap is None else gap.predictions,
        worse=None if gap is None else gap.worse,
        q_value=None if q_value is None else rounded(q_value),
        satisfaction=rounded(standing.satisfaction),
        protected=rounded(standing.protected),
        ratio=None if standing.ratio is None else rounded(standing.ratio),
        top=top,
        top_reversed=standing.top_reversed or by_words.top_reversed,
        silenced=standing.silenced or by_words.top_reversed,
        reversed=len(standing.reversals) + len(by_words.reversals),
        reversals=(
            *(_reversal_result(one, {}) for one in by_words.reversals[:_MOST_REVERSALS]),
            *(_reversal_result(one, names) for one in standing.reversals[:_MOST_REVERSALS]),
        ),
    )


def _reversal_result(reversal: Reversal[str], names: Mapping[str, str]) -> ReversalResult:
    return ReversalResult(
        what=names.get(reversal.item, reversal.item),
        over=None if reversal.over is None else names.get(reversal.over, reversal.over),
        group_margin=rounded(reversal.group_margin),
        overall_margin=rounded(reversal.overall_margin),
        acts=round(reversal.acts),
        q_value=rounded(reversal.q_value),
    )
