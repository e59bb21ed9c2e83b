"""Users and items as uncertain vectors whose product is the log-odds of a choice.

log-odds(u, i) = b_i + c_u + x_u · w_i with independent Gaussian beliefs about each side; an
observation updates both as a Kalman filter on the linearised logistic likelihood. Several
members start from different random item vectors and answer together: one pass over a stream
ends in a local optimum that depends on the start, and averaging log-odds removes some of it.

References:
    Stern, Herbrich & Graepel 2009, "Matchbox: large scale online Bayesian recommendations".
"""

import math
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from profiles.choices.bounded import Bounded
from profiles.choices.logistic import Floats

__all__ = ["FactorAnswer", "FactorOptions", "Factors"]

_LEAST_CURVATURE = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorOptions:
    """Sizes, and variances before evidence.

    Attributes:
        dimensions: Of taste, per member.
        members: Independent starts that answer together.
        caution: One more member answers by itself; its `item_taste` is multiplied by this and
            its `start` by the root: where few people vote on an item, vectors as free as the
            others' follow noise.
        taste, bias: Prior variances of a user's vector and of their lean towards "for".
        item_taste, item_bias: Of an item's vector and of its log-odds.
        start: Standard deviation of an item's first vector.
        kept_spread: Share of the prior variance that an item gets back when the stream is
            gone through once more.
        users, items: Most of each that are remembered, the ones used last.
    """

    dimensions: int = 8
    members: int = 3
    caution: float = 0.15
    taste: float = 1.0
    bias: float = 1.0
    item_taste: float = 0.5
    item_bias: float = 2.0
    start: float = 0.3
    kept_spread: float = 0.5
    users: int = 200_000
    items: int = 200_000


@dataclass(frozen=True, slots=True)
class FactorAnswer:
    """`base`: log-odds for a user nothing is known of. `shift`: what this user adds to it.

    Both are averages over the free members. `shift` is exactly 0 for a user without evidence.
    `variance` is of the log-odds, ≥ 0; `spread` is the share of the prior variance that is
    left of the user's part, in (0, 1].
    """

    base: float
    shift: float
    cautious: float
    variance: float
    spread: float


class _Belief:
    __slots__ = ("covariance", "mean", "seen")

    def __init__(self, mean: Floats, covariance: Floats) -> None:
        self.mean = mean  # (members + 1, 2 + d)
        self.covariance = covariance  # (members + 1, 2 + d, 2 + d)
        self.seen = 0


class Factors:
    """Beliefs about the users and items used last; about 3.5 KB each at 4 × 8 dimensions."""

    def __init__(self, options: FactorOptions = FactorOptions()) -> None:
        self._options = options
        width = 2 + options.dimensions
        # Place 0: the user's lean times 1. Place 1: 1 times the item's log-odds.
        of_user = np.diag([options.bias, 0.0] + [options.taste] * options.dimensions)
        of_item = np.diag([0.0, options.item_bias] + [options.item_taste] * options.dimensions)
        self._user_prior = np.tile(of_user, (options.members + 1, 1, 1))
        self._item_prior = np.tile(of_item, (options.members + 1, 1, 1))
        self._item_prior[-1, 2:, 2:] *= options.caution
        self._nobody = np.zeros((options.members + 1, width))
        self._nobody[:, 1] = 1.0
        self._users: Bounded[str, _Belief] = Bounded(options.users)
        self._items: Bounded[str, _Belief] = Bounded(options.items)

    def _user(self, user: str) -> _Belief:
        return self._users.use(user, lambda: _Belief(self._nobody.copy(), self._user_prior.copy()))

    def _new_item(self, item: str, prior_log_odds: float) -> _Belief:
        options = self._options
        seed = int.from_bytes(blake2b(item.encode(), digest_size=8).digest(), "little")
        shape = (options.members + 1, 2 + options.dimensions)
        mean = np.random.default_rng(seed).normal(0.0, options.start, shape)
        mean[-1] *= math.sqrt(options.caution)
        mean[:, 0] = 1.0
        mean[:, 1] = prior_log_odds
        return _Belief(mean, self._item_prior.copy())

    def predict(self, user: str, item: str, *, prior_log_odds: float) -> FactorAnswer:
        """Changes nothing.

        Args:
            prior_log_odds: Where an item without evidence starts.
        """
        known = self._users.get(user)
        place = self._items.get(item) or self._new_item(item, prior_log_odds)
        x = self._nobody if known is None else known.mean
        of_user = self._user_prior if known is None else known.covariance
        w = place.mean
        total = (x * w).sum(1)
        spread = np.einsum("mi,mij,mj->m", w, of_user, w)
        before = np.einsum("mi,mij,mj->m", w, self._user_prior, w)
        variance = spread + np.einsum("mi,mij,mj->m", x, place.covariance, x)
        moderation = np.sqrt(1.0 + math.pi / 8.0 * variance)
        base = w[:, 1]
        shifts = (total - base) / moderation
        return FactorAnswer(
            base=float(base.mean()),
            shift=float(shifts[:-1].mean()),
            cautious=float(shifts[-1]),
            variance=float(variance[:-1].mean()),
            spread=float((spread / before)[:-1].mean()),
        )

    def learn(self, user: str, item: str, target: float, *, prior_log_odds: float) -> None:
        """Move user and item towards `target` in [0, 1] (0.5: neither)."""
        who = self._user(user)
        what = self._items.use(item, lambda: self._new_item(item, prior_log_odds))
        x, w = who.mean, what.mean
        user_gain = (who.covariance @ w[:, :, None])[:, :, 0]
        item_gain = (what.covariance @ x[:, :, None])[:, :, 0]
        variance = (w * user_gain).sum(1) + (x * item_gain).sum(1)
        mean = (x * w).sum(1)
        p = 1.0 / (1.0 + np.exp(-np.clip(mean / np.sqrt(1.0 + math.pi / 8.0 * variance), -30, 30)))
        curvature = np.maximum(p * (1.0 - p), _LEAST_CURVATURE)
        step = 1.0 / (1.0 + curvature * variance)
        push = ((target - p) * step)[:, None]
        shrink = (curvature * step)[:, None, None]
        who.mean = x + user_gain * push
        what.mean = w + item_gain * push
        who.covariance -= user_gain[:, :, None] * user_gain[:, None, :] * shrink
        what.covariance -= item_gain[:, :, None] * item_gain[:, None, :] * shrink
        who.seen += 1
        what.seen += 1

    def forget(self, user: str) -> None:
        """As if the user had never been; items keep what they learned until the next refit."""
        self._users.pop(user)

    def begin_again(self) -> None:
        """Before the stream is gone through once more: users anew, items only less certain."""
        self._users = Bounded(self._options.users)
        for belief in self._items.values():
            belief.covariance = self._item_prior * self._options.kept_spread
