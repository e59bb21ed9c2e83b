"""Discovered personas of voters: a mixture in which members vote alike.

Each persona k of a community has its own probabilities θ_ki of for, against and neither on
every item, shrunk towards the item's by `strength` pseudo-votes. Mixtures of several sizes are
fitted and averaged by how well they explain the user so far: the data choose the number.

References:
    Dempster, Laird & Rubin 1977 (EM); Hoeting et al. 1999, "Bayesian model averaging".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiles.choices.communities import Community
from profiles.choices.logistic import Floats, bounded_log_odds
from profiles.choices.votes import Vote

__all__ = ["Mixtures", "PersonaAnswer"]


@dataclass(frozen=True, slots=True)
class PersonaAnswer:
    """`shift`: log-odds that membership adds to the average of all personas.

    Exactly 0 without votes. `effective_personas` is 1 / Σ r², 1 when membership is certain.
    `members`: how many fitted users the personas the user is in amount to.
    """

    shift: float
    effective_personas: float
    members: float


@dataclass(frozen=True, slots=True)
class _Block:
    log_weights: Floats  # (k,)
    log_theta: Floats  # (3, k, items): for, against, neither
    members: Floats  # (k,)


_NONE = PersonaAnswer(0.0, 0.0, 0.0)
_ROW = {1: 0, -1: 1, 0: 2}


class Mixtures:
    """Fitted whole; abstains for items that were not there."""

    def __init__(
        self,
        communities: Sequence[Community] = (),
        *,
        sizes: Sequence[int] = (2, 4, 8, 16),
        strength: float = 3.0,
        rounds: int = 40,
        seed: int = 0,
    ) -> None:
        self._place: dict[str, tuple[int, int]] = {}
        self._blocks: list[_Block] = []
        for number, community in enumerate(communities):
            for column, item in enumerate(community.items):
                self._place[item] = (number, column)
            parts = [_fit(community, size, strength, rounds, seed) for size in sizes]
            self._blocks.append(
                _Block(
                    np.concatenate([part.log_weights for part in parts]) - np.log(len(sizes)),
                    np.concatenate([part.log_theta for part in parts], 1),
                    np.concatenate([part.members for part in parts]),
                )
            )

    def predict(self, votes: Sequence[Vote], item: str) -> PersonaAnswer:
        """From a user's earlier votes in the item's community, passes included."""
        place = self._place.get(item)
        if place is None:
            return _NONE
        number, target = place
        block = self._blocks[number]
        rows: list[int] = []
        columns: list[int] = []
        for vote in votes:
            found = self._place.get(vote.item)
            if found is not None and found[0] == number and found[1] != target:
                rows.append(_ROW[vote.value])
                columns.append(found[1])
        if not columns:
            return _NONE
        evidence = block.log_weights + block.log_theta[rows, :, columns].sum(0)
        share = np.exp(evidence - evidence.max())
        share /= share.sum()
        ayes, noes = np.exp(block.log_theta[0, :, target]), np.exp(block.log_theta[1, :, target])
        theta = ayes / (ayes + noes)
        average = float(np.exp(block.log_weights) @ theta)
        shift = bounded_log_odds(float(share @ theta)) - bounded_log_odds(average)
        return PersonaAnswer(shift, float(1.0 / (share @ share)), float(share @ block.members))


def _fit(community: Community, size: int, strength: float, rounds: int, seed: int) -> _Block:
    votes = community.votes
    seen = np.stack([votes == 1, votes == -1, votes == 0]).astype(np.float32)
    users, items = votes.shape
    flat = np.ascontiguousarray(seen.transpose(1, 0, 2).reshape(users, 3 * items))
    counts = seen.sum(1) + np.array([[1.0], [0.5], [0.5]], np.float32)
    base = (counts / counts.sum(0)).reshape(3 * items)
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(size), users).astype(np.float32)
    log_theta = np.zeros((size, 3 * items), np.float32)
    log_weights = np.zeros(size)
    for _ in range(rounds):
        theta = (share.T @ flat + strength * base).reshape(size, 3, items)
        theta /= theta.sum(1, keepdims=True)
        log_theta = np.log(theta).reshape(size, 3 * items).astype(np.float32)
        mass = share.sum(0) + _WEIGHT_STRENGTH / size
        log_weights = np.log(mass / mass.sum())
        fit = flat @ log_theta.T + log_weights
        fit -= fit.max(1, keepdims=True)
        share = np.exp(fit).astype(np.float32)
        share /= share.sum(1, keepdims=True)
    shaped = log_theta.reshape(size, 3, items).transpose(1, 0, 2).astype(np.float64)
    return _Block(log_weights, shaped, share.sum(0).astype(np.float64))


_WEIGHT_STRENGTH = 5.0
