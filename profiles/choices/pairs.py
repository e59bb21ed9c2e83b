"""Pairwise preferences: prediction before learning, and the refit that calibrates it."""

from profiles.choices.described import Described
from profiles.choices.layers import ChoiceAnswer, Evidence, LevelMixers
from profiles.choices.pair_layers import PAIR_LAYOUT, PairLayers, PairOptions
from profiles.choices.votes import part_of
from profiles.queries import Level

__all__ = ["PairModel"]


class PairModel:
    """Which of two does this user prefer?

    As `profiles.choices.signs.SignModel`: online between refits, calibrated on parts of the
    users that are predicted from the others.
    """

    def __init__(self, described: Described, options: PairOptions | None = None) -> None:
        self._options = options or PairOptions()
        self._described = described
        self._layers = PairLayers(described, self._options)
        self._mixers = LevelMixers(PAIR_LAYOUT, prior_variance=self._options.mixer_variance)

    @property
    def mixers(self) -> LevelMixers:
        return self._mixers

    def predict(self, user: str, a: str, b: str) -> dict[Level, ChoiceAnswer]:
        """Changes nothing; odd in the two sides."""
        return self._mixers.predict(self._layers.evidence(user, a, b))

    def learn(self, user: str, chosen: str, rejected: str, *, weight: float = 1.0) -> None:
        """Fold a preference in."""
        self._mixers.learn(self._layers.evidence(user, chosen, rejected), 1.0)
        self._layers.learn(user, chosen, rejected, weight)

    def forget(self, user: str) -> None:
        """Erase a user; what the layers learned from them goes at the next refit."""
        self._layers.forget(user)

    def join(self, user: str, same_as: str) -> None:
        """The comparisons of `same_as` become the user's, as if made now."""
        for one in self._layers.forget(same_as):
            self._layers.learn(user, one.chosen, one.rejected, one.weight)

    def refit(self) -> None:
        """Fit everything anew on the kept comparisons; without any, nothing changes."""
        kept = list(self._layers.comparisons.in_order())
        if not kept:
            return
        parts = self._options.parts
        examples: list[tuple[Evidence, float]] = []
        for part in range(parts):
            if len(examples) >= self._options.calibration:
                break
            others = PairLayers(self._described, self._options)
            others.fit(one for one in kept if part_of(one.user, parts) != part)
            for one in kept:
                if part_of(one.user, parts) == part:
                    evidence = others.evidence(one.user, one.chosen, one.rejected)
                    examples.append((evidence, 1.0))
                    others.learn(one.user, one.chosen, one.rejected, one.weight)
        self._mixers.fit(examples)
        layers = PairLayers(self._described, self._options)
        layers.fit(kept)
        self._layers = layers
