"""The layers of pairwise preferences, and the model that blends them.

Everything is odd in the two sides: swapping them changes the sign of every feature, and there
is no constant, so p(a over b) = 1 − p(b over a) exactly.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from profiles.choices.comparisons import Comparison, Comparisons
from profiles.choices.described import Described
from profiles.choices.duels import Duels
from profiles.choices.experts import Experts
from profiles.choices.layers import Evidence, Layout
from profiles.choices.tastes import Tastes
from profiles.queries import Level

__all__ = ["PAIR_LAYOUT", "PairLayers", "PairOptions"]

# rates, strengths, text; then the same over comparisons of the rarer side
PAIR_LAYOUT = Layout(prior=(0.5, 0.5, 0.0, 0.0, 0.0, 0.0), persona=2, user=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """Sizes; one set of defaults for all data.

    Attributes:
        users: Most users remembered; `kept`: most comparisons, and most items, of each.
        items: Most items remembered.
        personas: Number of discovered personas.
        passes: How often a refit goes through what is kept.
        parts, calibration, mixer_variance: As in `SignOptions`.
    """

    users: int = 200_000
    kept: int = 512
    items: int = 200_000
    personas: int = 4
    parts: int = 5
    calibration: int = 20_000
    mixer_variance: float = 0.1


class PairLayers:
    """Everything that predicts, without the mixers."""

    def __init__(self, described: Described, options: PairOptions) -> None:
        self._described = described
        self._duels = Duels(items=options.items)
        self._tastes = Tastes(users=options.users, kept=options.kept)
        self._experts = Experts(size=options.personas, users=options.users)
        self.comparisons = Comparisons(users=options.users, kept=options.kept)

    def evidence(self, user: str, a: str, b: str) -> Evidence:
        """What is known before the user chooses; changes nothing."""
        difference = self._described.measures(a) - self._described.measures(b)
        duel = self._duels.predict(a, b, difference)
        everybody = duel.strengths
        taste = self._tastes.predict(user, a, b, difference, log_odds=everybody)
        expert = self._experts.predict(user, difference, log_odds=everybody)
        thin = 1.0 / (1.0 + duel.fewest)
        fresh = 1.0 / math.sqrt(1.0 + taste.comparisons)
        following = everybody if taste.comparisons else 0.0
        features = [duel.rates, duel.strengths, duel.text]
        features += [duel.rates * thin, duel.strengths * thin, duel.text * thin]
        features += [expert.shift, expert.shift * fresh]
        features += [taste.shift, taste.shift * fresh, taste.memory, taste.memory * fresh]
        features += [following * fresh]
        return Evidence(
            np.array(features),
            {
                Level.GLOBAL: duel.fewest,
                Level.PERSONA: expert.members,
                Level.USER: float(taste.comparisons),
                Level.BLEND: duel.fewest + taste.comparisons,
            },
            taste.variance,
        )

    def learn(self, user: str, chosen: str, rejected: str, weight: float) -> None:
        """Fold a comparison in."""
        difference = self._described.measures(chosen) - self._described.measures(rejected)
        log_odds = self._duels.predict(chosen, rejected, difference).strengths
        self._tastes.learn(user, chosen, rejected, difference, log_odds=log_odds)
        self._experts.learn(user, difference, log_odds=log_odds)
        self._duels.learn(chosen, rejected, difference, weight=weight)
        self.comparisons.add(user, chosen, rejected, weight)

    def forget(self, user: str) -> list[Comparison]:
        """Forget a user: shares won at once, what was learned from them at a refit."""
        self._tastes.forget(user)
        self._experts.forget(user)
        found = self.comparisons.forget(user)
        for one in found:
            self._duels.remove(one.chosen, one.rejected, weight=one.weight)
        return found

    def fit(self, comparisons: Iterable[Comparison]) -> None:
        """Learn kept comparisons in order. For layers that have not learned anything yet."""
        for one in comparisons:
            self.learn(one.user, one.chosen, one.rejected, one.weight)
