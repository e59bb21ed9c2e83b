"""A user's vector as a projection of their sets; never state of its own.

A new item space or half-life is therefore a re-projection, not a replay.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from msgspec import Struct

from profiles.catalogue import ItemCatalogue
from profiles.entries import Entries, live_mask
from profiles.evidence import Evidence, evidence_of, sums
from profiles.policy import Policy
from profiles.ports import Vector
from profiles.state import DataType, UserState

__all__ = ["Projection", "decays", "direction", "interests", "project", "project_all"]

# Of the norm to the mass: below it, likes and dislikes have cancelled out.
_SMALLEST_RATIO = 1e-9


class Projection(Struct, frozen=True, gc=False):
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
    (projection,) = project_all(evidence_of([state], policy), catalogue)
    return projection


def direction(state: UserState, vectors: Mapping[int, Vector], policy: Policy) -> Vector | None:
    """The vector of `project` alone, up to rounding; None where that is zeros.

    Args:
        vectors: Of the items that are known, by key; each of shape (d,).
    """
    evidence = evidence_of([state], policy)
    keys, worth = evidence.rows["item"].tolist(), evidence.worth.tolist()
    terms: list[float] = []
    rows: list[Vector] = []
    for key, term, is_item in zip(keys, worth, evidence.about_items.tolist(), strict=True):
        vector = vectors.get(key) if is_item else None
        if vector is not None and term:
            terms.append(term)
            rows.append(vector)
    if not terms:
        return None
    # Relative to the largest, as in `project_all`.
    shares = np.array(terms) / max(map(abs, terms))
    total = shares @ np.array(rows, np.float64)
    norm = math.sqrt(total @ total)
    if not norm > _SMALLEST_RATIO * float(np.abs(shares).sum()):
        return None
    pointing: Vector = (total / norm).astype(np.float32)
    return pointing


def project_all(evidence: Evidence, catalogue: ItemCatalogue) -> list[Projection]:
    """`project` of each user."""
    users, rows = len(evidence), evidence.rows
    places = catalogue.rows(rows["item"].tolist())
    known = evidence.about_items & (places >= 0)
    owner, terms = evidence.owner[known], evidence.worth[known]
    strength = np.abs(terms)
    mass = sums(strength, owner, users)
    # Relative to the largest: old evidence keeps its direction, and its squares
    # do not underflow.
    largest = np.zeros(users)
    np.maximum.at(largest, owner, strength)
    shown = mass > 0.0
    scale = np.where(shown, largest, 1.0)[owner]
    shares = strength / scale
    total = catalogue.weighted_sums(terms / scale, places[known], owner, users)
    norm = np.sqrt(np.einsum("ud,ud->u", total, total))
    share = sums(shares, owner, users)
    squares = sums(shares * shares, owner, users)
    directed = norm > _SMALLEST_RATIO * share
    vectors = np.where(
        directed[:, None], total / np.where(directed, norm, 1.0)[:, None], 0.0
    ).astype(np.float32)
    sizes = share**2 / np.where(shown, squares, 1.0)
    waiting = np.zeros(users, np.bool_)
    waiting[evidence.owner[evidence.about_items & (places < 0)]] = True
    empty = np.diff(evidence.ends, prepend=0) == 0
    newest = rows["time_ms"][evidence.ends - 1].tolist() if len(rows) else [0] * users
    return [
        # Copies: one user's vector must not keep everybody's.
        Projection(vector.copy(), weight, size, waits, newest_ms=None if none else newest_ms)
        for vector, weight, size, waits, none, newest_ms in zip(
            vectors,
            mass.tolist(),
            sizes.tolist(),
            waiting.tolist(),
            empty.tolist(),
            newest,
            strict=True,
        )
    ]
