"""Learning next-item models from the stored states of a sample of users."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from profiles.entries import EMPTY, Entries
from profiles.learning import KnownItem
from profiles.nextitem.crossfit import Gains, cross_fit
from profiles.nextitem.histories import History, about_items, history_of
from profiles.nextitem.ingredients import Questions, circumstances, features
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.mixing import Lessons, Mixing, barred_for
from profiles.nextitem.model import NextItemModel
from profiles.nextitem.personas import advantages, membership
from profiles.nextitem.population import Items, Population
from profiles.nextitem.sample import Sample
from profiles.nextitem.settings import Settings
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.state import UserState

__all__ = ["NextItemLearner"]

_GROWTH = 1.5
_DRAWS = 1 << 32  # one for each hash of an event
_LEARNED_ON = 0.25


class _New(NamedTuple):
    """An act that was stored since its user was last seen; sorts in the order of learning."""

    time_ms: int
    event: int
    key: bytes
    act: int


class NextItemLearner:
    """Learns what is new in users' sets as they are given, and anew from all of them by `refit`.

    After `refit` a model is a function of settings, seed, the items' descriptions and the
    sampled users' states, whatever the order in which they were given. Between refits acts are
    learned in the order (time, event hash, user key) among those given since the last model; the
    mixers learn from a quarter as many of them as a refit would predict, drawn by hash.

    Memory: 27 bytes per act of the sampled users, at most two sets of K each, and a model.

    Raises:
        ValueError: the settings leave out what does not exist, or all of a layer.
    """

    def __init__(self, *, policy: Policy, settings: Settings, seed: int) -> None:
        self._policy = policy
        self._settings = settings
        self._seed = seed
        self._vectors: dict[int, Vector | None] = {}
        self._came_ms: dict[int, int] = {}
        self._retired: set[int] = set()
        self._keys: list[int] = []
        self._row_of: dict[int, int] = {}
        self._entries: dict[bytes, Entries] = {}
        self._sample = Sample(settings.sampled_users)
        self._new: dict[bytes, list[tuple[_New, History]]] = {}
        self._initial: ItemSpace | None = None
        self._population = Population.empty(settings, self._space())
        self._mixing = Mixing(settings)
        self._acts = 0
        self._acts_at_refit = 0
        # Of new likes, those that mixers learn from. They rest on what the refit predicted, and
        # the next one weighs all anew.
        self._share = 1.0
        self._lessons = Lessons(self._mixing)

    @property
    def refit_due(self) -> bool:
        """Whether half as many acts again are known as at the last refit."""
        return self._acts > _GROWTH * self._acts_at_refit

    def put_item(self, item: KnownItem) -> None:
        """Learn a new or changed description."""
        self._vectors[item.key] = item.vector
        if item.described_ms is not None:
            self._came_ms[item.key] = item.described_ms
        if item.retired:
            self._retired.add(item.key)
        else:
            self._retired.discard(item.key)
        if self._initial is None and item.vector is not None:
            # Nothing was placed by its text before.
            self._initial = self._space(len(item.vector))
            if not len(self._population.space.keys):
                self._population.space = self._initial
        row = self._row(item.key)
        if row is not None:
            self._population.put_item(row, item.key, item.vector)

    def fold(self, key: bytes, state: UserState) -> int:
        """Take in a user's present state; how many acts are new since the one before.

        Nothing is taken of users outside the sample. What is gone from the state is unlearned
        by the next refit.
        """
        if not self._sample.admits(key):
            return 0
        rows = about_items(state)
        before = self._entries.get(key, EMPTY)
        new = _new_entries(before, rows)
        if len(rows):
            gone = self._sample.add(key)
            if gone is not None:
                self.forget(gone)
            self._entries[key] = rows
        elif key in self._entries:
            del self._entries[key]
        self._acts += len(rows) - len(before)
        if not len(new):
            return 0
        for item in set(rows["item"][new].tolist()):
            self._row(item)
        items = rows["item"].tolist()
        known = np.fromiter(map(self._row_of.__contains__, items), np.bool_, len(items))
        act_of = np.cumsum(known) - 1
        history = history_of(rows, self._row_of, self._policy)
        for entry in new.tolist():
            if known[entry]:
                one = _New(
                    int(rows["time_ms"][entry]), int(rows["event"][entry]), key, int(act_of[entry])
                )
                self._new.setdefault(key, []).append((one, history))
        return len(new)

    def forget(self, key: bytes) -> None:
        """Drop a user; what they taught is unlearned by the next refit."""
        gone = self._entries.pop(key, EMPTY)
        self._acts -= len(gone)
        self._new.pop(key, None)

    def refit(self) -> None:
        """Learn everything anew: counts, spaces, personas, and cross-fitted mixes."""
        self._new.clear()
        self._order_items()
        users = sorted(self._entries)
        histories = [history_of(self._entries[key], self._row_of, self._policy) for key in users]
        items = Items(
            self._keys,
            [self._vectors.get(key) for key in self._keys],
            [self._came_ms.get(key) for key in self._keys],
        )
        before = self._initial or self._space()
        self._population = Population.counted(
            histories, items, self._settings, before=before, seed=self._seed
        )
        self._mixing = Mixing(self._settings)
        gains = cross_fit(
            self._mixing,
            histories,
            items,
            self._settings,
            before=before,
            seed=self._seed,
            personas=len(self._population.personas.centroids),
        )
        self._judge_personas(histories, gains)
        self._lessons = Lessons(self._mixing)
        self._acts_at_refit = self._acts
        liked = sum(int(history.liked.sum()) for history in histories)
        self._share = _LEARNED_ON * min(1.0, self._settings.fitted_predictions / max(liked, 1))

    def model(self) -> NextItemModel:
        """A version to publish, with everything given so far; later learning leaves it alone.

        Of the mixers' weights, up to 31 of the newest predictions may wait for more of them, to
        share a step (`Lessons`).
        """
        return NextItemModel.from_bytes(self.current().to_bytes(), policy=self._policy)

    def current(self) -> NextItemModel:
        """As `model`, without a copy: good until the learner is given something."""
        self._learn_new()
        return NextItemModel(
            policy=self._policy,
            settings=self._settings,
            seed=self._seed,
            keys=self._keys,
            row_of=self._row_of,
            retired=self._retired,
            population=self._population,
            mixing=self._mixing,
        )

    def _learn_new(self) -> None:
        waiting = sorted(
            (one for acts in self._new.values() for one in acts), key=lambda waits: waits[0]
        )
        self._new.clear()
        drawn_below = self._share * _DRAWS
        for one, history in waiting:
            if one.event < drawn_below:
                self._learn_weights(history, one.act)
            self._population.learn(history, one.act)

    def _learn_weights(self, history: History, act: int) -> None:
        """Predict, then learn: only what was liked, and is met for the first time."""
        row = history.row[act]
        if not history.liked[act] or (history.row[:act] == row).any():
            return
        questions = Questions.before(history, np.array([act]))
        self._lessons.add(
            features(self._population, questions),
            circumstances(questions),
            barred_for(questions, len(self._keys)),
            np.array([row]),
        )

    def _judge_personas(self, histories: list[History], gains: Gains) -> None:
        personas = self._population.personas
        if not len(personas.centroids) or not len(gains.user):
            return
        vectors = self._population.vectors(histories)
        own = membership(vectors, personas.centroids).argmax(axis=1).astype(np.int64)
        personas.advantages = advantages(
            own[gains.user], gains.user, gains.nats, len(personas.centroids)
        )

    def _order_items(self) -> None:
        """Rows by key, of the items with most acts if there are too many."""
        counts: dict[int, int] = dict.fromkeys(self._vectors, 0)
        if self._entries:
            met = np.concatenate([rows["item"] for rows in self._entries.values()])
            items, times = np.unique(met, return_counts=True)
            counts |= zip(items.tolist(), times.tolist(), strict=True)
        most = self._settings.most_items
        chosen = sorted(counts, key=lambda item: (-counts[item], item))[:most]
        self._keys = sorted(chosen)
        self._row_of = {key: row for row, key in enumerate(self._keys)}

    def _row(self, item: int) -> int | None:
        row = self._row_of.get(item)
        if row is None and len(self._keys) < self._settings.most_items:
            row = self._row_of[item] = len(self._keys)
            self._keys.append(item)
            self._population.put_item(row, item, self._vectors.get(item))
        return row

    def _space(self, text_length: int = 1) -> ItemSpace:
        return ItemSpace.initial(
            text_length,
            text_dimension=self._settings.text_dimension,
            taste_dimension=self._settings.taste_dimension,
            text_weight=self._settings.text_weight,
            cold_likes=self._settings.cold_likes,
            seed=self._seed,
        )


def _new_entries(before: Entries, rows: Entries) -> npt.NDArray[np.intp]:
    """Places in `rows` of what `before` does not hold; both sorted."""
    have = len(before)
    if have <= len(rows) and rows[:have].tobytes() == before.tobytes():
        return np.arange(have, len(rows))
    held = set(before[["time_ms", "event", "item"]].tolist())
    return np.array(
        [
            place
            for place, one in enumerate(rows[["time_ms", "event", "item"]].tolist())
            if one not in held
        ],
        np.intp,
    )
