"""The choice learner behind the protocol: states by the same folds as the stream."""

from collections.abc import Mapping

from evaluation.nextitem import StoredStates
from profiles.choices.learner import ChoiceLearner
from profiles.choices.model import text_side
from profiles.choices.pair_tables import Side
from profiles.ids import item_key, user_key
from profiles.learning import KnownItem
from profiles.policy import Policy
from profiles.queries import ChoiceQuery, Level, PairQuery, SignQuery
from schemas.decoded import Choice, FastEvent, Identity, Item, ItemRetired

__all__ = ["StreamedChoices"]


class StreamedChoices:
    """Gives the learner each user's state after each of their events, and asks its models."""

    def __init__(self, learner: ChoiceLearner, *, policy: Policy) -> None:
        self.learner = learner
        self.states = StoredStates(policy)
        self._warm = True
        self._touched: set[bytes] = set()
        self._tenant = "default"

    def predict(self, query: ChoiceQuery) -> Mapping[Level, float]:
        model = self.learner.current()
        state = self.states.of(user_key(self._tenant, query.user_id))
        match query:
            case SignQuery():
                answers = model.sign(state, item_key(self._tenant, query.item_id))
            case PairQuery():
                answers = model.pair(state, self._side(query.a), self._side(query.b))
        return {level: answer.log_odds for level, answer in answers.items()}

    def learn(self, event: FastEvent) -> None:
        self._tenant = event.tenant
        match event:
            case Item():
                self.learner.put_item(
                    KnownItem(
                        key=item_key(event.tenant, event.item_id),
                        item_id=event.item_id,
                        title=event.title,
                        text=event.text,
                        attributes=event.attributes or {},
                    )
                )
            case ItemRetired():
                pass
            case _:
                key = self.states.add(event)
                if isinstance(event, Identity):
                    gone = user_key(event.tenant, event.same_as)
                    self.learner.forget(gone)
                    self._touched.discard(gone)
                self._touched.add(key)
                if not self._warm:
                    self._give()

    def end_warm(self) -> None:
        """Everything so far is learned at once."""
        self._warm = False
        self._give()

    def _give(self) -> None:
        for key in sorted(self._touched):
            self.learner.fold(key, self.states.of(key))
        self._touched.clear()
        if self.learner.refit_due:
            self.learner.refit()

    def _side(self, choice: Choice) -> Side:
        if choice.item_id is not None:
            return Side(item_key(self._tenant, choice.item_id))
        return text_side(self._tenant, choice.text or "")
