"""Training the mixes on users that the population under them does not know.

Folds of the sampled users; a fold's users are asked, at acts drawn with a seed, of a population
counted from the other folds. So weights are fitted to how well ingredients predict *others*. To
count a population costs far more than to ask it: no more folds are asked than hold enough likes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import NO_HISTORY, History
from profiles.nextitem.ingredients import Questions, circumstances, features
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.mixer import answered
from profiles.nextitem.mixing import Lessons, Mixing, barred_for
from profiles.nextitem.popularity import month_of
from profiles.nextitem.population import Items, Population
from profiles.nextitem.settings import Settings

__all__ = ["Asked", "Gains", "ask", "cross_asked", "cross_fit", "drawn_acts"]

_BATCH: Final = 8
_NEWCOMERS: Final = 64
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
    """Questions about users, and what a population without them makes of them.

    Attributes:
        users: Places of the users in the list that is cross-fitted, shape (n,).
        questions: m of them: each of its own answer, or one that all answers are to.
        scores: Features, shape (m, K, items).
        barred: -inf for what is no candidate, shape (m, items).
        targets: Row of what came, shape (n,).
    """

    users: npt.NDArray[np.int64]
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
    return _asked(population, questions, np.full(len(acts), user), history.row[acts])


def _ask_all(
    population: Population,
    histories: Sequence[History],
    parts: Sequence[tuple[int, npt.NDArray[np.int64]]],
    rng: np.random.Generator,
) -> Iterator[Asked]:
    """As `ask` of each part, users who had done nothing yet together: they are all alike."""
    calls = _by_history(histories, parts)
    # Not user by user: the mixers would lean towards the last one.
    for place in rng.permutation(len(calls)).tolist():
        users, acts = calls[place]
        if isinstance(users, int):
            yield ask(population, histories, users, acts)
        else:
            times_ms = histories[users[0]].time_ms[:1]
            questions = Questions(NO_HISTORY, np.zeros(1, np.int64), times_ms)
            targets = np.array([histories[user].row[0] for user in users], np.int64)
            yield _asked(population, questions, np.array(users), targets)


def _by_history(
    histories: Sequence[History], parts: Sequence[tuple[int, npt.NDArray[np.int64]]]
) -> list[tuple[int | list[int], npt.NDArray[np.int64]]]:
    """Acts of a user that others came before, and users of a month whose first act is asked."""
    first = np.zeros(1, np.int64)
    calls: list[tuple[int | list[int], npt.NDArray[np.int64]]] = []
    newcomers: dict[int, list[int]] = {}
    for user, acts in parts:
        if acts[0] == 0:
            month = int(month_of(histories[user].time_ms[0]))
            alike = newcomers.setdefault(month, [])
            if not alike:
                calls.append((alike, first))
            alike.append(user)
            if len(alike) == _NEWCOMERS:
                del newcomers[month]
        if len(later := acts[acts > 0]):
            calls.append((user, later))
    return calls


def _asked(
    population: Population,
    questions: Questions,
    users: npt.NDArray[np.int64],
    targets: npt.NDArray[np.int64],
) -> Asked:
    return Asked(
        users,
        population,
        questions,
        features(population, questions),
        barred_for(questions, len(population.text)),
        targets,
    )


def drawn_acts(
    histories: Sequence[History],
    asked: npt.NDArray[np.bool_] | None = None,
    *,
    about: int,
    rng: np.random.Generator,
) -> list[tuple[int, npt.NDArray[np.int64]]]:
    """About so many liked acts on items new to their user, in parts of a few of one user.

    Args:
        asked: Whose, shape (users,); everybody's by default.
    """
    chosen = [
        (user, history) for user, history in enumerate(histories) if asked is None or asked[user]
    ]
    liked = sum(int(history.liked.sum()) for _, history in chosen)
    chance = min(1.0, about / max(liked, 1))
    parts: list[tuple[int, npt.NDArray[np.int64]]] = []
    for user, history in chosen:
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
    personas: int | None = None,
) -> Iterator[Asked]:
    """A fold's users are asked of the others; nothing where there are fewer than folds.

    Args:
        personas: How many to seek among the others; None to choose the number anew.
    """
    if len(histories) < settings.folds:
        return
    rng = np.random.default_rng(seed)
    fold_of = rng.integers(0, settings.folds, len(histories))
    likes = np.array([int(history.liked.sum()) for history in histories])
    enough = np.cumsum(np.bincount(fold_of, likes, settings.folds)) >= settings.fitted_predictions
    folds = int(enough.argmax()) + 1 if enough.any() else settings.folds
    asked = fold_of < folds
    parts = drawn_acts(histories, asked, about=settings.fitted_predictions, rng=rng)
    for fold in range(folds):
        known = [own for own, at in zip(histories, fold_of, strict=True) if at != fold]
        population = Population.counted(
            known, items, settings, before=before, seed=seed, personas=personas
        )
        own = [(user, acts) for user, acts in parts if fold_of[user] == fold]
        yield from _ask_all(population, histories, own, rng)


def cross_fit(
    mixing: Mixing,
    histories: Sequence[History],
    items: Items,
    settings: Settings,
    *,
    before: ItemSpace,
    seed: int,
    personas: int,
) -> Gains:
    """Move the mixers of `mixing` by every prediction; args as of `cross_asked`."""
    users, gains = [np.zeros(0, np.int64)], [np.zeros(0)]
    lessons = Lessons(mixing)
    for asked in cross_asked(
        histories, items, settings, before=before, seed=seed, personas=personas
    ):
        around = circumstances(asked.questions)
        lessons.add(asked.scores, around, asked.barred, asked.targets)
        base = np.log(asked.population.popularity.appeal(len(items.keys)))
        persona = _log_chance(asked.scores[:, _PERSONA] + asked.barred, asked.targets)
        users.append(asked.users)
        gains.append(persona - _log_chance(base + asked.barred, asked.targets))
    lessons.end()
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
    return np.asarray(answered(logits, targets) - norm, np.float64)
