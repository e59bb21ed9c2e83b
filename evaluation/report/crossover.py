"""From how many events on one layer beats another.

The question is asked of rules "use the challenger for users with at least N events, the other
layer before". A rule's *gain* is what it adds per prediction over never using the challenger. The
crossover is the N with the largest gain: the empirically best rule of a threshold class (Kitagawa
& Tetenov 2018, "Who should be treated?"). It is also where the isotonic regression of the
difference on the length of history crosses zero (Barlow et al. 1972: the regression's sign changes
at the minimum of the cumulative sums), so nothing is assumed but that one layer is the better one
below N and the other above.

That some rule gains is tested against all of them at once, because the best was chosen after
looking (White 2000, "A reality check for data snooping": the maximum of the studentised gains).
The interval of N holds the rules that are not significantly worse than another one (Hansen, Lunde
& Nason 2011, "The model confidence set"); the percentile interval of an estimated crossing would
not be valid (Abrevaya & Huang 2005). Everything is resampled by user.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from evaluation.report.samples import Floats, Whole

__all__ = ["LEAST_USERS", "Crossover", "Verdict", "find_crossover", "thresholds"]

LEAST_USERS: Final = 20
"""Users behind a rule for it to be looked at: fewer are not a sample to draw from again."""

_SIGNIFICANT: Final = 0.05
_SMALLEST_ERROR: Final = 1e-12


class Verdict(StrEnum):
    """Whether a layer pays beside another.

    PAYS: some rule gains, significantly. LITTLE: the same, but surely less than what is worth
    having. NOT: no rule gains significantly, and none can gain what is worth having. UNCLEAR:
    the data allow both.
    """

    PAYS = "pays"
    LITTLE = "pays little"
    NOT = "does not pay"
    UNCLEAR = "not enough data to say"


@dataclass(frozen=True, slots=True)
class Crossover:
    """What is known of a crossover.

    Attributes:
        events: Best N; None if never using the challenger is best, or nothing could be tested.
        earliest, latest: Ends of the 95 % confidence set of N; `latest` is None if "never" is in
            it, `earliest` if only "never" is.
        gain: Of the best rule, per prediction on all predictions; 0 for never.
        gain_low, gain_high: One-sided 95 % bounds of the largest gain of any rule, simultaneous
            over the rules, the upper one ≥ 0; None without a test.
        beyond: Mean difference on predictions with at least `events`; None without.
        p_value: That no rule gains; None without a test.
        one_user: Part of the best rule's gain that a single user brings, above 1 where the others
            lose; None without a gain.
        n, users: Predictions and users behind it.
    """

    verdict: Verdict
    events: int | None
    earliest: int | None
    latest: int | None
    gain: float
    gain_low: float | None
    gain_high: float | None
    beyond: float | None
    p_value: float | None
    one_user: float | None
    n: int
    users: int


def thresholds(history: Whole, owner: Whole, *, least: int = 0) -> list[int]:
    """Every N that is looked at: growing by about a half, with at least 20 users beyond.

    Args:
        least: The smallest one, ≥ 0.
    """
    candidates: list[int] = []
    threshold = least
    while len(np.unique(owner[history >= threshold])) >= LEAST_USERS:
        candidates.append(threshold)
        threshold = max(threshold + 1, round(threshold * 1.4))
    return candidates


def find_crossover(
    difference: Floats,
    history: Whole,
    owner: Whole,
    draws: Whole,
    *,
    worth: float,
    least: int = 0,
) -> Crossover:
    """The crossover of two layers on the same predictions.

    Args:
        difference: Challenger minus the other layer, shape (n,), in [-1, 1].
        history, owner: As in `Sample`, shape (n,).
        draws: As of `draw_users`, at least 200.
        worth: Gain per prediction under which it is not worth having, > 0.
        least: Smallest N looked at; predictions below it are left out.
    """
    kept = history >= least
    difference, history, owner = difference[kept], history[kept], owner[kept]
    n, users = len(difference), len(np.unique(owner))
    candidates = thresholds(history, owner, least=least)
    if not candidates:
        return _told(Verdict.UNCLEAR, n=n, users=users)
    gained = np.stack(
        [_by_user(difference * (history >= one), owner, draws.shape[1]) for one in candidates]
    )
    if not gained.any():
        # None of so many users saw a difference: at most 3 / users of them do (rule of three,
        # Hanley & Lippman-Hand 1983).
        high = 3.0 / users
        verdict = Verdict.NOT if high < worth else Verdict.UNCLEAR
        return replace(_told(verdict, n=n, users=users), gain_high=high)
    # Rules that cannot be told apart are one: the latest, which begins with the difference.
    apart = [
        row
        for row in range(len(candidates))
        if row + 1 == len(candidates) or (gained[row] != gained[row + 1]).any()
    ]
    rules = _Rules.resampled_from(gained[apart], _by_user(np.ones(n), owner, draws.shape[1]), draws)
    p_values = [rules.as_good_as_any(row) for row in range(len(apart) + 1)]
    within = [
        candidates[row]
        for row, p_value in zip(apart, p_values, strict=False)
        if p_value > _SIGNIFICANT
    ]
    never = p_values[-1] > _SIGNIFICANT
    # What gains nothing is no better than never.
    best = int(np.argmax(rules.gains)) if rules.gains.max() > _SMALLEST_ERROR else len(apart)
    low, high = rules.bounds()
    if best == len(apart):
        verdict = Verdict.NOT if high < worth else Verdict.UNCLEAR
        told = _told(verdict, n=n, users=users)
        return replace(
            told, earliest=min(within, default=None), gain_high=high, p_value=p_values[-1]
        )
    events, brought = candidates[apart[best]], gained[apart[best]]
    return Crossover(
        _verdict(significant=not never, high=high, worth=worth),
        events,
        min(within, default=None),
        None if never else max(within),
        float(rules.gains[best]),
        low,
        high,
        float(difference[history >= events].mean()),
        p_values[-1],
        float(brought.max() / brought.sum()),
        n,
        users,
    )


def _by_user(values: Floats, owner: Whole, users: int) -> Floats:
    return np.asarray(np.bincount(owner, weights=values, minlength=users), np.float64)


def _told(verdict: Verdict, *, n: int, users: int) -> Crossover:
    """Without a rule that gains."""
    return Crossover(verdict, None, None, None, 0.0, None, None, None, None, None, n, users)


def _verdict(*, significant: bool, high: float, worth: float) -> Verdict:
    if significant:
        return Verdict.PAYS if high >= worth else Verdict.LITTLE
    return Verdict.UNCLEAR if high >= worth else Verdict.NOT


@dataclass(frozen=True, slots=True)
class _Rules:
    """Gains of the rules, the last of which is never: shapes (k,) and (resamples, k)."""

    gains: Floats
    resampled: Floats

    @classmethod
    def resampled_from(cls, gained: Floats, asked: Floats, draws: Whole) -> "_Rules":
        """From what each user brings to each rule, (k - 1, users), and predictions by user."""
        asked_often = np.maximum(draws @ asked, 1.0)[:, None]
        again = (draws @ gained.T) / asked_often
        return cls(
            np.append(gained.sum(axis=1) / asked.sum(), 0.0),
            np.column_stack([again, np.zeros(len(draws))]),
        )

    def as_good_as_any(self, row: int) -> float:
        """P-value that no other rule gains more than this one."""
        better = self.gains - self.gains[row]
        again = self.resampled - self.resampled[:, [row]]
        errors = again.std(axis=0)
        varies = errors > _SMALLEST_ERROR
        if (better[~varies] > _SMALLEST_ERROR).any():
            # The same for every user: no resample is without it.
            return 1.0 / (1 + len(again))
        if not varies.any():
            return 1.0
        strongest = float((better[varies] / errors[varies]).max())
        by_chance = ((again[:, varies] - better[varies]) / errors[varies]).max(axis=1)
        return float((1 + (by_chance >= strongest).sum()) / (1 + len(by_chance)))

    def bounds(self) -> tuple[float, float]:
        """Simultaneous bounds of the largest gain of any rule but never.

        The lower one is above 0 where some rule gains significantly.
        """
        gains, again = self.gains[:-1], self.resampled[:, :-1]
        errors = again.std(axis=0)
        noise = (again - gains) / np.maximum(errors, _SMALLEST_ERROR)
        low = gains - np.quantile(noise.max(axis=1), 1 - _SIGNIFICANT) * errors
        high = gains + np.quantile((-noise).max(axis=1), 1 - _SIGNIFICANT) * errors
        return float(low.max()), max(float(high.max()), 0.0)
