"""What a model of choices says, layer by layer, and how its mixers are fitted."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from profiles.choices.logistic import Floats, sigmoid
from profiles.choices.mixer import Mixer
from profiles.queries import Level

__all__ = ["ChoiceAnswer", "Evidence", "Layout", "LevelMixers"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the layers know before the answer is known.

    Attributes:
        features: One row for the mixers.
        sizes: Effective observations behind each level, ≥ 0: votes on the item (or
            comparisons of the two), votes that the user's personas amount to on it, votes of
            the user that count here.
        variance: Of the log-odds of the user's own layer, ≥ 0.
    """

    features: Floats
    sizes: Mapping[Level, float]
    variance: float


@dataclass(frozen=True, slots=True)
class ChoiceAnswer:
    """One level's answer.

    Attributes:
        log_odds: Of "for", or of the first side; finite.
        effective_sample_size: Observations it rests on, ≥ 0.
        variance: Of `log_odds`, from uncertain weights and an uncertain user, ≥ 0.
    """

    log_odds: float
    effective_sample_size: float
    variance: float

    @property
    def probability(self) -> float:
        """In (0, 1)."""
        return sigmoid(self.log_odds)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which features belong to which layer; they stand in this order.

    Attributes:
        prior: Mean weight of each global feature before evidence; of the others it is 0.
    """

    prior: tuple[float, ...]
    persona: int
    user: int

    def personas(self) -> list[int]:
        """Places of the persona layer's features."""
        return list(range(len(self.prior), len(self.prior) + self.persona))

    def mine(self) -> list[int]:
        """Places of the user layer's features."""
        first = len(self.prior) + self.persona
        return list(range(first, first + self.user))

    def columns(self, level: Level) -> list[int]:
        """Features a level may use: those of the layers above are always among them."""
        upper, personas, mine = list(range(len(self.prior))), self.personas(), self.mine()
        match level:
            case Level.GLOBAL:
                return upper
            case Level.PERSONA:
                return upper + personas
            case Level.USER:
                return upper + mine
            case Level.BLEND:
                return upper + personas + mine


_LEVELS: Final = tuple(Level)
_SILENT: Final = 1e-9


def _speaks(features: Floats) -> bool:
    return bool((np.abs(features) > _SILENT).any())


class LevelMixers:
    """One mixer per level; a level whose layers say nothing answers as the level above.

    A layer says nothing when all its features are 0 up to rounding: the persona and user levels
    then answer as the global one, the blend as the level whose layer does speak.
    """

    def __init__(self, layout: Layout, *, prior_variance: float) -> None:
        self._columns = {level: np.array(layout.columns(level)) for level in _LEVELS}
        self._personas = np.array(layout.personas())
        self._mine = np.array(layout.mine())
        width = len(layout.prior) + layout.persona + layout.user
        prior = np.zeros(width)
        prior[: len(layout.prior)] = layout.prior
        self._mixers = {
            level: Mixer(prior[columns].tolist(), prior_variance=prior_variance)
            for level, columns in self._columns.items()
        }

    def weights(self, level: Level) -> Floats:
        """Of the level's features, in the order of the layout."""
        return self._mixers[level].weights

    def _speaking(self, features: Floats) -> dict[Level, Level]:
        """Whose mixer answers for each level."""
        persona = _speaks(features[self._personas])
        user = _speaks(features[self._mine])
        of_persona = Level.PERSONA if persona else Level.GLOBAL
        of_user = Level.USER if user else Level.GLOBAL
        both = Level.BLEND if persona and user else of_user if user else of_persona
        return {
            Level.GLOBAL: Level.GLOBAL,
            Level.PERSONA: of_persona,
            Level.USER: of_user,
            Level.BLEND: both,
        }

    def predict(self, evidence: Evidence) -> dict[Level, ChoiceAnswer]:
        """An answer for every level."""
        features = evidence.features
        answers: dict[Level, ChoiceAnswer] = {}
        for level, speaker in self._speaking(features).items():
            log_odds, variance = self._mixers[speaker].predict(features[self._columns[speaker]])
            if level in {Level.USER, Level.BLEND}:
                variance += evidence.variance
            answers[level] = ChoiceAnswer(log_odds, evidence.sizes[level], variance)
        return answers

    def learn(self, evidence: Evidence, target: float) -> None:
        """After it was predicted; mixers whose layers said nothing learn nothing."""
        features = evidence.features
        speaking = self._speaking(features)
        for level, mixer in self._mixers.items():
            if speaking[level] is level:
                mixer.learn(features[self._columns[level]], target)

    def fit(self, rows: Iterable[tuple[Evidence, float]]) -> None:
        """Replace all weights by those that fit predictions made before their answers."""
        pairs = list(rows)
        if not pairs:
            return
        table = np.stack([evidence.features for evidence, _ in pairs])
        targets = np.array([target for _, target in pairs])
        persona = (np.abs(table[:, self._personas]) > _SILENT).any(1)
        user = (np.abs(table[:, self._mine]) > _SILENT).any(1)
        spoken = {
            Level.GLOBAL: np.ones(len(table), np.bool_),
            Level.PERSONA: persona,
            Level.USER: user,
            Level.BLEND: persona & user,
        }
        for level, mixer in self._mixers.items():
            used = spoken[level]
            mixer.fit(table[used][:, self._columns[level]], targets[used])
