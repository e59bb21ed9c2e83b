"""Personas on a plane: where they lie, where they came from, how much of the truth that shows.

Pure. The plane is that of the two leading principal directions of the centroids, weighted by
members (Pearson 1901; weighted as in Greenacre 1984, §2): of all planes the one in which they
lie the furthest apart. Places of before are put into the same plane.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lookup.dashboard.sources import PlacedPersonas
from profiles.ports import Vector

__all__ = ["MappedPersona", "PersonaMap", "persona_map"]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class MappedPersona:
    """One persona.

    Attributes:
        at: Where it lies now.
        trail: Where it lay before, oldest first, without repeats; ends with `at`.
        moved_degrees: Angle between its oldest known direction in this space and the present one.
        since_ms: When that was; None without a past.
    """

    id: str
    size: int
    at: Point
    trail: tuple[Point, ...]
    moved_degrees: float | None
    since_ms: int | None


@dataclass(frozen=True, slots=True)
class PersonaMap:
    """`shown` is the part of the spread that the plane holds, in [0, 1]."""

    personas: tuple[MappedPersona, ...]
    shown: float


def persona_map(
    centroids: Mapping[str, Vector],
    sizes: Mapping[str, int],
    past: Sequence[PlacedPersonas] = (),
) -> PersonaMap:
    """The map of the personas that have both a centroid and a size.

    Args:
        centroids: Shape (d,) each.
        past: In the same item space, oldest first; others' places mean nothing here.
    """
    names = [name for name in sizes if name in centroids]
    if not names:
        return PersonaMap((), 0.0)
    places = np.stack([centroids[name] for name in names]).astype(np.float64)
    weights = np.array([max(1, sizes[name]) for name in names], np.float64)
    weights /= weights.sum()
    centre = weights @ places
    plane, shown = _plane((places - centre) * np.sqrt(weights)[:, None])

    def point(place: npt.NDArray[np.floating]) -> Point:
        x, y = ((place.astype(np.float64) - centre) @ plane).tolist()
        return round(x, 6), round(y, 6)

    mapped: list[MappedPersona] = []
    for name, place in zip(names, places, strict=True):
        before = [
            (one.at_ms, one.places[name])
            for one in past
            if name in one.places and one.places[name].shape == place.shape
        ]
        trail = [point(then) for _, then in before] + [point(place)]
        mapped.append(
            MappedPersona(
                id=name,
                size=sizes[name],
                at=point(place),
                trail=tuple(dict.fromkeys(trail)),
                moved_degrees=_degrees(before[0][1], place) if before else None,
                since_ms=before[0][0] if before else None,
            )
        )
    return PersonaMap(tuple(mapped), shown)


def _plane(rows: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
    """Two orthonormal directions, shape (d, 2), and their part of the squared length of all."""
    _, lengths, directions = np.linalg.svd(rows, full_matrices=False)
    plane = np.zeros((rows.shape[1], 2))
    for column, direction in enumerate(directions[:2]):
        # The sign of a direction is arbitrary: the same personas shall not be mirrored.
        plane[:, column] = direction * np.sign(direction[np.argmax(np.abs(direction))] or 1.0)
    whole = float((lengths**2).sum())
    return plane, float((lengths[:2] ** 2).sum()) / whole if whole > 0 else 1.0


def _degrees(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> float:
    # Half the chord: exact for small angles, where the arc cosine has lost its digits.
    half = float(np.linalg.norm(a.astype(np.float64) - b.astype(np.float64))) / 2
    return float(np.degrees(2 * np.arcsin(min(1.0, half))))
