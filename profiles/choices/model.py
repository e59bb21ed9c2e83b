"""One version of the choice models: what it answers is a function of it and the user's state."""

from collections.abc import Mapping
from typing import Self

from profiles.choices.acts import Signed, comparisons_of, votes_of
from profiles.choices.encoding import decode, encode
from profiles.choices.layers import ChoiceAnswer, LevelMixers
from profiles.choices.pair_tables import PairTables, Side
from profiles.choices.sign_tables import SignTables
from profiles.choices.textkeys import text_key
from profiles.choices.wording import attribute_names, measures
from profiles.policy import Policy
from profiles.queries import Level
from profiles.state import UserState

__all__ = ["ChoiceModel", "names_of", "text_side"]


def names_of(state: UserState) -> tuple[str, ...]:
    """`name=value` of the attributes that a user stated."""
    return attribute_names({name: stated.value for name, stated in state.attributes.items()})


def text_side(tenant: str, text: str) -> Side:
    """A free text as a side of a comparison, by the key under which states keep it."""
    return Side(text_key(tenant, text), measures("", text))


class ChoiceModel:
    """Answers for any user from their stored state; changes nothing.

    Everything about a user is computed from `state` here: votes, comparisons and attributes. What
    consent or erasure took out of the state is out of the answer.
    """

    def __init__(
        self,
        policy: Policy,
        signs: SignTables,
        sign_mixers: LevelMixers,
        pairs: PairTables,
        pair_mixers: LevelMixers,
    ) -> None:
        self._policy = policy
        self._signed = Signed(policy)
        self.signs = signs
        self.sign_mixers = sign_mixers
        self.pairs = pairs
        self.pair_mixers = pair_mixers

    def sign(self, state: UserState, item: int) -> Mapping[Level, ChoiceAnswer]:
        """Log-odds that the user's act on the item (its key) is for it."""
        votes = votes_of(state, self._signed)
        evidence, _ = self.signs.evidence(names_of(state), votes, item)
        return self.sign_mixers.predict(evidence)

    def pair(self, state: UserState, a: Side, b: Side) -> Mapping[Level, ChoiceAnswer]:
        """Log-odds that the user prefers `a` to `b`; odd in the two sides."""
        taste = self.pairs.taste(comparisons_of(state, self._policy))
        return self.pair_mixers.predict(self.pairs.evidence(taste, a, b))

    def to_bytes(self) -> bytes:
        """Everything but the policy; equal models give equal bytes."""
        return encode((self.signs, self.sign_mixers, self.pairs, self.pair_mixers))

    @classmethod
    def from_bytes(cls, encoded: bytes, *, policy: Policy) -> Self:
        """Inverse of `to_bytes`; the policy is not part of a model.

        Raises:
            BlobFormatError: not such bytes, or of a newer format.
        """
        return cls(policy, *decode(encoded))
