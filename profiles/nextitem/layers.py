"""The ingredients of a prediction, each a score per item, and the layer it belongs to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import Act, Acts, History
from profiles.nextitem.personas import Personas, membership
from profiles.nextitem.popularity import Popularity
from profiles.nextitem.settings import Settings
from profiles.nextitem.spaces import occasion_space, place_by_text, taste_space
from profiles.nextitem.transitions import Transitions
from profiles.queries import Level

__all__ = ["CIRCUMSTANCES", "INGREDIENTS", "Population", "circumstances"]

_Floats = npt.NDArray[np.float32]

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
}
_HISTORY_KNOTS: Final = np.log1p(np.array([0.0, 2.0, 10.0, 45.0, 200.0]))
_PAUSE_KNOTS: Final = np.log(np.array([5.0, 60.0, 1_800.0]))
CIRCUMSTANCES: Final = 1 + len(_HISTORY_KNOTS) + len(_PAUSE_KNOTS)

_LAGS: Final = 5
_LAG_FADE: Final = 0.7
_RECENT_FADE: Final = 0.85
_SESSION_FADE: Final = 0.9
_SESSION_S: Final = 60.0
_SESSION_FLOOR: Final = 1e-3
_UNSEEN_SHARE: Final = 3e-4
_LIKED_KEPT: Final = 100
# Bring each score's spread over items near one, so that one prior fits all weights.
_TASTE_SCALE: Final = 10.0
_SPACE_SCALE: Final = 3.0


def circumstances(history: History, time_ms: int) -> npt.NDArray[np.float64]:
    """What the weights of a mix depend on, shape (CIRCUMSTANCES,).

    A one; the length of the history in liked events, and the pause since the last event, both
    logarithmic and each spread over its two nearest knots.
    """
    pause_s = (time_ms - history.acts[-1].time_ms) / 1000.0 if history.acts else np.inf
    return np.concatenate(
        (
            [1.0],
            _spread(float(np.log1p(history.liked)), _HISTORY_KNOTS),
            _spread(float(np.log(max(pause_s, 1.0))), _PAUSE_KNOTS),
        )
    )


def _spread(value: float, knots: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Weights of linear interpolation between knots, constant beyond the ends; sums to 1."""
    out = np.zeros(len(knots))
    after = int(np.searchsorted(knots, value))
    if after == 0:
        out[0] = 1.0
    elif after == len(knots):
        out[-1] = 1.0
    else:
        share = (value - knots[after - 1]) / (knots[after] - knots[after - 1])
        out[after - 1 : after + 1] = 1.0 - share, share
    return out


@dataclass(slots=True)
class Spaces:
    """What is computed anew now and then; all rows are items known at that time."""

    taste: _Floats
    occasion: _Floats
    texts: _Floats
    personas: Personas


