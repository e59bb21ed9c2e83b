"""Training the mixes on users that the population under them does not know.

Folds of the sampled users; each fold's users are asked, at acts drawn with a seed, of a population
counted from the other folds. So weights are fitted to how well ingredients predict *others*.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import History
from profiles.nextitem.ingredients import Questions, circumstances, features
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.mixing import Mixing, barred_for
from profiles.nextitem.population import Items, Population
from profiles.nextitem.settings import Settings

__all__ = ["Asked", "Gains", "ask", "cross_asked", "cross_fit", "drawn_acts"]

_BATCH: Final = 8
_PERSONA: Final = 4


@dataclass(frozen=True, slots=True)
class Gains:
    """Log-likelihood of the persona layer less that of everybody's popularity, per prediction.

    Attributes:
        user: Place of the user in the list that was cross-fitted.
    """

    user: npt.NDArray[np.int64]
    nats: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions about one user, and what a population without this user makes of them.

    Attributes:
        user: Place of the user in the list that is cross-fitted.
        scores: Features, shape (m, K, items).
        barred: -inf for what is no candidate, shape (m, items).
        targets: Row of what came, shape (m,).
    """

    user: int
    population: Population
    questions: Questions
    scores: npt.NDArray[np.float32]
    barred: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]


def ask(
    population: Population, histories: Sequence[History], user: int, acts: npt.NDArray[np.int64]
) -> Asked:
    """What a population makes of a user before each of these acts."""
    history = histories[user]
    questions = Questions.before(history, acts)
    return Asked(
        user,
        population,
        questions,
        features(population, questions),
        barred_for(questions, len(population.text)),
        history.row[acts],
    )


def drawn_acts(
    histories: Sequence[History], *, about: int, rng: np.random.Generator
) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """About so many liked acts on items new to their user, in parts of a few of one user."""
    liked = sum(int(history.liked.sum()) for history in histories)
    chance = min(1.0, about / max(liked, 1))
    parts: list[tuple[int, npt.NDArray[np.int64]]] = []
    for user, history in enumerate(histories):
        new = _first_meetings(history)
        drawn = np.flatnonzero(new & history.liked & (rng.random(len(history)) < chance))
        pieces = np.array_split(drawn, max(1, -(-len(drawn) // _BATCH)))
        parts += [(user, piece) for piece in pieces if len(piece)]
    return parts


def cross_asked(
    histories: Sequence[History],
    items: Items,
    settings: Settings,
    *,
    before: ItemSpace,
    seed: int,
) -> Iterator[Asked]:
    """Each fold's users are asked of the others; nothing where there are fewer than folds."""
    if len(histories) < settings.folds:
        return
    rng = np.random.default_rng(seed)
    fold_of = rng.integers(0, settings.folds, len(histories))
    parts = drawn_acts(histories, about=settings.fitted_predictions, rng=rng)
    for fold in range(settings.folds):
        known = [own for own, at in zip(histories, fold_of, strict=True) if at != fold]
        population = Population.counted(known, items, settings, before=before, seed=seed)
        own = [(user, acts) for user, acts in parts if fold_of[user] == fold]
        # Not user by user: the mixers would lean towards the last one.
        for place in rng.permutation(len(own)).tolist():
            user, acts = own[place]
            yield ask(population, histories, user, acts)


def cross_fit(
    mixing: Mixing,
    histories: Sequence[History],
    items: Items,
    settings: Settings,
    *,
    before: ItemSpace,
    seed: int,
) -> Gains:
    """Move the mixers of `mixing` by every prediction."""
    users, gains = [np.zeros(0, np.int64)], [np.zeros(0)]
    for asked in cross_asked(histories, items, settings, before=before, seed=seed):
        around = circumstances(asked.questions)
        mixing.learn(asked.scores, around, asked.barred, asked.targets)
        base = np.log(asked.population.popularity.appeal(len(items.keys)))
        persona = _log_chance(asked.scores[:, _PERSONA] + asked.barred, asked.targets)
        users.append(np.full(len(asked.targets), asked.user))
        gains.append(persona - _log_chance(base + asked.barred, asked.targets))
    return Gains(np.concatenate(users), np.concatenate(gains))


def _first_meetings(history: History) -> npt.NDArray[np.bool_]:
    """Which acts are the first on their item."""
    first = np.zeros(len(history), np.bool_)
    first[np.unique(history.row, return_index=True)[1]] = True
    return first


def _log_chance(
    logits: npt.NDArray[np.float32], targets: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    top = logits.max(axis=1)
    norm = top + np.log(np.exp(logits - top[:, None]).sum(axis=1))
    return np.asarray(logits[np.arange(len(targets)), targets] - norm, np.float64)
