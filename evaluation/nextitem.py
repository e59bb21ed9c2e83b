"""The next-item learner behind the protocol: states by the same folds as the stream."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from profiles.effects import UserEvent, effects_of
from profiles.entries import join
from profiles.fold import Sourced, fold
from profiles.ids import item_key, user_key
from profiles.learning import KnownItem
from profiles.nextitem.learner import NextItemLearner
from profiles.nextitem.model import NextItemModel
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.queries import ItemScores, Level, NextItemQuery
from profiles.state import EMPTY_STATE, UserState
from schemas.decoded import Choice, FastEvent, Identity, Interaction, Item, ItemRetired, Preference

__all__ = ["StoredStates", "StreamedPredictor"]

_SOURCE: Final = "offline"


class StoredStates:
    """Users' states as the stream would store them, of one tenant."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._states: dict[bytes, UserState] = {}
        self._waiting: dict[bytes, list[Sourced]] = {}
        self._offset = 0

    def add(self, event: UserEvent) -> bytes:
        """Note an event; it is folded when somebody looks. The user's key."""
        key = user_key(event.tenant, event.user_id)
        self._offset += 1
        effects = effects_of(event, self._policy)
        self._waiting.setdefault(key, []).append(Sourced(_SOURCE, self._offset, effects))
        if isinstance(event, Identity):
            self._join(key, user_key(event.tenant, event.same_as))
        return key

    def of(self, key: bytes) -> UserState:
        waiting = self._waiting.pop(key, None)
        state = self._states.get(key, EMPTY_STATE)
        if waiting:
            state = self._states[key] = fold(state, waiting, self._policy).state
        return state

    def _join(self, key: bytes, other: bytes) -> None:
        """Sets of an anonymous user join those of the user they turned out to be."""
        own, joining = self.of(key), self.of(other)
        sets = dict(own.sets)
        for kind, rows in joining.sets.items():
            sets[kind] = join(own.entries(kind), rows, keep=self._policy.kept)
        self._states[key] = UserState(
            sets=sets,
            forget_before=own.forget_before,
            totals=own.totals,
            attributes=own.attributes,
            consents=own.consents,
            positions=own.positions,
        )
        self._states.pop(other, None)


class StreamedPredictor:
    """Gives the learner each user's state after each of their events, and asks its models.

    Args:
        text_vector: A unit vector for an item, always of the same length; None if there is none.
    """

    def __init__(
        self,
        learner: NextItemLearner,
        text_vector: Callable[[Item], Vector | None],
        *,
        policy: Policy,
    ) -> None:
        self._learner = learner
        self._text_vector = text_vector
        self._states = StoredStates(policy)
        self._warm = True
        self._touched: set[bytes] = set()
        self._described: dict[int, KnownItem] = {}
        self._item_ids: list[str] = []
        self._row_of: dict[str, int] = {}
        self._tenant = "default"
        # Rows of a model's items in `_item_ids`, for the model they were made for.
        self._rows: np.ndarray[tuple[int], np.dtype[np.int64]] = np.zeros(0, np.int64)
        self._rows_for: tuple[int, int] = (0, 0)
        self._refits = 0
        self._own_row: dict[int, int] = {}

    def predict(self, query: NextItemQuery) -> Mapping[Level, ItemScores]:
        model = self._learner.current()
        state = self._states.of(user_key(self._tenant, query.user_id))
        answer = model.answer(state, query.occurred_at_ms)
        return {level: self._scores(model, values) for level, values in answer.scores.items()}

    def ingredients(self, query: NextItemQuery) -> Mapping[str, ItemScores]:
        """What the answer to a query is mixed from, by name."""
        state = self._states.of(user_key(self._tenant, query.user_id))
        model = self._learner.current()
        named = model.ingredients(state, query.occurred_at_ms)
        return {name: self._scores(model, values) for name, values in named.items()}

    def learn(self, event: FastEvent) -> None:
        self._tenant = event.tenant
        match event:
            case Item():
                self._describe(event)
            case ItemRetired():
                item = self._know(event.item_id)
                known = self._described.get(item) or KnownItem(key=item, item_id=event.item_id)
                self._put(replace(known, retired=True))
            case _:
                self._know_items_of(event)
                key = self._states.add(event)
                if isinstance(event, Identity):
                    gone = user_key(event.tenant, event.same_as)
                    self._learner.forget(gone)
                    self._touched.discard(gone)
                self._touched.add(key)
                if not self._warm:
                    self._give()

    def end_warm(self) -> None:
        """Everything so far is learned at once."""
        self._warm = False
        self._give()

    def _scores(self, model: NextItemModel, values: Vector) -> ItemScores:
        """In the order in which items were met here; what the model does not know is -inf."""
        if self._rows_for != (self._refits, len(model.items)):
            self._rows_for = (self._refits, len(model.items))
            self._rows = np.array([self._own_row[key] for key in model.items], np.int64)
        own = np.full(len(self._item_ids), -np.inf)
        own[self._rows] = values
        return ItemScores(self._item_ids, self._row_of, own)

    def _give(self) -> None:
        for key in sorted(self._touched):
            self._learner.fold(key, self._states.of(key))
        self._touched.clear()
        if self._learner.refit_due:
            self._learner.refit()
            self._refits += 1

    def _describe(self, item: Item) -> None:
        self._put(
            KnownItem(
                key=self._know(item.item_id),
                item_id=item.item_id,
                title=item.title,
                text=item.text,
                attributes=item.attributes or {},
                vector=self._text_vector(item),
                described_ms=item.occurred_at_ms,
            )
        )

    def _put(self, item: KnownItem) -> None:
        self._described[item.key] = item
        self._learner.put_item(item)

    def _know_items_of(self, event: UserEvent) -> None:
        match event:
            case Interaction():
                self._know(event.item_id)
            case Preference(chosen=Choice() as chosen, rejected=Choice() as rejected):
                for side in (chosen, rejected):
                    if side.item_id is not None:
                        self._know(side.item_id)
            case _:
                pass

    def _know(self, item_id: str) -> int:
        key = item_key(self._tenant, item_id)
        if item_id not in self._row_of:
            self._row_of[item_id] = self._own_row[key] = len(self._item_ids)
            self._item_ids.append(item_id)
        return key
