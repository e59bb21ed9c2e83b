"""The layers of signed choices: what everybody, people alike and the user say about an item."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from profiles.choices.bounded import Bounded
from profiles.choices.communities import find_communities
from profiles.choices.described import Described
from profiles.choices.factors import FactorOptions, Factors
from profiles.choices.layers import Evidence, Layout
from profiles.choices.logistic import bounded_log_odds, moderated, sigmoid
from profiles.choices.mixtures import Mixtures
from profiles.choices.neighbours import Neighbours
from profiles.choices.sparse_regression import SparseRegression
from profiles.choices.votes import Ballots, Vote
from profiles.queries import Level

__all__ = ["SIGN_LAYOUT", "SignLayers", "SignOptions"]

# constant, rate, text, vectors' item; the last three also over votes on the item
SIGN_LAYOUT = Layout(prior=(0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0), persona=4, user=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class SignOptions:
    """Sizes, and strengths of priors; one set of defaults for all data.

    Attributes:
        factors: Of the user vectors.
        users: Most users whose votes are kept; `kept`: most votes of each.
        items: Most items whose counts are kept.
        rate_strength: Votes that an item's text is worth as a prior of its rate.
        text_variance, attribute_variance: Prior variances of the weight of a word, and of a
            user's attribute.
        community_items, community_users: See `find_communities`.
        passes: How often a refit goes through what is kept.
        parts: Users are cut into so many parts; a part is predicted from the others to fit the
            mixers. `calibration`: parts are used until so many votes were predicted.
        mixer_variance: Prior variance of the mixers' weights.
    """

    factors: FactorOptions = field(default_factory=FactorOptions)
    users: int = 200_000
    kept: int = 512
    items: int = 200_000
    rate_strength: float = 3.0
    text_variance: float = 0.05
    attribute_variance: float = 0.01
    community_items: int = 1_024
    community_users: int = 4_000
    passes: int = 2
    parts: int = 5
    calibration: int = 20_000
    mixer_variance: float = 0.1


class SignLayers:
    """Everything that predicts, without the mixers.

    Args:
        described: What items and users say of themselves; shared, never changed here.
    """

    def __init__(self, described: Described, options: SignOptions) -> None:
        self._options = options
        self._described = described
        self._counts: Bounded[str, list[float]] = Bounded(options.items)  # for, votes
        self._text = SparseRegression(prior_variance=options.text_variance)
        self._attributes = SparseRegression(prior_variance=options.attribute_variance)
        self._factors = Factors(options.factors)
        self._neighbours = Neighbours()
        self._personas = Mixtures()
        self.ballots = Ballots(users=options.users, kept=options.kept)

    def _text_log_odds(self, item: str) -> float:
        return moderated(*self._text.predict(self._described.words(item)))

    def evidence(self, user: str, item: str) -> Evidence:
        """What is known before the user votes; changes nothing."""
        text = self._text_log_odds(item)
        ayes, votes = self._counts.get(item) or (0.0, 0.0)
        strength = self._options.rate_strength
        rate = bounded_log_odds((ayes + strength * sigmoid(text)) / (votes + strength))
        factor = self._factors.predict(user, item, prior_log_odds=text)
        mine = self._ballots_before(user, item)
        neighbour = self._neighbours.predict(mine, item)
        persona = self._personas.predict(mine, item)
        declared = moderated(*self._attributes.predict(self._described.crossed(user, item)))
        earlier = float(self.ballots.earlier(user, item) or 0)
        thin = 1.0 / (1.0 + votes)
        fresh = 1.0 / math.sqrt(1.0 + len(mine))
        features = [1.0, rate, text, factor.base, rate * thin, text * thin, factor.base * thin]
        features += [persona.shift, persona.shift * fresh, declared, declared * fresh]
        features += [factor.shift, factor.shift * fresh]
        features += [factor.cautious, factor.cautious * fresh]
        features += [neighbour.shift, neighbour.shift * fresh, earlier]
        return Evidence(
            np.array(features),
            {
                Level.GLOBAL: votes,
                Level.PERSONA: persona.members,
                Level.USER: float(len(mine)),
                Level.BLEND: votes + len(mine),
            },
            factor.variance,
        )

    def _ballots_before(self, user: str, item: str) -> list[Vote]:
        return [vote for vote in self.ballots.of(user) if vote.item != item]

    def learn(self, user: str, item: str, value: int) -> None:
        """Fold a vote in: 1 for, -1 against, 0 neither."""
        target = (value + 1) / 2
        text = self._text_log_odds(item)
        self._factors.learn(user, item, target, prior_log_odds=text)
        before = self.ballots.add(user, item, value)
        if value:
            counts = self._counts.use(item, lambda: [0.0, 0.0])
            crossed = self._described.crossed(user, item)
            if len(crossed.places):
                strength = self._options.rate_strength
                rate = (counts[0] + strength * sigmoid(text)) / (counts[1] + strength)
                self._attributes.learn(crossed, target, offset=bounded_log_odds(rate))
            self._text.learn(self._described.words(item), target)
            counts[0] += target
            counts[1] += 1.0
        if before is not None and before.value:
            counts = self._counts.use(item, lambda: [0.0, 0.0])
            counts[0] = max(0.0, counts[0] - (before.value + 1) / 2)
            counts[1] = max(counts[0], counts[1] - 1.0)

    def forget(self, user: str) -> list[Vote]:
        """Forget a user: votes and counts at once, what was learned from them at a refit."""
        self._factors.forget(user)
        votes = self.ballots.forget(user)
        for vote in votes:
            counts = self._counts.get(vote.item)
            if vote.value and counts is not None:
                counts[0] = max(0.0, counts[0] - (vote.value + 1) / 2)
                counts[1] = max(counts[0], counts[1] - 1.0)
        return votes

    def fit(self, votes: Iterable[Vote]) -> None:
        """Learn kept votes in order, several times; then what needs them whole.

        For layers that have not learned anything yet.
        """
        kept = list(votes)
        for number in range(self._options.passes):
            last = number == self._options.passes - 1
            if number:
                self._factors.begin_again()
            for vote in kept:
                if last:
                    self.learn(vote.user, vote.item, vote.value)
                else:
                    self._rehearse(vote)
        communities = find_communities(
            kept,
            most_items=self._options.community_items,
            most_users=self._options.community_users,
        )
        self._neighbours = Neighbours(communities)
        self._personas = Mixtures(communities)

    def _rehearse(self, vote: Vote) -> None:
        text = self._text_log_odds(vote.item)
        target = (vote.value + 1) / 2
        self._factors.learn(vote.user, vote.item, target, prior_log_odds=text)
        if vote.value:
            self._text.learn(self._described.words(vote.item), target)