class Population:
    """What is known of everybody: counts, transitions, spaces, personas."""

    def __init__(self, settings: Settings, *, seed: int) -> None:
        self._settings = settings
        self._seed = seed
        self.popularity = Popularity()
        self._steps = Transitions(neighbours=settings.neighbours, prior=1.0)
        self._sessions = Transitions(neighbours=settings.neighbours, prior=1.0)
        empty = np.zeros((0, 0), np.float32)
        self._spaces = Spaces(empty, empty, empty, Personas(empty, empty))

    def learn(self, history: History, act: Act) -> None:
        """Fold in an act that is about to be added to its user's history."""
        self.popularity.add(act.row, liked=act.liked, time_ms=act.time_ms, position=history.length)
        if act.liked and len(self._spaces.personas.centroids):
            self._spaces.personas.add(act.row, self._member(self._taste_of(history)))
        recent = history.recent(self._settings.recent)
        if not recent:
            return
        rows, first = np.unique(np.array([one.row for one in recent], np.int64), return_index=True)
        lags = first.astype(np.float64)
        near = lags < _LAGS
        self._steps.add(rows[near], act.row, (_LAG_FADE ** lags[near]).astype(np.float32))
        gaps_s = np.array([act.time_ms - recent[lag].time_ms for lag in first]) / 1000.0
        weights = _SESSION_FADE**lags * (np.exp(-np.maximum(gaps_s, 0) / _SESSION_S))
        self._sessions.add(rows, act.row, (weights + 1e-6).astype(np.float32))

    def refit(self, acts: Acts, texts: _Floats) -> None:
        """Compute spaces and personas from histories; `texts` has a row per item."""
        settings, items = self._settings, len(texts)
        projected = _principal(texts, settings.text_dimension)
        taste = taste_space(acts, items, dimension=settings.dimension, shrinkage=settings.shrinkage)
        likes = np.bincount(acts.row[acts.liked], minlength=items).astype(np.float64)
        taste = place_by_text(taste, projected, likes, half=settings.cold_likes)
        self._spaces = Spaces(
            taste,
            occasion_space(acts, items, dimension=settings.dimension),
            projected,
            Personas.found(acts, taste, count=settings.personas, seed=self._seed),
        )

    def features(self, history: History, time_ms: int, items: int) -> _Floats:
        """Scores of shape (len(INGREDIENTS), items); zeros where an ingredient says nothing."""
        popularity, spaces = self.popularity, self._spaces
        share = popularity.share(items)
        out = np.zeros((len(INGREDIENTS), items), np.float32)
        log_met = popularity.log_met(items)
        out[0] = log_met
        out[1] = popularity.log_liked_share(items)
        out[2] = popularity.around(time_ms, share)
        out[3] = popularity.at_stage(history.length, share)
        recent = history.recent(self._settings.recent)
        if recent:
            self._recent_features(out, recent, time_ms, log_met)
        liked = history.recent_liked(_LIKED_KEPT)
        out[4] = np.log(share)
        if liked:
            taste = self._taste_of(history)
            out[4] += spaces.personas.advantage(self._member(taste), share)
            _put(out[10], _TASTE_SCALE * (spaces.taste @ taste))
            fade = self._fade(len(liked))
            _put(out[12], _SPACE_SCALE * _likeness(spaces.texts, liked, fade / fade.sum()))
        return out

    def _recent_features(
        self, out: _Floats, recent: list[Act], time_ms: int, log_met: _Floats
    ) -> None:
        items = out.shape[1]
        rows = np.array([act.row for act in recent], np.int64)
        lags = np.arange(len(rows))
        for place, part in ((5, slice(0, 1)), (6, slice(1, 3)), (7, slice(3, None))):
            sources = rows[part]
            weights = np.full(len(sources), 1.0 / max(len(sources), 1), np.float32)
            out[place] = _log_share(self._steps.following(sources, weights, items))
        gaps_s = np.array([max(time_ms - act.time_ms, 0) for act in recent]) / 1000.0
        near = _SESSION_FADE**lags * (np.exp(-gaps_s / _SESSION_S) + _SESSION_FLOOR)
        out[8] = _log_share(self._sessions.following(rows, near.astype(np.float32), items))
        weights = (_RECENT_FADE**lags).astype(np.float32)
        weights /= weights.sum()
        kept = [act.row for act in recent]
        _put(out[9], _SPACE_SCALE * _likeness(self._spaces.occasion, kept, weights))
        _put(out[11], _SPACE_SCALE * _likeness(self._spaces.texts, kept, weights))
        out[13] = _nearness(log_met, log_met[rows], weights)

    def _taste_of(self, history: History) -> _Floats:
        """Σ decay · place of the latest liked items, shape (d,)."""
        places = self._spaces.taste
        liked = history.recent_liked(_LIKED_KEPT)
        rows = np.array(liked, np.int64)
        known = rows < len(places)
        return np.asarray(self._fade(len(liked))[known] @ places[rows[known]], np.float32)

    def _fade(self, count: int) -> _Floats:
        ranks = np.arange(count)
        return np.asarray(np.exp2(-ranks / self._settings.half_rank), np.float32)

    def _member(self, taste: _Floats) -> _Floats:
        norm = float(np.linalg.norm(taste))
        return membership(taste / max(norm, 1e-9), self._spaces.personas.centroids)


def _principal(texts: _Floats, dimension: int) -> _Floats:
    """Centred on the mean text, along the leading principal directions, unit rows or zeros."""
    present = np.abs(texts).sum(axis=1) > 0
    if not present.any():
        return np.zeros((len(texts), 0), np.float32)
    centred = np.where(present[:, None], texts - texts[present].mean(axis=0), 0.0)
    _, vectors = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    places = centred @ vectors[:, ::-1][:, :dimension]
    norms = np.linalg.norm(places, axis=1, keepdims=True)
    return np.where(norms > 0, places / np.maximum(norms, 1e-9), 0.0).astype(np.float32)


def _put(out: _Floats, values: _Floats) -> None:
    """Items that are newer than the space keep zero: the mean, not the worst."""
    out[: len(values)] = values


def _likeness(places: _Floats, rows: list[int], weights: _Floats) -> _Floats:
    known = [place for place, row in enumerate(rows) if row < len(places)]
    centre = weights[known] @ places[[rows[place] for place in known]]
    return np.asarray(places @ centre, np.float32)


def _log_share(shares: _Floats) -> _Floats:
    return np.asarray(np.log(shares / np.float32(_UNSEEN_SHARE) + 1.0), np.float32)


_NEARNESS_STEP: Final = 0.1


def _nearness(log_met: _Floats, recent: _Floats, weights: _Floats) -> _Floats:
    """Log density of an item's popularity among the popularity of recent items.

    People who have come to rare items stay there. A Gaussian kernel of width 0.7 nats, read
    from a table: one entry per tenth of a nat.
    """
    lowest = float(log_met.min())
    bins = ((log_met - lowest) / _NEARNESS_STEP).astype(np.int64)
    grid = lowest + _NEARNESS_STEP * (np.arange(int(bins.max()) + 1) + 0.5)
    density = np.exp(-((grid[None, :] - recent[:, None]) ** 2)) * weights[:, None]
    return np.asarray(np.log(density.sum(axis=0) + 0.01)[bins], np.float32)
