"""What each part of the next-item blend brings.

All variants are trained on the same cross-fitted predictions of the known users, and scored on the
same predictions of the test users, by a population that stands still; so differences are paired,
and smaller than those of whole runs would be.

    python -m evaluation.ablation --items F --warm F --test F
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from evaluation.nextitem import StoredStates
from evaluation.predictors import Options, item_vectors
from evaluation.reading import in_protocol_order, read_events
from profiles.ids import item_key
from profiles.nextitem.crossfit import Asked, ask, cross_asked, drawn_acts
from profiles.nextitem.histories import History, about_items, history_of
from profiles.nextitem.ingredients import CIRCUMSTANCES, INGREDIENTS, circumstances
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.mixer import Mixer, moments
from profiles.nextitem.population import Items, Population
from profiles.nextitem.settings import Settings
from profiles.policy import DEFAULT_POLICY
from profiles.ports import Vector
from profiles.queries import Level
from schemas.decoded import FastEvent, Item, ItemRetired

__all__ = ["Known", "Loss", "ablations", "losses", "read_known"]

_SHOWN: Final = 10
_RESAMPLES: Final = 1_000
_INTERESTS: Final = 10
_ALL: Final = "all of them"
_NO_DECAY: Final = "no decay of tastes"

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """Histories of the known users and of those to predict, over the same items."""

    warm: Sequence[History]
    test: Sequence[History]
    items: Items


@dataclass(frozen=True, slots=True)
class Loss:
    """nDCG@10 of a variant, and how it differs from the whole blend; error by users."""

    ndcg: float
    difference: float
    standard_error: float


def _variants() -> dict[str, list[int]]:
    """Rows of features that each variant mixes; the row after the last is `_several`."""
    names = list(INGREDIENTS)
    whole = list(range(len(names)))

    def without(*gone: str) -> list[int]:
        return [row for row in whole if names[row] not in gone]

    def layer(level: Level) -> list[int]:
        return [row for row in whole if INGREDIENTS[names[row]] is level]

    found = {_ALL: whole, "several interests added": [*whole, len(whole)]}
    found |= {f"no blend: {level} alone": layer(level) for level in Level if layer(level)}
    found["texts only"] = [names.index("recent texts"), names.index("liked texts")]
    found["without transitions"] = without(
        "after the last",
        "after the two before",
        "after the earlier",
        "within minutes",
        "after the liked ones",
        "oftener than usual",
    )
    found["without texts"] = without("recent texts", "liked texts")
    found["without the four"] = without(
        "after the liked ones",
        "direction of taste",
        "near the last",
        "oftener than usual",
    )
    return found | {f"without {name}": without(name) for name in names}


def ablations(
    known: Known, settings: Settings, *, predictions: int, seed: int
) -> tuple[dict[str, _Doubles], npt.NDArray[np.int64]]:
    """nDCG@10 of every prediction by variant, and the user of each.

    Args:
        predictions: About how many of the test users' likes are predicted.
    """
    gains, users = _scored(known, settings, _variants(), predictions=predictions, seed=seed)
    timeless = replace(settings, half_rank=1e9)
    whole = {_NO_DECAY: list(range(len(INGREDIENTS)))}
    return gains | _scored(known, timeless, whole, predictions=predictions, seed=seed)[0], users


def _scored(
    known: Known,
    settings: Settings,
    variants: Mapping[str, list[int]],
    *,
    predictions: int,
    seed: int,
) -> tuple[dict[str, _Doubles], npt.NDArray[np.int64]]:
    width = next((len(vector) for vector in known.items.vectors if vector is not None), 1)
    before = ItemSpace.initial(
        width,
        text_dimension=settings.text_dimension,
        taste_dimension=settings.taste_dimension,
        text_weight=settings.text_weight,
        cold_likes=settings.cold_likes,
        seed=seed,
    )
    mixers = {
        name: Mixer(scores=len(rows), circumstances=CIRCUMSTANCES)
        for name, rows in variants.items()
    }
    for asked in cross_asked(known.warm, known.items, settings, before=before, seed=seed):
        around, scores = circumstances(asked.questions), _with_several(asked)
        for name, mixer in mixers.items():
            part = scores[:, variants[name]]
            seen = moments(part, _logits(mixer, part, asked), asked.targets)
            mixer.update(np.broadcast_to(around, (len(asked.targets), CIRCUMSTANCES)), seen)
    population = Population.counted(known.warm, known.items, settings, before=before, seed=seed)
    gains: dict[str, list[_Doubles]] = {name: [] for name in variants}
    users: list[npt.NDArray[np.int64]] = []
    rng = np.random.default_rng(seed)
    for user, acts in drawn_acts(known.test, about=predictions, rng=rng):
        asked = ask(population, known.test, user, acts)
        scores = _with_several(asked)
        users.append(np.full(len(acts), user))
        for name, mixer in mixers.items():
            logits = _logits(mixer, scores[:, variants[name]], asked)
            gains[name].append(_ndcg(logits, asked.targets))
    return {name: np.concatenate(own) for name, own in gains.items()}, np.concatenate(users)


def _with_several(asked: Asked) -> _Floats:
    """Features, and one more: likeness to the nearest of the latest liked items."""
    history, taste = asked.questions.history, asked.population.taste
    nearest = np.zeros((len(asked.questions), 1, len(taste)), np.float32)
    for place, end in enumerate(asked.questions.ends.tolist()):
        liked = history.row[:end][history.liked[:end]][-_INTERESTS:]
        if len(liked):
            nearest[place, 0] = 10.0 * (taste[liked] @ taste.T).max(axis=0)
    return np.concatenate((asked.scores, nearest), axis=1)


def _logits(mixer: Mixer, scores: _Floats, asked: Asked) -> _Floats:
    weights = mixer.weights(circumstances(asked.questions)).astype(np.float32)
    return np.asarray((weights[:, None, :] @ scores)[:, 0] + asked.barred, np.float32)


def _ndcg(logits: _Floats, targets: npt.NDArray[np.int64]) -> _Doubles:
    hit = logits[np.arange(len(targets)), targets]
    rank = (logits >= hit[:, None]).sum(axis=1) - 1
    return np.asarray(np.where(rank < _SHOWN, 1.0 / np.log2(rank + 2.0), 0.0), np.float64)


def losses(
    gains: Mapping[str, _Doubles], users: npt.NDArray[np.int64], *, seed: int
) -> dict[str, Loss]:
    """Means and paired differences, with standard errors by resampling users."""
    count = int(users.max()) + 1
    draws = np.random.default_rng(seed).multinomial(
        count, np.full(count, 1.0 / count), size=_RESAMPLES
    )
    n = np.maximum(draws @ np.bincount(users, minlength=count), 1)
    found: dict[str, Loss] = {}
    for name, values in gains.items():
        difference = values - gains[_ALL]
        resampled = (draws @ np.bincount(users, weights=difference, minlength=count)) / n
        found[name] = Loss(float(values.mean()), float(difference.mean()), float(resampled.std()))
    return found


def read_known(
    items: Path, warm: Path, test: Path, vectors_of: Callable[[list[Item]], list[Vector | None]]
) -> Known:
    """Histories from event files, by the same folds as the stream.

    Raises:
        UnreadableEvents: a file is missing or holds something that is no event.
    """
    described: dict[int, Item] = {}
    states = StoredStates(DEFAULT_POLICY)

    def read(path: Path) -> list[bytes]:
        users: dict[bytes, None] = {}
        events: list[FastEvent] = list(in_protocol_order(read_events(path)))
        for event in events:
            match event:
                case Item():
                    described[item_key(event.tenant, event.item_id)] = event
                case ItemRetired():
                    pass
                case _:
                    users[states.add(event)] = None
        return sorted(users)

    read(items)
    entries = [[about_items(states.of(key)) for key in read(path)] for path in (warm, test)]
    keys = set(described)
    for own in (*entries[0], *entries[1]):
        keys |= set(own["item"].tolist())
    ordered = sorted(keys)
    row_of = {key: row for row, key in enumerate(ordered)}
    vectors = dict(zip(described, vectors_of(list(described.values())), strict=True))
    warm_histories, test_histories = (
        [history_of(own, row_of, DEFAULT_POLICY) for own in part] for part in entries
    )
    return Known(
        warm_histories, test_histories, Items(ordered, [vectors.get(key) for key in ordered])
    )


def main() -> int:
    """Print a table; exit 0."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.ablation")
    for name in ("--items", "--warm", "--test"):
        parser.add_argument(name, type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--predictions", type=int, default=2_000)
    parser.add_argument("--fitted", type=int, default=Settings().fitted_predictions)
    arguments = parser.parse_args()
    options = Options(seed=arguments.seed)
    known = read_known(
        arguments.items,
        arguments.warm,
        arguments.test,
        lambda described: item_vectors(described, options),
    )
    with threadpool_limits(limits=1, user_api="blas"):
        gains, users = ablations(
            known,
            replace(Settings(), fitted_predictions=arguments.fitted),
            predictions=arguments.predictions,
            seed=arguments.seed,
        )
    sys.stdout.write(f"{len(users)} predictions\nvariant | nDCG@10 | difference\n--- | --- | ---\n")
    for name, loss in losses(gains, users, seed=arguments.seed).items():
        sys.stdout.write(
            f"{name} | {loss.ndcg:.4f} | {loss.difference:+.4f} ± {loss.standard_error:.4f}\n"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
