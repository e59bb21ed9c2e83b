"""The precision-cost curve out of a `report.json` of `strata report`."""

from dataclasses import dataclass

import msgspec

__all__ = ["Band", "CostCurve", "CostPoint", "ReportUnreadable", "cost_curves"]


class ReportUnreadable(ValueError):
    """The file is no report that this version reads."""


class Band(msgspec.Struct, frozen=True):
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float


class _Point(msgspec.Struct, frozen=True):
    first: int
    last: int | None
    n: int
    users: int
    quality: dict[str, Band]
    held_bytes: dict[str, float]
    answer_us: float


class _Task(msgspec.Struct, frozen=True):
    task: str
    metric: str
    n: int
    users: int
    advice: tuple[str, ...]
    overall: dict[str, Band]
    curve: tuple[_Point, ...]


class _Set(msgspec.Struct, frozen=True):
    name: str
    tasks: tuple[_Task, ...]


class _Report(msgspec.Struct, frozen=True):
    sets: tuple[_Set, ...]


@dataclass(frozen=True, slots=True)
class CostPoint:
    """Users with `first` to `last` events: n predictions, bytes held per user, by layer."""

    first: int
    last: int | None
    n: int
    users: int
    quality: dict[str, Band]
    held_bytes: dict[str, float]
    answer_us: float

    @property
    def label(self) -> str:
        if self.last is None:
            return f"{self.first}+"
        return f"{self.first}" if self.first == self.last else f"{self.first} to {self.last}"


@dataclass(frozen=True, slots=True)
class CostCurve:
    """One task on one set of data."""

    name: str
    task: str
    metric: str
    n: int
    users: int
    advice: tuple[str, ...]
    overall: dict[str, Band]
    points: tuple[CostPoint, ...]


def cost_curves(encoded: bytes) -> tuple[CostCurve, ...]:
    """Every task of every set, in the report's order; fields that are not needed may change.

    Raises:
        ReportUnreadable: it is something else.
    """
    try:
        report = msgspec.json.decode(encoded, type=_Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportUnreadable(f"not a report: {error}") from error
    return tuple(
        CostCurve(
            name=one.name,
            task=task.task,
            metric=task.metric,
            n=task.n,
            users=task.users,
            advice=task.advice,
            overall=task.overall,
            points=tuple(
                CostPoint(
                    point.first,
                    point.last,
                    point.n,
                    point.users,
                    point.quality,
                    point.held_bytes,
                    point.answer_us,
                )
                for point in task.curve
            ),
        )
        for one in report.sets
        for task in one.tasks
    )
