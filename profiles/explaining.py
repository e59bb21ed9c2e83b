"""Why a user stands where they do: what each event is still worth, and what it moved.

A user's direction is a sum over events (`profiles.projection`), so an item's nearness to it is one
too: the part of event i is worth_i · ⟨v_i, v⟩ / ‖Σ worth · v‖. Nothing is estimated, and no other
model stands in for the real one.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from profiles.catalogue import ItemCatalogue
from profiles.entries import TEXT
from profiles.policy import Policy
from profiles.projection import Projection, decays, interests, project
from profiles.state import DataType, UserState

__all__ = ["Evidence", "Explanation", "explain"]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One live entry of a user.

    Attributes:
        item: Its key; None where the entry is about a text.
        action: Its code, `profiles.ids.action_code`.
        weight: By the policy, signed.
        decay: What age and later events have left of it, in (0, 1].
        counts: It moves the user: its item is known.
    """

    data_type: DataType
    item: int | None
    action: int
    time_ms: int
    weight: float
    decay: float
    counts: bool

    @property
    def worth(self) -> float:
        return self.weight * self.decay


@dataclass(frozen=True, slots=True)
class Explanation:
    """A projection taken apart.

    Attributes:
        evidence: n live entries, newest first.
        nearness: Of each item asked about: ⟨direction, item vector⟩, shape (m,); zeros without a
            direction, and for an item that is not known.
        parts: What each entry has in it, shape (n, m): each column sums to `nearness`.
    """

    projection: Projection
    evidence: tuple[Evidence, ...]
    nearness: npt.NDArray[np.float64]
    parts: npt.NDArray[np.float64]


def explain(
    state: UserState, catalogue: ItemCatalogue, policy: Policy, items: tuple[int, ...] = ()
) -> Explanation:
    """Take a user's projection apart, event by event.

    Args:
        catalogue: The same as the projection's; items that it lacks move nobody.
        policy: With the half-lives to look through: others than those in force show what would be.
        items: Keys asked about, m of them.
    """
    rows = interests(state)[::-1]
    factors = decays(rows[::-1], policy)[::-1]
    about_items = (rows["flags"] & TEXT) == 0 if len(rows) else np.zeros(0, np.bool_)
    keys = rows["item"].tolist()
    known = about_items & (catalogue.rows(keys) >= 0)
    chosen = set(state.entries(DataType.PREFERENCES)["event"].tolist())
    evidence = tuple(
        Evidence(
            data_type=(
                DataType.PREFERENCES if int(row["event"]) in chosen else DataType.INTERACTIONS
            ),
            item=int(row["item"]) if about else None,
            action=int(row["action"]),
            time_ms=int(row["time_ms"]),
            weight=float(row["weight"]),
            decay=factor,
            counts=bool(counts),
        )
        for row, about, counts, factor in zip(
            rows, about_items, known, factors.tolist(), strict=True
        )
    )
    projection = project(state, catalogue, policy)
    vectors = _vectors(catalogue, keys)
    vectors[~known] = 0.0
    moves = (rows["weight"] * factors)[:, None] * vectors if len(rows) else vectors
    total = moves.sum(axis=0)
    # What age has left may be so little that its square is nothing.
    scale = float(np.abs(total).max(initial=0.0))
    asked = _vectors(catalogue, list(items))
    parts = (
        (moves / scale) @ asked.T / np.linalg.norm(total / scale)
        if projection.vector.any() and scale > 0.0
        else np.zeros((len(rows), len(items)))
    )
    return Explanation(projection, evidence, parts.sum(axis=0), parts)


def _vectors(catalogue: ItemCatalogue, keys: list[int]) -> npt.NDArray[np.float64]:
    """Shape (len(keys), d); zeros where an item is not known."""
    found = [catalogue.vector(key) for key in keys]
    none = np.zeros(catalogue.dimension)
    return np.array([none if one is None else one for one in found], np.float64).reshape(
        len(keys), catalogue.dimension
    )
