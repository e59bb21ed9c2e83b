"""The mixers of all levels."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.nextitem.ingredients import (
    CIRCUMSTANCES,
    INGREDIENTS,
    Questions,
)
from profiles.nextitem.mixer import Mixer, Moments, moments
from profiles.nextitem.settings import Settings
from profiles.queries import Level

__all__ = ["Lessons", "Mix", "Mixing", "barred_for", "rows_by_level"]

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]
_Rows = npt.NDArray[np.int64]

_LEVEL_LAYERS: Final[Mapping[Level, frozenset[Level]]] = {
    Level.GLOBAL: frozenset({Level.GLOBAL}),
    Level.PERSONA: frozenset({Level.PERSONA}),
    Level.USER: frozenset({Level.USER}),
    Level.BLEND: frozenset({Level.GLOBAL, Level.PERSONA, Level.USER}),
}


_LARGEST_LESSON: Final = 32
_PER_LESSON: Final = 16


@dataclass(frozen=True, slots=True)
class Mix:
    """One question's weights, shape (K,), and scores, shape (n,)."""

    weights: _Doubles
    scores: _Floats


class Mixing:
    """One mixer per level, over the ingredients of the layers it may use.

    Attributes:
        learned: Predictions that the weights have learned from.

    Raises:
        ValueError: the settings leave out what does not exist, or all of a layer.
    """

    def __init__(self, settings: Settings) -> None:
        self.rows = rows_by_level(settings.left_out)
        self._parts = {level: _part(rows) for level, rows in self.rows.items()}
        self.mixers = {
            level: Mixer(scores=len(rows), circumstances=CIRCUMSTANCES)
            for level, rows in self.rows.items()
        }
        self.learned = 0

    def mix(self, scores: _Floats, around: _Doubles) -> dict[Level, Mix]:
        """Of one question: features of shape (K, n), circumstances of shape (1, C)."""
        mixes: dict[Level, Mix] = {}
        for level, mixer in self.mixers.items():
            weights = mixer.weights(around)[0]
            mixes[level] = Mix(weights, weights.astype(np.float32) @ scores[self.rows[level]])
        return mixes

    def moments(
        self, scores: _Floats, around: _Doubles, barred: npt.NDArray[np.float32], targets: _Rows
    ) -> dict[Level, Moments]:
        """Of several questions: features of shape (m, K, n); or of one, m = 1, with many answers.

        Args:
            barred: Added to logits, shape (m, n): -inf for what is no candidate.
        """
        return {
            level: self._moments(level, scores, around, barred, targets) for level in self.mixers
        }

    def _moments(
        self,
        level: Level,
        scores: _Floats,
        around: _Doubles,
        barred: npt.NDArray[np.float32],
        targets: _Rows,
    ) -> Moments:
        part = scores[:, self._parts[level]]
        weights = self.mixers[level].weights(around).astype(np.float32)
        logits = (weights[:, None, :] @ part)[:, 0] + barred
        return moments(part, logits, targets)

    def update(self, around: _Doubles, seen: Mapping[Level, Moments]) -> None:
        """One step of every level's mixer, from moments that were taken with its weights."""
        self.learned += len(around)
        for level, moments_of_level in seen.items():
            self.mixers[level].update(around, moments_of_level)

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        return {
            f"{level.value}.{name}": array
            for level, mixer in self.mixers.items()
            for name, array in mixer.arrays().items()
        }

    def read(self, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
        for level in self.mixers:
            self.mixers[level] = Mixer.from_arrays(
                {name: arrays[f"{level.value}.{name}"] for name in ("weights", "precision")}
            )


class Lessons:
    """Predictions on their way into the mixers, a step for several at once.

    A step costs the same for one prediction as for many, and the more the weights rest on, the
    less one moves them: so the first make a step each, later ones share it with more and more.
    """

    def __init__(self, mixing: Mixing) -> None:
        self._mixing = mixing
        self._around: list[_Doubles] = []
        self._seen: list[dict[Level, Moments]] = []
        self._waiting = 0

    def add(
        self,
        scores: _Floats,
        around: _Doubles,
        barred: npt.NDArray[np.float32],
        targets: _Rows,
    ) -> None:
        """What came next in several questions, or in one; arguments as of `Mixing.moments`."""
        self._around.append(np.broadcast_to(around, (len(targets), around.shape[1])))
        self._seen.append(self._mixing.moments(scores, around, barred, targets))
        self._waiting += len(targets)
        if self._waiting >= min(_LARGEST_LESSON, 1 + self._mixing.learned // _PER_LESSON):
            self.end()

    def end(self) -> None:
        """Learn what waits."""
        if not self._waiting:
            return
        seen = {
            level: Moments(
                np.concatenate([one[level].gradient for one in self._seen]),
                np.concatenate([one[level].spread for one in self._seen]),
            )
            for level in self._mixing.mixers
        }
        self._mixing.update(np.concatenate(self._around), seen)
        self._around, self._seen, self._waiting = [], [], 0


def _part(rows: list[int]) -> slice | list[int]:
    """Rows that follow each other as a slice, which copies nothing."""
    whole = slice(rows[0], rows[-1] + 1)
    return whole if len(rows) == whole.stop - whole.start else rows


def rows_by_level(left_out: Iterable[str]) -> dict[Level, list[int]]:
    """Rows of `INGREDIENTS` that each level uses.

    Raises:
        ValueError: nothing is left of a level, or there is no such ingredient.
    """
    unknown = set(left_out) - INGREDIENTS.keys()
    if unknown:
        raise ValueError(f"there is no ingredient {min(unknown)!r}")
    rows = {
        level: [
            row
            for row, (name, layer) in enumerate(INGREDIENTS.items())
            if layer in layers and name not in left_out
        ]
        for level, layers in _LEVEL_LAYERS.items()
    }
    for level, own in rows.items():
        if not own:
            raise ValueError(f"every ingredient of the {level} level is left out")
    return rows


def barred_for(questions: Questions, items: int) -> npt.NDArray[np.float32]:
    """Zeros, and -inf for what was met before each question, shape (m, items)."""
    barred = np.zeros((len(questions), items), np.float32)
    for question, end in enumerate(questions.ends.tolist()):
        barred[question, questions.history.row[:end]] = -np.inf
    return barred
