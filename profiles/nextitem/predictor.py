"""Next-item predictions of all levels, learned from a stream."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.nextitem.histories import Act, History, acts_of
from profiles.nextitem.layers import CIRCUMSTANCES, INGREDIENTS, Population, circumstances
from profiles.nextitem.mixer import Leaning, Mixer
from profiles.nextitem.settings import Settings
from profiles.outcomes import is_liked
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.queries import ItemScores, Level, NextItemQuery
from schemas.decoded import Erasure, FastEvent, Identity, Interaction, Item, Preference

__all__ = ["NextItemModel"]

_Floats = npt.NDArray[np.float32]
_LEVEL_LAYERS: Final[Mapping[Level, frozenset[Level]]] = {
    Level.GLOBAL: frozenset({Level.GLOBAL}),
    Level.PERSONA: frozenset({Level.PERSONA}),
    Level.USER: frozenset({Level.USER}),
    Level.BLEND: frozenset({Level.GLOBAL, Level.PERSONA, Level.USER}),
}


_KNOWS_USERS: Final = frozenset({Level.USER, Level.BLEND})


class NextItemModel:
    """Popularity, personas, the user's own recent acts, and their mix.

    Deterministic in the seed and the order of events. `predict` before `end_warm` answers with
    untrained mixes. Memory: `Settings.kept` acts per user, `Settings.neighbours` successors per
    item, and what `Popularity` states.

    Args:
        text_vector: A unit vector for an item, always of the same length; None if there is none.

    Raises:
        ValueError: the settings leave out what does not exist, or all of a layer.
    """

    def __init__(
        self,
        text_vector: Callable[[Item], _Floats | None],
        *,
        settings: Settings | None = None,
        policy: Policy = DEFAULT_POLICY,
        seed: int = 0,
    ) -> None:
        self._settings = settings or Settings()
        self._policy = policy
        self._seed = seed
        self._text_vector = text_vector
        self._item_ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._texts: list[_Floats | None] = []
        self._histories: dict[str, History] = {}
        self._population = Population(self._settings, seed=seed)
        self._mixing = _Mixing(self._settings)
        self._warm = True
        self._since_refit = 0
        self._asked: tuple[NextItemQuery, _Floats] | None = None

    def predict(self, query: NextItemQuery) -> Mapping[Level, ItemScores]:
        history = self._histories.get(query.user_id) or self._new_history()
        features = self._population.features(history, query.occurred_at_ms, len(self._item_ids))
        around = circumstances(history, query.occurred_at_ms)
        self._asked = (query, features)
        return {
            level: ItemScores(self._item_ids, self._row_of, scores.astype(np.float64))
            for level, scores in self._mixing.mix(features, around, history).items()
        }

    def learn(self, event: FastEvent) -> None:
        match event:
            case Interaction():
                self._learn_act(
                    event.user_id,
                    event.item_id,
                    liked=is_liked(event, self._policy),
                    time_ms=event.occurred_at_ms,
                )
            case Preference():
                for side, liked in ((event.rejected, False), (event.chosen, True)):
                    if side.item_id is not None:
                        self._learn_act(
                            event.user_id,
                            side.item_id,
                            liked=liked,
                            time_ms=event.occurred_at_ms,
                        )
            case Item():
                row = self._row(event.item_id)
                self._texts[row] = self._text_vector(event)
            case Erasure():
                self._histories.pop(event.user_id, None)
            case Identity():
                self._join(event.user_id, event.same_as)
            case _:
                pass

    def end_warm(self) -> None:
        """Cross-fit the mixes on the known users, then compute the spaces from all of them."""
        self._warm = False
        sampled = self._sampled()
        self._cross_fit(sampled)
        self._refit()

    def _learn_act(self, user_id: str, item_id: str, *, liked: bool, time_ms: int) -> None:
        act = Act(self._row(item_id), liked, time_ms)
        history = self._histories.get(user_id)
        if history is None:
            history = self._histories[user_id] = self._new_history()
        if not self._warm:
            self._learn_weights(user_id, history, act)
        self._population.learn(history, act)
        history.add(act)
        self._since_refit += 1
        if not self._warm and self._since_refit >= self._settings.refit_events:
            self._refit()

    def _learn_weights(self, user_id: str, history: History, act: Act) -> None:
        """Whether somebody asked or not, so that asking changes nothing."""
        (asked, features), self._asked = self._asked or (None, None), None
        if not act.liked:
            return
        query = NextItemQuery(user_id=user_id, occurred_at_ms=act.time_ms)
        if features is None or asked != query or act.row >= features.shape[1]:
            features = self._population.features(history, act.time_ms, len(self._item_ids))
        self._mixing.learn(features, history, act)

    def _cross_fit(self, users: Sequence[str]) -> None:
        """Train the mixes on each fold's users with a population made of the other folds."""
        if len(users) < self._settings.folds:
            return
        liked = sum(self._histories[user].liked for user in users)
        chance = min(1.0, self._settings.fitted_predictions / max(liked, 1))
        rng = np.random.default_rng(self._seed)
        fold_of = rng.integers(0, self._settings.folds, len(users))
        for fold in range(self._settings.folds):
            known = [user for user, own in zip(users, fold_of, strict=True) if own != fold]
            asked = [user for user, own in zip(users, fold_of, strict=True) if own == fold]
            population = Population(self._settings, seed=self._seed)
            histories: dict[str, History] = {}
            for user, act in self._in_order(known):
                history = histories.setdefault(user, self._new_history())
                population.learn(history, act)
                history.add(act)
            population.refit(acts_of(list(histories.values())), self._text_rows())
            for user, act in self._in_order(asked):
                history = histories.setdefault(user, self._new_history())
                if act.liked and rng.random() < chance:
                    features = population.features(history, act.time_ms, len(self._item_ids))
                    self._mixing.learn(features, history, act)
                population.learn(history, act)
                history.add(act)

    def _in_order(self, users: Sequence[str]) -> list[tuple[str, Act]]:
        acts = [(user, act) for user in users for act in self._histories[user].acts]
        return sorted(acts, key=lambda pair: pair[1].time_ms)

    def _refit(self) -> None:
        self._since_refit = 0
        histories = [self._histories[user] for user in self._sampled()]
        self._population.refit(acts_of(histories), self._text_rows())

    def _sampled(self) -> list[str]:
        """At most so many users, those whose hashes are smallest: a uniform sample."""
        users = list(self._histories)
        if len(users) <= self._settings.sampled_users:
            return users
        return sorted(users, key=_user_hash)[: self._settings.sampled_users]

    def _text_rows(self) -> _Floats:
        width = next((len(text) for text in self._texts if text is not None), 0)
        rows = np.zeros((len(self._texts), width), np.float32)
        for row, text in enumerate(self._texts):
            if text is not None:
                rows[row] = text
        return rows

    def _row(self, item_id: str) -> int:
        row = self._row_of.get(item_id)
        if row is None:
            row = self._row_of[item_id] = len(self._item_ids)
            self._item_ids.append(item_id)
            self._texts.append(None)
        return row

    def _join(self, user_id: str, same_as: str) -> None:
        other = self._histories.pop(same_as, None)
        if other is None:
            return
        own = self._histories.get(user_id) or self._new_history()
        joined = self._new_history()
        joined.acts.extend(sorted((*own.acts, *other.acts), key=lambda act: act.time_ms))
        joined.length, joined.liked = own.length + other.length, own.liked + other.liked
        self._histories[user_id] = joined

    def _new_history(self) -> History:
        return History(deque(maxlen=self._settings.kept))


