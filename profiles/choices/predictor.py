"""The choice models behind one door: events in, answers per level out."""

from collections.abc import Mapping

from profiles.choices.described import Described
from profiles.choices.layers import ChoiceAnswer
from profiles.choices.pair_layers import PairOptions
from profiles.choices.pairs import PairModel
from profiles.choices.sign_layers import SignOptions
from profiles.choices.signs import SignModel
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.queries import ChoiceQuery, Level, PairQuery, SignQuery
from schemas.decoded import (
    Attributes,
    Choice,
    Consent,
    Document,
    Erasure,
    FastEvent,
    Identity,
    Interaction,
    Item,
    ItemRetired,
    Preference,
)

__all__ = ["ChoiceModel"]

_LEAST_WEIGHT = 0.2
_LARGEST_WEIGHT = 5.0


class ChoiceModel:
    """Signed choices and pairwise preferences; a `profiles.queries.ChoicePredictor`.

    Documents are not read: a reason is written with its preference.

    Args:
        policy: Which actions have a sign: those whose rule has a neutral value.
    """

    def __init__(
        self,
        *,
        policy: Policy = DEFAULT_POLICY,
        signs: SignOptions | None = None,
        pairs: PairOptions | None = None,
    ) -> None:
        signs, pairs = signs or SignOptions(), pairs or PairOptions()
        self._policy = policy
        self._described = Described(
            items=max(signs.items, pairs.items), users=max(signs.users, pairs.users)
        )
        self.signs = SignModel(self._described, signs)
        self.pairs = PairModel(self._described, pairs)

    def answer(self, query: ChoiceQuery) -> Mapping[Level, ChoiceAnswer]:
        """As `predict`, with evidence and uncertainty; changes nothing."""
        match query:
            case SignQuery():
                return self.signs.predict(query.user_id, query.item_id)
            case PairQuery():
                return self.pairs.predict(query.user_id, self._side(query.a), self._side(query.b))

    def predict(self, query: ChoiceQuery) -> Mapping[Level, float]:
        """Log-odds of "for", or of the first side; finite."""
        return {level: answer.log_odds for level, answer in self.answer(query).items()}

    def learn(self, event: FastEvent) -> None:
        """Fold an event in, of any type; what the models cannot use they ignore."""
        match event:
            case Interaction():
                self._interact(event)
            case Preference():
                weight = 1.0 if event.strength is None else event.strength
                self.pairs.learn(
                    event.user_id,
                    self._side(event.chosen),
                    self._side(event.rejected),
                    weight=min(max(weight, _LEAST_WEIGHT), _LARGEST_WEIGHT),
                )
            case Item():
                self._described.learn_item(event)
            case Attributes():
                self._described.learn_user(event)
            case Erasure():
                self._forget(event.user_id)
            case Identity():
                self.signs.join(event.user_id, event.same_as)
                self.pairs.join(event.user_id, event.same_as)
                self._described.forget(event.same_as)
            case Consent():
                self._consent(event)
            case Document() | ItemRetired():
                pass

    def end_warm(self) -> None:
        """Refit on what is kept: the schedule's job in a stream."""
        self.signs.refit()
        self.pairs.refit()

    def _side(self, choice: Choice) -> str:
        if choice.item_id is not None:
            return choice.item_id
        return self._described.text(choice.text or "")

    def _interact(self, event: Interaction) -> None:
        rule = self._policy.rule(event.action)
        if event.value is None or rule.neutral is None:
            return
        weight = rule.weigh(event.value)
        self.signs.learn(event.user_id, event.item_id, (weight > 0) - (weight < 0))

    def _consent(self, event: Consent) -> None:
        if event.granted:
            return
        match event.data_type:
            case "interactions":
                self.signs.forget(event.user_id)
            case "preferences":
                self.pairs.forget(event.user_id)
            case "attributes":
                self._described.forget(event.user_id)
            case _:
                pass

    def _forget(self, user: str) -> None:
        self.signs.forget(user)
        self.pairs.forget(user)
        self._described.forget(user)
