"""The ingredients of a prediction, each a score per item, and the layer it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import History
from profiles.nextitem.personas import membership
from profiles.nextitem.population import Population
from profiles.nextitem.tastes import taste_weights
from profiles.nextitem.transitions import Transitions
from profiles.queries import Level

__all__ = ["CIRCUMSTANCES", "INGREDIENTS", "Questions", "circumstances", "features"]

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]

INGREDIENTS: Final[Mapping[str, Level]] = {
    "popularity": Level.GLOBAL,
    "liked share": Level.GLOBAL,
    "period": Level.GLOBAL,
    "stage": Level.GLOBAL,
    "persona": Level.PERSONA,
    "after the last": Level.USER,
    "after the two before": Level.USER,
    "after the earlier": Level.USER,
    "within minutes": Level.USER,
    "occasion": Level.USER,
    "taste": Level.USER,
    "recent texts": Level.USER,
    "liked texts": Level.USER,
    "obscurity": Level.USER,
    "after the liked ones": Level.USER,
    "direction of taste": Level.USER,
    "near the last": Level.USER,
    "oftener than usual": Level.USER,
}
_HISTORY_KNOTS: Final = np.log1p(np.array([0.0, 2.0, 10.0, 45.0, 200.0]))
_PAUSE_KNOTS: Final = np.log(np.array([5.0, 60.0, 1_800.0]))
CIRCUMSTANCES: Final = 1 + len(_HISTORY_KNOTS) + len(_PAUSE_KNOTS)

_SOURCES: Final = 30
_LIKED_SOURCES: Final = 10
_LIFT_FADE: Final = 0.8
_RECENT_FADE: Final = 0.85
_SESSION_FADE: Final = 0.9
_SESSION_S: Final = 60.0
_SESSION_FLOOR: Final = 1e-3
_UNSEEN_SHARE: Final = 3e-4
# Bring each score's spread over items near one, so that one prior fits all weights.
_TASTE_SCALE: Final = 10.0
_SPACE_SCALE: Final = 3.0
_NEARNESS_STEP: Final = 0.1


@dataclass(frozen=True, slots=True)
class Questions:
    """What comes next after each of several prefixes of one history?

    Attributes:
        ends: Lengths of the prefixes, shape (m,).
        times_ms: When each is asked, shape (m,).
    """

    history: History
    ends: _Rows
    times_ms: _Rows

    @classmethod
    def one(cls, history: History, time_ms: int) -> "Questions":
        """After the whole history."""
        return cls(history, np.array([len(history)]), np.array([time_ms]))

    @classmethod
    def before(cls, history: History, acts: _Rows) -> "Questions":
        """Before each of these acts, at its time."""
        return cls(history, acts, history.time_ms[acts])

    def __len__(self) -> int:
        return len(self.ends)


def circumstances(questions: Questions) -> _Doubles:
    """What the weights of a mix depend on, shape (m, CIRCUMSTANCES).

    A one; the length of the history in liked acts, and the pause since the last act, both
    logarithmic and each spread over its two nearest knots.
    """
    history, ends = questions.history, questions.ends
    liked = np.concatenate(([0], np.cumsum(history.liked)))[ends]
    pause_s = np.full(len(ends), np.inf)
    begun = ends > 0
    pause_s[begun] = (questions.times_ms[begun] - history.time_ms[ends[begun] - 1]) / 1000.0
    return np.concatenate(
        (
            np.ones((len(ends), 1)),
            _spread(np.log1p(liked), _HISTORY_KNOTS),
            _spread(np.log(np.maximum(pause_s, 1.0)), _PAUSE_KNOTS),
        ),
        axis=1,
    )


def _spread(values: _Doubles, knots: _Doubles) -> _Doubles:
    """Weights of linear interpolation between knots, constant beyond the ends; rows sum to 1."""
    inside = np.clip(values, knots[0], knots[-1])
    after = np.clip(np.searchsorted(knots, inside), 1, len(knots) - 1)
    share = (inside - knots[after - 1]) / (knots[after] - knots[after - 1])
    out = np.zeros((len(values), len(knots)))
    each = np.arange(len(values))
    out[each, after - 1] = 1.0 - share
    out[each, after] = share
    return out


def features(population: Population, questions: Questions) -> _Floats:
    """Scores of shape (m, len(INGREDIENTS), items); zeros where an ingredient says nothing."""
    popularity, items = population.popularity, len(population.text)
    out = np.zeros((len(questions), len(INGREDIENTS), items), np.float32)
    share = popularity.share(items)
    appeal = popularity.appeal(items)
    out[:, 0] = popularity.log_met(items)
    out[:, 1] = popularity.log_liked_share(items)
    out[:, 2] = popularity.around(questions.times_ms, share)
    out[:, 3] = popularity.at_stage(questions.ends, share)
    out[:, 4] = np.log(appeal)
    if len(questions.history) and questions.ends.any():
        _recent_features(out, population, questions, share)
        _taste_features(out, population, questions, appeal)
    return out


@dataclass(frozen=True, slots=True)
class _Latest:
    """The latest acts before each question: by lag, shape (m, lags), and by distinct item.

    Attributes:
        acts: Places in the history; 0 where there is none.
        valid: Which there are.
        items: Rows of the distinct items among them, shape (u,).
    """

    acts: _Rows
    valid: npt.NDArray[np.bool_]
    items: _Rows
    _which: _Rows

    @classmethod
    def of(cls, questions: Questions, lags: int) -> "_Latest":
        acts = questions.ends[:, None] - 1 - np.arange(lags)
        valid = acts >= 0
        acts = np.maximum(acts, 0)
        items, which = np.unique(questions.history.row[acts[valid]], return_inverse=True)
        return cls(acts, valid, items, which)

    def weighted(self, weights: _Doubles) -> _Floats:
        """Weights by lag as a matrix of questions by distinct items, shape (m, u)."""
        matrix = np.zeros((len(self.acts), len(self.items)), np.float32)
        question = np.nonzero(self.valid)[0]
        np.add.at(matrix, (question, self._which), weights[self.valid].astype(np.float32))
        return matrix

    def shared(self, chosen: npt.NDArray[np.bool_]) -> _Floats:
        """Equal weights of those chosen, shape (m, lags), that sum to 1; (m, u)."""
        part = np.where(chosen & self.valid, 1.0, 0.0)
        return self.weighted(part / np.maximum(part.sum(axis=1, keepdims=True), 1.0))


def _recent_features(
    out: _Floats, population: Population, questions: Questions, share: _Floats
) -> None:
    history, items = questions.history, out.shape[2]
    _step_features(out, population, questions, share)
    latest = _Latest.of(questions, population.recent)
    lags = np.arange(population.recent)
    sessions, unmet = _unmet(population.sessions, latest.items, questions, items)
    gaps_ms = questions.times_ms[:, None] - history.time_ms[latest.acts]
    near = np.exp(-np.maximum(gaps_ms, 0) / (1000.0 * _SESSION_S)) + _SESSION_FLOOR
    out[:, 8] = _log_share((latest.weighted(_SESSION_FADE**lags * near) / unmet) @ sessions)
    fade = np.where(latest.valid, _RECENT_FADE**lags, 0.0)
    fade /= np.maximum(fade.sum(axis=1, keepdims=True), 1e-9)
    faded = latest.weighted(fade)
    occasion = population.occasion
    out[:, 9] = (_SPACE_SCALE * (faded @ occasion[latest.items])) @ occasion.T
    _text_features(out, population, questions, faded @ population.text[latest.items])
    out[:, 13] = _nearness(out[0, 0], out[0, 0, latest.items], faded)


def _step_features(
    out: _Floats, population: Population, questions: Questions, share: _Floats
) -> None:
    """What follows the last act, those before it, and the latest liked ones; and how unusually."""
    latest = _Latest.of(questions, max(population.recent, _SOURCES))
    steps, unmet = _unmet(population.steps, latest.items, questions, out.shape[2])
    lags = np.arange(latest.acts.shape[1])
    for ingredient, first, last in ((5, 0, 1), (6, 1, 3), (7, 3, population.recent)):
        part = latest.shared((lags >= first) & (lags < last) & latest.valid)
        out[:, ingredient] = _log_share((part / unmet) @ steps)
    liked = questions.history.liked[latest.acts] & latest.valid
    liked &= np.cumsum(liked, axis=1) <= _LIKED_SOURCES
    out[:, 14] = _log_share((latest.shared(liked) / unmet) @ steps)
    fade = (1.0 - _LIFT_FADE) * latest.weighted(np.where(latest.valid, _LIFT_FADE**lags, 0.0))
    source, item = np.nonzero(steps)
    lifted = steps[source, item] / share[item]
    for question in range(len(questions)):
        lifts = fade[question, source] * np.log1p(lifted / unmet[question, source])
        out[question, 17] = np.bincount(item, weights=lifts, minlength=out.shape[2])


def _unmet(
    transitions: Transitions, sources: _Rows, questions: Questions, items: int
) -> tuple[_Floats, _Floats]:
    """What follows the sources, and how much of it each question's user had not met.

    Shares are of what is new to the user. So it does not matter whether the user's own past is
    among what was counted: it led to what they have met.

    Returns:
        Shapes (sources, items) and (m, sources).
    """
    weights, given = transitions.outgoing(sources, items)
    rows = questions.history.row
    met = np.zeros((len(sources), len(rows) + 1), np.float32)
    first = np.unique(rows, return_index=True)[1]
    met[:, first + 1] = weights[:, rows[first]]
    left = given - np.cumsum(met, axis=1)[:, questions.ends].T
    # A kept weight may be too large, never by more than the error of Space-Saving.
    return weights, np.maximum(left, transitions.prior)


def _taste_features(
    out: _Floats, population: Population, questions: Questions, appeal: _Floats
) -> None:
    history = questions.history
    weights = taste_weights(history, questions.ends, population.half_rank)
    vectors = weights @ population.places_of(history.row)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    member = membership(vectors / np.maximum(norms, 1e-9), population.personas.centroids)
    # Who has shown nothing belongs nowhere.
    member *= norms > 0
    out[:, 4] += population.personas.advantage(member, appeal)
    taste = vectors[:, population.text.shape[1] :]
    lengths, unit = population.directions
    begun = questions.ends > 0
    last = history.row[questions.ends[begun] - 1]
    # Both at once, to read the items' directions once.
    along = np.concatenate((taste, unit[:, last].T)) @ unit
    own = along[: len(taste)]
    np.multiply(own, np.float32(_TASTE_SCALE) * lengths, out=out[:, 10])
    own_length = np.maximum(np.linalg.norm(taste, axis=1, keepdims=True), 1e-9)
    np.multiply(own, np.float32(_SPACE_SCALE) / own_length, out=out[:, 15])
    out[begun, 16] = np.float32(_SPACE_SCALE) * along[len(taste) :]


def _text_features(
    out: _Floats, population: Population, questions: Questions, recent: _Floats
) -> None:
    """Cosines with the mean of recent and of liked texts: both at once, to read texts once."""
    history = questions.history
    weights = taste_weights(history, questions.ends, population.half_rank)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    centres = np.concatenate((recent, weights @ population.text[history.row]))
    scale = np.float32(_SPACE_SCALE / population.space.text_weight**2)
    cosines = (scale * centres) @ population.text.T
    out[:, 11], out[:, 12] = cosines[: len(recent)], cosines[len(recent) :]


def _log_share(shares: npt.NDArray[np.floating]) -> _Floats:
    return np.asarray(np.log(shares / np.float32(_UNSEEN_SHARE) + 1.0), np.float32)


def _nearness(log_met: _Floats, recent: _Floats, weights: _Floats) -> _Floats:
    """Log density of an item's popularity among the popularity of recent items, (m, items).

    People who have come to rare items stay there. A Gaussian kernel of width 0.7 nats, read
    from a table: one entry per tenth of a nat.
    """
    lowest = float(log_met.min())
    bins = ((log_met - lowest) / _NEARNESS_STEP).astype(np.int64)
    grid = lowest + _NEARNESS_STEP * (np.arange(int(bins.max(initial=0)) + 1) + 0.5)
    kernel = np.exp(-((grid[None, :] - recent[:, None]) ** 2)).astype(np.float32)
    return np.asarray(np.log(weights @ kernel / 0.01 + 1.0)[:, bins], np.float32)