class _Mixing:
    """One mixer per level, over the ingredients of the layers it may use."""

    def __init__(self, settings: Settings) -> None:
        self._rows = {
            level: [
                row
                for row, (name, layer) in enumerate(INGREDIENTS.items())
                if layer in layers and name not in settings.left_out
            ]
            for level, layers in _LEVEL_LAYERS.items()
        }
        unknown = settings.left_out - INGREDIENTS.keys()
        if unknown:
            raise ValueError(f"there is no ingredient {min(unknown)!r}")
        for level, rows in self._rows.items():
            if not rows:
                raise ValueError(f"every ingredient of the {level} level is left out")
        self._mixers = {
            level: Mixer(scores=len(rows), circumstances=CIRCUMSTANCES)
            for level, rows in self._rows.items()
        }

    def mix(
        self, features: _Floats, around: npt.NDArray[np.float64], history: History
    ) -> dict[Level, _Floats]:
        return {
            level: mixer.mix(features[self._rows[level]], around, history.leanings.get(level))
            for level, mixer in self._mixers.items()
        }

    def learn(self, features: _Floats, history: History, act: Act) -> None:
        around = circumstances(history, act.time_ms)
        excluded = [earlier.row for earlier in history.acts]
        if act.row in excluded or act.row >= features.shape[1]:
            return
        for level, mixer in self._mixers.items():
            rows = self._rows[level]
            leaning = None
            if level in _KNOWS_USERS:
                leaning = history.leanings.setdefault(level, Leaning(len(rows)))
            mixer.update(features[rows], around, target=act.row, excluded=excluded, leaning=leaning)


def _user_hash(user_id: str) -> bytes:
    return blake2b(user_id.encode(), digest_size=8).digest()
