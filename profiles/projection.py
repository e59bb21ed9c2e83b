"""A user's vector as a projection of their sets; never state of its own.

A new item space or half-life is therefore a re-projection, not a replay.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.catalogue import ItemCatalogue
from profiles.entries import TEXT, Entries, live_mask
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.state import DataType, UserState

__all__ = ["Projection", "decays", "interests", "project"]

# Of the norm to the mass: below it, likes and dislikes have cancelled out.
_SMALLEST_RATIO = 1e-9


@dataclass(frozen=True, slots=True)
class Projection:
    """What a user's evidence adds up to.

    Attributes:
        vector: Shape (d,), unit length, or zeros when there is no direction.
        mass: Σ |weight| · decay over entries whose item is known; ≥ 0.
        effective_sample_size: Kish's (Σ x)² / Σ x² of the same terms: how many
            equally weighted events the evidence is worth; ≥ 0.
        waiting: Some entry's item is not known yet.
        newest_ms: Event time of the newest entry; None without entries.
    """

    vector: Vector
    mass: float
    effective_sample_size: float
    waiting: bool
    newest_ms: int | None


def interests(state: UserState) -> Entries:
    """Live entries of interactions and preferences, oldest first."""
    acts = state.entries(DataType.INTERACTIONS)
    choices = state.entries(DataType.PREFERENCES)
    acts = acts[live_mask(acts)] if len(acts) else acts
    if not len(choices):
        return acts
    both = np.concatenate((acts, choices))
    return both[np.lexsort((both["item"], both["event"], both["time_ms"]))]


def decays(rows: Entries, policy: Policy) -> npt.NDArray[np.float64]:
    """Factor of each entry, in (0, 1], shape (len(rows),).

    2^(-age / half-life) · 2^(-rank / half-rank), with age in event time from the
    newest entry and rank the number of distinct later events. `rows` are sorted.
    """
    if not len(rows):
        return np.zeros(0)
    time_ms = rows["time_ms"]
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (time_ms[1:] != time_ms[:-1]) | (rows["event"][1:] != rows["event"][:-1])
    ordinal = np.cumsum(starts)
    rank = (ordinal[-1] - ordinal).astype(np.float64)
    age_s = (time_ms[-1] - time_ms) / 1000.0
    factors: npt.NDArray[np.float64] = np.exp2(
        -age_s / policy.half_life_s - rank / policy.half_rank
    )
    return factors


def project(state: UserState, catalogue: ItemCatalogue, policy: Policy) -> Projection:
    """Σ weight · decay · item vector, normalised.

    Exact: depends on the sets alone, so equal states have equal projections.
    """
    rows = interests(state)
    zeros = np.zeros(catalogue.dimension, np.float32)
    if not len(rows):
        return Projection(zeros, 0.0, 0.0, waiting=False, newest_ms=None)
    newest_ms = int(rows["time_ms"][-1])
    factors = decays(rows, policy)
    about_items = (rows["flags"] & TEXT) == 0
    places = catalogue.rows(rows["item"].tolist())
    known = about_items & (places >= 0)
    waiting = bool((about_items & (places < 0)).any())
    terms = rows["weight"][known] * factors[known]
    evidence = np.abs(terms)
    mass = float(evidence.sum())
    if mass == 0.0:
        return Projection(zeros, 0.0, 0.0, waiting, newest_ms)
    # Relative to the largest: old evidence keeps its direction, and its squares
    # do not underflow.
    largest = evidence.max()
    shares = evidence / largest
    total = catalogue.weighted_sum(terms / largest, places[known])
    norm = float(np.linalg.norm(total))
    directed = norm > _SMALLEST_RATIO * float(shares.sum())
    vector = (total / norm).astype(np.float32) if directed else zeros
    size = float(shares.sum()) ** 2 / float((shares * shares).sum())
    return Projection(vector, mass, size, waiting, newest_ms)
