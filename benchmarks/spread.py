"""What repeated measurements amount to."""

from collections.abc import Sequence
from enum import Enum
from statistics import median

import msgspec

__all__ = ["Bound", "Figure", "Spread", "quantile"]


class Spread(msgspec.Struct, frozen=True):
    """Median, least and greatest of several runs."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Of at least one value.

        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, least=1.0, greatest=3.0)
        """
        return cls(median(values), min(values), max(values))


class Bound(Enum):
    """Which side of its target a figure should be on."""

    AT_LEAST = "≥"
    AT_MOST = "≤"


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        ours, theirs: In `unit`; theirs is None where nothing is compared.
        value: Of ours to theirs, pair by pair; ours itself where nothing is compared.
        reach: What `value` should be, by `bound`; None where it is only stated.
        runs: Pairs measured.
    """

    name: str
    what: str
    unit: str
    ours: Spread
    theirs: Spread | None
    value: Spread
    bound: Bound
    reach: float | None
    runs: int

    @classmethod
    def of(
        cls,
        name: str,
        what: str,
        unit: str,
        pairs: Sequence[tuple[float, float | None]],
        *,
        bound: Bound,
        reach: float | None,
    ) -> "Figure":
        """From (ours, theirs) of each run."""
        theirs = [other for _, other in pairs if other is not None]
        return cls(
            name=name,
            what=what,
            unit=unit,
            ours=Spread.of([ours for ours, _ in pairs]),
            theirs=Spread.of(theirs) if theirs else None,
            value=Spread.of([ours if other is None else ours / other for ours, other in pairs]),
            bound=bound,
            reach=reach,
            runs=len(pairs),
        )

    @property
    def reached(self) -> bool | None:
        """Whether the median is on the right side; None without a target."""
        if self.reach is None:
            return None
        if self.bound is Bound.AT_LEAST:
            return self.value.median >= self.reach
        return self.value.median <= self.reach


def quantile(values: Sequence[float], part: float) -> float:
    """The smallest value that at least `part` of the values do not exceed.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.75)
    3.0
    """
    ordered = sorted(values)
    return ordered[max(0, -int(-part * len(ordered) // 1) - 1)]
