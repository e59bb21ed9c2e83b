"""Signed choices: prediction before learning, and the refit that calibrates it."""

from profiles.choices.described import Described
from profiles.choices.layers import ChoiceAnswer, Evidence, LevelMixers
from profiles.choices.sign_layers import SIGN_LAYOUT, SignLayers, SignOptions
from profiles.choices.votes import part_of
from profiles.queries import Level

__all__ = ["SignModel"]


class SignModel:
    """Will this user be for or against this item?

    Between refits every layer that can learn from one event does so, mixers included
    (prequentially: each vote is predicted, then learned). A refit goes through the kept
    votes again: parts of the users are predicted from the others, vote by vote as a newcomer
    would be, which gives the mixers honest examples; then all layers are fitted on everybody.
    """

    def __init__(self, described: Described, options: SignOptions | None = None) -> None:
        self._options = options or SignOptions()
        self._described = described
        self._layers = SignLayers(described, self._options)
        self._mixers = LevelMixers(SIGN_LAYOUT, prior_variance=self._options.mixer_variance)

    @property
    def mixers(self) -> LevelMixers:
        return self._mixers

    def predict(self, user: str, item: str) -> dict[Level, ChoiceAnswer]:
        """Changes nothing."""
        return self._mixers.predict(self._layers.evidence(user, item))

    def learn(self, user: str, item: str, value: int) -> None:
        """Fold a vote in: 1 for, -1 against, 0 neither (which is evidence, but no answer)."""
        if value:
            evidence = self._layers.evidence(user, item)
            self._mixers.learn(evidence, (value + 1) / 2)
        self._layers.learn(user, item, value)

    def forget(self, user: str) -> None:
        """Erase a user; what the layers learned from them goes at the next refit."""
        self._layers.forget(user)

    def join(self, user: str, same_as: str) -> None:
        """The votes of `same_as` become the user's, as if cast now."""
        for vote in self._layers.forget(same_as):
            self._layers.learn(user, vote.item, vote.value)

    def refit(self) -> None:
        """Fit everything anew on the kept votes; without any, nothing changes."""
        votes = list(self._layers.ballots.in_order())
        if not votes:
            return
        parts = self._options.parts
        examples: list[tuple[Evidence, float]] = []
        for part in range(parts):
            if len(examples) >= self._options.calibration:
                break
            others = SignLayers(self._described, self._options)
            others.fit(vote for vote in votes if part_of(vote.user, parts) != part)
            for vote in votes:
                if part_of(vote.user, parts) != part:
                    continue
                if vote.value:
                    evidence = others.evidence(vote.user, vote.item)
                    examples.append((evidence, (vote.value + 1) / 2))
                others.learn(vote.user, vote.item, vote.value)
        self._mixers.fit(examples)
        layers = SignLayers(self._described, self._options)
        layers.fit(votes)
        self._layers = layers
