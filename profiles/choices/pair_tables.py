"""What is known of items from everybody's comparisons, and what it says about one user's next.

Everything is odd in the two sides: swapping them changes the sign of every feature, and there
is no constant, so p(a over b) = 1 − p(b over a) exactly.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from profiles.choices.acts import Comparisons
from profiles.choices.experts import ExpertAnswer, Experts
from profiles.choices.layers import Evidence, Layout
from profiles.choices.logistic import Floats, bounded_log_odds, moderated
from profiles.choices.polya import posterior
from profiles.choices.strengths import StrengthOptions, Strengths
from profiles.choices.textkeys import measures_of_key
from profiles.choices.wording import MEASURES
from profiles.queries import Level

__all__ = ["PAIR_LAYOUT", "PairOptions", "PairTables", "Side", "Taste"]

# rates, strengths, text; then the same over comparisons of the rarer side
PAIR_LAYOUT = Layout(prior=(0.5, 0.5, 0.0, 0.0, 0.0, 0.0), persona=2, user=5)
_MEMORY_STRENGTH = 2.0

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """Sizes and priors; one set of defaults for all data.

    Attributes:
        strengths: Of items.
        personas: Number of discovered personas.
        won: Pseudo-comparisons, half of them won, of an item without any.
        following, measure: Prior variances of a user's weight of everybody's log-odds, and of
            each measure.
        parts, calibration, mixer_variance: As in `SignOptions`; surprises and shifts are small
            numbers here, whose weights have to be large.
    """

    strengths: StrengthOptions = field(default_factory=StrengthOptions)
    personas: int = 4
    won: float = 3.0
    following: float = 0.3
    measure: float = 0.03
    parts: int = 5
    calibration: int = 30_000
    mixer_variance: float = 0.5


@dataclass(frozen=True, slots=True)
class Side:
    """An item, or a text by its hash.

    `measures`: of a text that was given, shape (12,); None to look the item's up.
    """

    key: int
    measures: Floats | None = None


@dataclass(frozen=True, slots=True)
class Taste:
    """A user as believed from their comparisons.

    Attributes:
        mean, covariance: Of the weights of (everybody's log-odds, measures), beyond everybody.
        fit: How well each persona explains the user, shape (k,).
        surprise: For each row, how much better it fared than expected, and comparisons of it.
        comparisons: ≥ 0.
    """

    mean: Floats
    covariance: Floats
    fit: Floats
    surprise: dict[int, tuple[float, int]]
    comparisons: int


class PairTables:
    """Items in rows; grows at its end. Row -1 is an item nothing is known of."""

    def __init__(self, options: PairOptions, *, seed: int = 0) -> None:
        self.options = options
        self.keys: list[int] = []
        self.row_of: dict[int, int] = {}
        self.wins = np.zeros(0)
        self.duels = np.zeros(0)
        self.measures = np.zeros((0, MEASURES))
        self.strengths = Strengths.empty(options.strengths)
        self.experts = Experts.start(options.personas, seed=seed)
        self._precision = 1.0 / np.array([options.following] + [options.measure] * MEASURES)

    def add_item(self, key: int, measures: Floats) -> int:
        """The row of an item, new or known."""
        known = self.row_of.get(key)
        if known is not None:
            return known
        row = self.row_of[key] = len(self.keys)
        self.keys.append(key)
        if row >= len(self.wins):
            self._grow(max(64, 2 * row))
        self.measures[row] = measures
        return row

    def _grow(self, size: int) -> None:
        more = size - len(self.wins)
        self.wins = np.append(self.wins, np.zeros(more))
        self.duels = np.append(self.duels, np.zeros(more))
        self.measures = np.concatenate([self.measures, np.zeros((more, MEASURES))])
        variance = self.options.strengths.strength
        self.strengths.mean = np.append(self.strengths.mean, np.zeros(more))
        self.strengths.variance = np.append(self.strengths.variance, np.full(more, variance))

    def rows(self, items: Iterable[int]) -> Rows:
        """-1 for an item that is not there."""
        return np.array([self.row_of.get(item, -1) for item in items], np.int64)

    def features(
        self, won: Rows, lost: Rows, *, difference: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Everybody's log-odds, moderated, shape (n,); and (log-odds, measures), (n, 13).

        Args:
            difference: Of the measures of both sides, shape (n, 12); None to look them up.
        """
        if difference is None:
            difference = self._measured(won) - self._measured(lost)
        strengths = self.strengths
        known_won, known_lost = won >= 0, lost >= 0
        mean = difference @ strengths.measure_mean
        variance = (
            np.einsum("ni,ij,nj->n", difference, strengths.measure_covariance, difference)
            + 2.0 * self.options.strengths.strength
        )
        prior = self.options.strengths.strength
        mean[known_won] += strengths.mean[won[known_won]]
        mean[known_lost] -= strengths.mean[lost[known_lost]]
        variance[known_won] += strengths.variance[won[known_won]] - prior
        variance[known_lost] += strengths.variance[lost[known_lost]] - prior
        log_odds = mean / np.sqrt(1.0 + math.pi * variance / 8.0)
        return log_odds, np.concatenate([log_odds[:, None], difference], 1)

    def _measured(self, rows: Rows) -> Floats:
        found = np.zeros((len(rows), MEASURES))
        known = rows >= 0
        found[known] = self.measures[rows[known]]
        return found

    def _of_keys(self, keys: npt.NDArray[np.uint64], rows: Rows, made: Comparisons) -> Floats:
        """Measures of a side of comparisons; those of a text that is no row say themselves."""
        found = self._measured(rows)
        for place in np.flatnonzero(rows < 0).tolist():
            if (key := int(keys[place])) in made.texts:
                found[place] = measures_of_key(key)
        return found

    def taste(self, made: Comparisons) -> Taste | None:
        """Of a user who made these comparisons; None without any."""
        if not len(made):
            return None
        won, lost = self.rows(made.chosen.tolist()), self.rows(made.rejected.tolist())
        sides = (self._of_keys(made.chosen, won, made), self._of_keys(made.rejected, lost, made))
        log_odds, x = self.features(won, lost, difference=sides[0] - sides[1])
        squares = (x[:, :, None] * x[:, None, :]).reshape(len(x), -1)
        mean, covariance = posterior(
            np.zeros(1 + MEASURES),
            self._precision,
            x,
            squares,
            np.where(made.tied, 0.0, 0.5),
            offsets=log_odds,
            rounds=3,
        )
        surprise: dict[int, tuple[float, int]] = {}
        unexpected = 1.0 / (1.0 + np.exp(log_odds)) - np.where(made.tied, 0.5, 0.0)
        for rows, signed in ((won, unexpected), (lost, -unexpected)):
            for row, value in zip(rows.tolist(), signed.tolist(), strict=True):
                total, count = surprise.get(row, (0.0, 0))
                surprise[row] = (total + value, count + 1)
        surprise.pop(-1, None)
        chose = ~made.tied
        fit = self.experts.fit_of(x[chose], log_odds[chose])
        return Taste(mean, covariance, fit, surprise, len(made))

    def evidence(self, taste: Taste | None, a: Side, b: Side) -> Evidence:
        """What is known before the user chooses; changes nothing."""
        first, second = self.row_of.get(a.key, -1), self.row_of.get(b.key, -1)
        difference = self._of_side(a, first) - self._of_side(b, second)
        strengths = self.strengths
        (mean_a, variance_a), (mean_b, variance_b) = self._strength(first), self._strength(second)
        text = float(difference @ strengths.measure_mean)
        of_text = float(difference @ strengths.measure_covariance @ difference)
        everybody = moderated(mean_a - mean_b + text, variance_a + variance_b + of_text)
        (rate_a, duels_a), (rate_b, duels_b) = self._rate(first), self._rate(second)
        rates, by_text = rate_a - rate_b, moderated(text, of_text)
        x = np.concatenate(([everybody], difference))
        expert, shift, memory = ExpertAnswer(0.0, 0.0), 0.0, 0.0
        variance = float(x @ (x / self._precision))
        following, count = 0.0, 0
        if taste is not None:
            expert = self.experts.answer(taste.fit, x, everybody)
            shift = float(taste.mean @ x)
            variance = float(x @ taste.covariance @ x)
            memory = _remembered(taste, first) - _remembered(taste, second)
            following, count = everybody, taste.comparisons
        fewest = min(duels_a, duels_b)
        thin, fresh = 1.0 / (1.0 + fewest), 1.0 / math.sqrt(1.0 + count)
        features = [rates, everybody, by_text]
        features += [rates * thin, everybody * thin, by_text * thin]
        features += [expert.shift, expert.shift * fresh]
        features += [shift, shift * fresh, memory, memory * fresh, following * fresh]
        sizes = {
            Level.GLOBAL: fewest,
            Level.PERSONA: expert.members,
            Level.USER: float(count),
            Level.BLEND: fewest + count,
        }
        return Evidence(np.array(features), sizes, variance)

    def _of_side(self, side: Side, row: int) -> Floats:
        if side.measures is not None:
            return side.measures
        return self.measures[row] if row >= 0 else np.zeros(MEASURES)

    def _strength(self, row: int) -> tuple[float, float]:
        if row < 0:
            return 0.0, self.options.strengths.strength
        return float(self.strengths.mean[row]), float(self.strengths.variance[row])

    def _rate(self, row: int) -> tuple[float, float]:
        wins, duels = (float(self.wins[row]), float(self.duels[row])) if row >= 0 else (0.0, 0.0)
        share = (wins + self.options.won / 2) / (duels + self.options.won)
        return bounded_log_odds(share), duels

    def learn(
        self, taste: Taste | None, won: int, lost: int, weight: float, *, tied: bool = False
    ) -> None:
        """Fold a comparison of two rows in. `taste`: of the user before it.

        Personas differ by what their members choose: a tie tells them nothing.
        """
        log_odds, x = self.features(np.array([won]), np.array([lost]))
        if not tied:
            fit = np.zeros(len(self.experts.mass)) if taste is None else taste.fit
            fit = self.experts.later(fit, x[0], float(log_odds[0]))
            self.experts.learn(fit, x[0], float(log_odds[0]))
        following = 1.0 if taste is None else 1.0 + float(taste.mean[0])
        self.strengths.learn(won, lost, x[0, 1:], weight=weight, following=following, tied=tied)
        self.count(won, lost, weight, tied=tied)

    def count(self, won: int, lost: int, weight: float, *, tied: bool = False) -> None:
        """Fold a comparison into shares alone; a negative weight takes it out.

        A tie is half a win for each.
        """
        for row, share in ((won, 0.5 if tied else 1.0), (lost, 0.5 if tied else 0.0)):
            self.wins[row] = max(0.0, self.wins[row] + share * weight)
            self.duels[row] = max(self.wins[row], self.duels[row] + weight)


def _remembered(taste: Taste, row: int) -> float:
    total, count = taste.surprise.get(row, (0.0, 0))
    return total / (count + _MEMORY_STRENGTH)
