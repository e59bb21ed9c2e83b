"""What became of personas when clusters were sought afresh: ids by members, and events.

Personas are told apart by who belongs to them, not by where they lie: a new item space
turns all places about. Which new cluster carries on which persona is an assignment that
keeps most members together (Kuhn 1955); what else happened is told by shares of members
as in MONIC (Spiliopoulou, Ntoutsi, Theodoridis & Schult 2006, "MONIC: modeling and
monitoring cluster transitions").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from schemas.persona_events import PersonaFate

__all__ = ["Lineage", "Transition", "trace"]

_SAME: Final = 0.3
_MOST: Final = 0.5


@dataclass(frozen=True, slots=True)
class Transition:
    """One thing that happened.

    Attributes:
        persona: Who was born, split off, merged into another, or ended.
        other: Whom it split from or merged into; None for a birth or an end.
        members: Of the sample: of the new persona, or of the one that is gone.
    """

    fate: PersonaFate
    persona: str
    other: str | None
    members: int


@dataclass(frozen=True, slots=True)
class Lineage:
    """Ids of new clusters.

    Attributes:
        ids: One for each new cluster; none occurs twice.
        next_number: For the next new persona; ids are never used again.
        transitions: New personas first, each group in the order of ids.
    """

    ids: tuple[str, ...]
    next_number: int
    transitions: tuple[Transition, ...]


def trace(
    before: Sequence[str | None],
    after: npt.NDArray[np.intp],
    *,
    clusters: int,
    next_number: int,
) -> Lineage:
    """Name new clusters by the personas that their members belonged to.

    A cluster carries on a persona if of all members of either at least 30 % belong to
    both (Jaccard), and if the assignment that keeps most members together pairs them. A
    new persona half of whose members came from one persona has split off; one that is
    gone and half of whose members are in one cluster has merged into it.

    Args:
        before: Persona of each member of a sample; None if they had none.
        after: New cluster of each, in [0, clusters), or -1 for none; shape (len(before),).
        next_number: Free for a new id "p<number>".

    Raises:
        ValueError: the two are not of one length.
    """
    # A dependency of most of what a lookup would load, and it never traces.
    from scipy.optimize import linear_sum_assignment  # noqa: PLC0415

    if len(before) != len(after):
        raise ValueError(f"{len(before)} members before, {len(after)} after")
    names = sorted({name for name in before if name is not None})
    place = {name: row for row, name in enumerate(names)}
    common = np.zeros((len(names), clusters), np.int64)
    old_sizes = np.zeros(len(names), np.int64)
    new_sizes = np.bincount(after[after >= 0], minlength=clusters)
    for name, cluster in zip(before, after.tolist(), strict=True):
        if name is not None:
            old_sizes[place[name]] += 1
            if cluster >= 0:
                common[place[name], cluster] += 1

    carried: dict[int, str] = {}
    for row, column in zip(*linear_sum_assignment(-common), strict=True):
        either = old_sizes[row] + new_sizes[column] - common[row, column]
        if common[row, column] >= _SAME * either and common[row, column] > 0:
            carried[int(column)] = names[row]
    ids: list[str] = []
    for cluster in range(clusters):
        if cluster in carried:
            ids.append(carried[cluster])
        else:
            ids.append(f"p{next_number}")
            next_number += 1
    appeared = [
        _appearance(ids[cluster], common[:, cluster], names, int(new_sizes[cluster]))
        for cluster in range(clusters)
        if cluster not in carried
    ]
    gone = [
        _disappearance(name, common[row], ids, int(old_sizes[row]))
        for row, name in enumerate(names)
        if name not in ids
    ]
    return Lineage(tuple(ids), next_number, (*appeared, *gone))


def _appearance(
    persona: str, came_from: npt.NDArray[np.int64], names: Sequence[str], members: int
) -> Transition:
    if len(came_from) and came_from.max() >= _MOST * members > 0:
        return Transition(PersonaFate.SPLIT, persona, names[int(came_from.argmax())], members)
    return Transition(PersonaFate.BIRTH, persona, None, members)


def _disappearance(
    persona: str, went_to: npt.NDArray[np.int64], ids: Sequence[str], members: int
) -> Transition:
    if len(went_to) and went_to.max() >= _MOST * members:
        return Transition(PersonaFate.MERGE, persona, ids[int(went_to.argmax())], members)
    return Transition(PersonaFate.END, persona, None, members)
