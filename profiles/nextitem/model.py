"""A published version of the next-item model: answers are functions of it, a state and a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

import msgspec
import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import about_items, history_of
from profiles.nextitem.ingredients import (
    INGREDIENTS,
    Questions,
    circumstances,
    features,
)
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.mixing import Mix, Mixing
from profiles.nextitem.packing import Array, BlobFormatError, pack, reading, unpack
from profiles.nextitem.personas import Advantage, Personas, membership
from profiles.nextitem.popularity import Popularity
from profiles.nextitem.population import Population
from profiles.nextitem.settings import Settings
from profiles.nextitem.tastes import taste_weights
from profiles.nextitem.transitions import Transitions
from profiles.policy import Policy
from profiles.queries import Level
from profiles.state import UserState

__all__ = ["NextItemModel", "RankedLevels"]

_Floats = npt.NDArray[np.float32]
_LAYERS: Final = (Level.GLOBAL, Level.PERSONA, Level.USER)
_FORMAT: Final = 2


@dataclass(frozen=True, slots=True)
class RankedLevels:
    """Scores of all items of a model, by level, and what they rest on.

    Attributes:
        items: Item keys; scores are in this order.
        scores: Log-odds up to a constant, shape (n,); -inf for retired items, never NaN.
        parts: Each layer's part of the blend's log-odds, shape (n,); they add up to it.
        shares: How much each layer moves the blend's ranking: the spread over items of its part
            of the log-odds, as a share; sums to 1, or all 0 where nothing moves it.
        effective_sample_size: Of each layer, in events; ≥ 0.
        abstains: The user stands nearest to a persona that does not predict, or to none.
    """

    items: Sequence[int]
    scores: Mapping[Level, _Floats]
    parts: Mapping[Level, _Floats]
    shares: Mapping[Level, float]
    effective_sample_size: Mapping[Level, float]
    abstains: bool


class _Header(msgspec.Struct, frozen=True, array_like=True):
    format: int
    seed: int
    settings: Settings
    silhouette: float
    advantages: list[Advantage]
    space: bytes


class NextItemModel:
    """Immutable once published; made by `NextItemLearner`.

    Memory: per item 4 · (d + occasion dimension + 16) bytes and 8 bytes per kept successor
    (twice k at most); 4 bytes per event counted. A million items of text only cost nothing here:
    a model has at most `Settings.most_items`.
    """

    def __init__(
        self,
        *,
        policy: Policy,
        settings: Settings,
        seed: int,
        keys: list[int],
        row_of: dict[int, int],
        retired: set[int],
        population: Population,
        mixing: Mixing,
    ) -> None:
        self._policy = policy
        self._settings = settings
        self._seed = seed
        self._keys = keys
        self._row_of = row_of
        self._retired = retired
        self._population = population
        self._mixing = mixing

    @property
    def space(self) -> ItemSpace:
        return self._population.space

    @property
    def personas(self) -> Personas:
        """Centroids in `space`, with how well each predicts."""
        return self._population.personas

    @property
    def items(self) -> Sequence[int]:
        """Keys of the items that are ranked, in the order of scores."""
        return self._keys

    def answer(self, state: UserState, time_ms: int) -> RankedLevels:
        """What may come next for a user at a moment; about ten milliseconds per 10 000 items.

        Items that the user has met are scored too: leaving them out is the caller's.
        """
        history = history_of(about_items(state), self._row_of, self._policy)
        population = self._population
        questions = Questions.one(history, time_ms)
        scores = features(population, questions)[0]
        around = circumstances(questions)
        mixes = self._mixing.mix(scores, around)
        gone = [self._row_of[key] for key in self._retired if key in self._row_of]
        for mix in mixes.values():
            mix.scores[gone] = -np.inf
        parts = _parts(mixes[Level.BLEND], scores, self._mixing.rows[Level.BLEND])
        weights = taste_weights(history, questions.ends, population.half_rank)[0]
        member = membership(population.vector(history), population.personas.centroids)
        return RankedLevels(
            self._keys,
            {level: mix.scores for level, mix in mixes.items()},
            parts,
            _shares(parts),
            {
                Level.GLOBAL: float(population.popularity.met.sum()),
                Level.PERSONA: population.personas.evidence(member) if weights.any() else 0.0,
                Level.USER: _kish(weights),
            },
            abstains=not (weights.any() and population.personas.speaks(member)),
        )

    def ingredients(self, state: UserState, time_ms: int) -> dict[str, _Floats]:
        """What an answer is mixed from: by name (`INGREDIENTS`) a score of each item."""
        history = history_of(about_items(state), self._row_of, self._policy)
        scores = features(self._population, Questions.one(history, time_ms))[0]
        return dict(zip(INGREDIENTS, scores, strict=True))

    def to_bytes(self) -> bytes:
        population = self._population
        arrays: dict[str, Array] = {
            "keys": np.array(self._keys, np.uint64),
            "retired": np.array(sorted(self._retired), np.uint64),
            "text": population.text,
            "taste": population.taste,
            "occasion": population.occasion,
            "centroids": population.personas.centroids,
            "persona_likes": population.personas.likes,
        }
        items = len(self._keys)
        parts = {
            "popularity": population.popularity.arrays(items),
            "steps": population.steps.arrays(items),
            "sessions": population.sessions.arrays(items),
            "mixing": self._mixing.arrays(),
        }
        for part, named in parts.items():
            arrays |= {f"{part}/{name}": array for name, array in named.items()}
        header = _Header(
            _FORMAT,
            self._seed,
            self._settings,
            population.personas.silhouette,
            list(population.personas.advantages),
            population.space.to_bytes(),
        )
        return pack(msgspec.msgpack.encode(header), arrays)

    @classmethod
    def from_bytes(cls, encoded: bytes, *, policy: Policy) -> Self:
        """Inverse of `to_bytes`; the policy is not part of a model.

        Raises:
            BlobFormatError: not such bytes, or of a newer format.
        """
        header, arrays = unpack(encoded)
        with reading("a next-item model"):
            read = msgspec.msgpack.decode(header, type=_Header)
        if read.format != _FORMAT:
            raise BlobFormatError(f"model has format {read.format}, this code reads {_FORMAT}")

        with reading("a next-item model"):
            return cls._of(read, arrays, policy=policy)

    @classmethod
    def _of(cls, read: _Header, arrays: Mapping[str, Array], *, policy: Policy) -> Self:
        def part(name: str) -> dict[str, Array]:
            return {
                key.removeprefix(f"{name}/"): array
                for key, array in arrays.items()
                if key.startswith(f"{name}/")
            }

        settings = read.settings
        mixing = Mixing(settings)
        mixing.read(part("mixing"))
        steps, sessions = (
            Transitions.from_arrays(part(name), neighbours=settings.neighbours, prior=1.0)
            for name in ("steps", "sessions")
        )
        population = Population(
            Popularity.from_arrays(part("popularity")),
            steps,
            sessions,
            ItemSpace.from_bytes(read.space),
            arrays["text"].astype(np.float32),
            arrays["taste"].astype(np.float32),
            arrays["occasion"].astype(np.float32),
            Personas(
                arrays["centroids"].astype(np.float32),
                arrays["persona_likes"].astype(np.float32),
                read.silhouette,
                tuple(read.advantages),
            ),
            settings.recent,
            settings.half_rank,
        )
        keys = arrays["keys"].tolist()
        return cls(
            policy=policy,
            settings=settings,
            seed=read.seed,
            keys=keys,
            row_of={key: row for row, key in enumerate(keys)},
            retired=set(arrays["retired"].tolist()),
            population=population,
            mixing=mixing,
        )


def _parts(mix: Mix, scores: _Floats, rows: list[int]) -> dict[Level, _Floats]:
    names = list(INGREDIENTS.values())
    parts: dict[Level, _Floats] = {}
    for layer in _LAYERS:
        own = [place for place, row in enumerate(rows) if names[row] is layer]
        parts[layer] = mix.weights[own].astype(np.float32) @ scores[[rows[place] for place in own]]
    return parts


def _shares(parts: Mapping[Level, _Floats]) -> dict[Level, float]:
    spread = {layer: float(part.std()) if part.size else 0.0 for layer, part in parts.items()}
    total = sum(spread.values())
    return {layer: one / total if total > 0 else 0.0 for layer, one in spread.items()}


def _kish(weights: _Floats) -> float:
    squares = float((weights * weights).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0
