"""What a model of choices says, layer by layer, and how its mixers are fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.choices.logistic import Floats, sigmoid
from profiles.choices.mixer import Mixer
from profiles.queries import Level

__all__ = ["ChoiceAnswer", "Evidence", "Example", "Layout", "LevelMixers", "shares"]

Groups = npt.NDArray[np.int64]


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


def shares(answers: Mapping[Level, ChoiceAnswer]) -> dict[Level, float]:
    """What part of the blend's log-odds each layer brings: everybody's own, then what is added.

    The persona layer brings what it changes of everybody's answer, the user layer what the blend
    changes of the persona's; sizes alone count, whichever way they point. They sum to 1, or are
    all 0 where the log-odds are.

    >>> said = {Level.GLOBAL: 1.0, Level.PERSONA: 1.5, Level.USER: 0.4, Level.BLEND: 0.5}
    >>> shares({level: ChoiceAnswer(odds, 1.0, 0.0) for level, odds in said.items()})[Level.USER]
    0.4
    """
    steps = (Level.GLOBAL, Level.PERSONA, Level.BLEND)
    reached = [0.0, *(answers[level].log_odds for level in steps)]
    added = [abs(after - before) for before, after in pairwise(reached)]
    whole = sum(added)
    layers = (Level.GLOBAL, Level.PERSONA, Level.USER)
    return {
        layer: size / whole if whole else 0.0 for layer, size in zip(layers, added, strict=True)
    }


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


@dataclass(frozen=True, slots=True)
class Example:
    """A prediction made before its answer was known.

    Attributes:
        target: 1 for, or the first side; 0 against.
        group: Number of the person, ≥ 0.
    """

    evidence: Evidence
    target: float
    group: int


_LEVELS: Final = tuple(Level)
_PARTS: Final = 4
_SIMPLER: Final[Mapping[Level, tuple[Level, ...]]] = {
    Level.GLOBAL: (),
    Level.PERSONA: (Level.GLOBAL,),
    Level.USER: (Level.GLOBAL,),
    Level.BLEND: (Level.GLOBAL, Level.PERSONA, Level.USER),
}
_SILENT: Final = 1e-9


def _speaks(features: Floats) -> bool:
    return bool((np.abs(features) > _SILENT).any())


class LevelMixers:
    """One mixer per level; a level whose layers say nothing answers as the level above.

    A layer says nothing when all its features are 0 up to rounding: the persona and user levels
    then answer as the global one, the blend as the level whose layer does speak. And a level
    abstains for good where predictions of people left out showed that another, with less to go
    by, predicts better: `stands_for` names it.
    """

    def __init__(self, layout: Layout, *, prior_variance: float) -> None:
        self._columns = {level: np.array(layout.columns(level)) for level in _LEVELS}
        self._personas = np.array(layout.personas())
        self._mine = np.array(layout.mine())
        width = len(layout.prior) + layout.persona + layout.user
        self._prior = np.zeros(width)
        self._prior[: len(layout.prior)] = layout.prior
        self._prior_variance = prior_variance
        self.mixers = {level: self._new(level) for level in _LEVELS}
        self.stands_for = {level: level for level in _LEVELS}

    def _new(self, level: Level) -> Mixer:
        prior = self._prior[self._columns[level]].tolist()
        return Mixer(prior, prior_variance=self._prior_variance)

    def _speaking(self, features: Floats) -> dict[Level, Level]:
        """Whose mixer is concerned at each level, abstention apart."""
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
        for level, speaking in self._speaking(features).items():
            speaker = self.stands_for[speaking]
            log_odds, variance = self.mixers[speaker].predict(features[self._columns[speaker]])
            if speaker in {Level.USER, Level.BLEND}:
                variance += evidence.variance
            answers[level] = ChoiceAnswer(log_odds, evidence.sizes[level], variance)
        return answers

    def learn(self, evidence: Evidence, target: float) -> None:
        """After it was predicted; mixers whose layers said nothing learn nothing."""
        features = evidence.features
        speaking = self._speaking(features)
        for level, mixer in self.mixers.items():
            if speaking[level] is level:
                mixer.learn(features[self._columns[level]], target)

    def fit(self, examples: Sequence[Example]) -> None:
        """Replace all weights by those that fit predictions made before their answers."""
        if not examples:
            return
        table = np.stack([example.evidence.features for example in examples])
        targets = np.array([example.target for example in examples])
        groups = np.array([example.group for example in examples])
        persona = (np.abs(table[:, self._personas]) > _SILENT).any(1)
        user = (np.abs(table[:, self._mine]) > _SILENT).any(1)
        spoken = {
            Level.GLOBAL: np.ones(len(table), np.bool_),
            Level.PERSONA: persona,
            Level.USER: user,
            Level.BLEND: persona & user,
        }
        losses: dict[Level, Floats] = {}
        for level, mixer in self.mixers.items():
            used = spoken[level]
            columns = self._columns[level]
            losses[level] = np.full(len(table), np.nan)
            for part in range(_PARTS):
                own = used & (groups % _PARTS == part)
                trial = self._new(level)
                trial.fit(table[used & ~own][:, columns], targets[used & ~own])
                losses[level][own] = trial.losses(table[own][:, columns], targets[own])
            mixer.fit(table[used][:, columns], targets[used])
        self.stands_for = {level: self._best(level, losses, groups) for level in _LEVELS}

    def _best(self, level: Level, losses: Mapping[Level, Floats], groups: Groups) -> Level:
        """Itself, unless one with fewer features predicts people left out better."""
        best, ahead = level, 0.0
        for other in _SIMPLER[level]:
            both = np.isfinite(losses[level]) & np.isfinite(losses[other])
            if not both.any():
                continue
            differences = losses[level][both] - losses[other][both]
            mean = float(differences.mean())
            if level is not Level.BLEND:
                # A layer has to show that it helps; the blend only that it does no harm.
                mean += _standard_error(differences, groups[both])
            if mean > ahead:
                best, ahead = other, mean
        return best


def _standard_error(differences: Floats, groups: Groups) -> float:
    """Of the mean, people being the units."""
    _, place = np.unique(groups, return_inverse=True)
    sums = np.bincount(place, differences - differences.mean())
    return float(np.sqrt((sums**2).sum()) / len(differences))
