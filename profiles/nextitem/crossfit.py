"""Training the mixes on users that the population under them does not know.

Folds of the sampled users; each fold's users are asked, at acts drawn with a seed, of a population
counted from the other folds. So weights are fitted to how well ingredients predict *others*.
"""

from collections.abc import Sequence
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

__all__ = ["Gains", "cross_fit"]

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


def cross_fit(
    mixing: Mixing,
    histories: Sequence[History],
    items: Items,
    settings: Settings,
    *,
    before: ItemSpace,
    seed: int,
) -> Gains:
    """Move the mixers of `mixing`; nothing where there are fewer users than folds."""
    nothing = Gains(np.zeros(0, np.int64), np.zeros(0))
    if len(histories) < settings.folds:
        return nothing
    liked = sum(int(history.liked.sum()) for history in histories)
    chance = min(1.0, settings.fitted_predictions / max(liked, 1))
    rng = np.random.default_rng(seed)
    fold_of = rng.integers(0, settings.folds, len(histories))
    batches: list[tuple[int, int, npt.NDArray[np.int64]]] = []
    for user, history in enumerate(histories):
        new = _first_meetings(history)
        drawn = np.flatnonzero(new & history.liked & (rng.random(len(history)) < chance))
        parts = np.array_split(drawn, max(1, -(-len(drawn) // _BATCH)))
        batches += [(int(fold_of[user]), user, part) for part in parts if len(part)]
    users, gains = [], []
    for fold in range(settings.folds):
        known = [own for own, at in zip(histories, fold_of, strict=True) if at != fold]
        population = Population.counted(known, items, settings, before=before, seed=seed)
        own = [(user, part) for at, user, part in batches if at == fold]
        # Not user by user: the mixers would lean towards the last one.
        for place in rng.permutation(len(own)).tolist():
            user, part = own[place]
            questions = Questions.before(histories[user], part)
            scores = features(population, questions)
            barred = barred_for(questions, len(items.keys))
            targets = histories[user].row[part]
            mixing.learn(scores, circumstances(questions), barred, targets)
            base = np.log(population.popularity.appeal(len(items.keys)))
            users.append(np.full(len(part), user))
            gains.append(_log_chance(scores[:, _PERSONA] + barred, targets))
            gains[-1] -= _log_chance(base + barred, targets)
    if not users:
        return nothing
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
