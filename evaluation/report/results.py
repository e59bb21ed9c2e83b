"""What a report holds: everything that its pages show, as JSON.

Numbers are rounded once, here (`rounded`), so that JSON, Markdown and HTML say the same.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from evaluation.report.crossover import Verdict
from profiles.queries import Level

__all__ = [
    "Band",
    "Cost",
    "CrossoverResult",
    "GroupResult",
    "GroupingResult",
    "Point",
    "Report",
    "ReportFormatError",
    "ReversalResult",
    "SetResult",
    "TaskResult",
    "join_reports",
    "read_report",
    "rounded",
    "write_report",
]

_DIGITS: Final = 4


class ReportFormatError(ValueError):
    """The file is no report of this version."""


class Band(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mean and the interval that holds 95 % of the resamples of users."""

    mean: float
    low: float
    high: float


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Predictions for users with `first` to `last` events; `last` is null for the longest.

    Attributes:
        quality: By level.
        held_bytes: What a level keeps of one user, mean, by level.
        answer_us: Median time of an answer of all levels, in microseconds.
    """

    first: int
    last: int | None
    n: int
    users: int
    quality: dict[Level, Band]
    held_bytes: dict[Level, float]
    answer_us: float


class CrossoverResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `evaluation.report.crossover.Crossover`."""

    challenger: Level
    over: Level
    verdict: Verdict
    events: int | None
    earliest: int | None
    latest: int | None
    gain: float
    gain_low: float | None
    gain_high: float | None
    beyond: float | None
    p_value: float | None
    one_user: float | None
    n: int
    users: int


class Cost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a run took, summed over its folds.

    Attributes:
        known_users, known_events: The population that broader patterns are learned from.
        learned_per_s: Events learned per second, one by one, on the machine of the run.
        fit_s: Seconds to fit what needs the known population whole, mean of the folds.
        model_bytes: Of the model in memory with everybody's histories, mean of the folds.
        model_bytes_per_user: The same per known or tested user.
        answer_us, answer_us_95: Median and 95th percentile of an answer of all levels.
    """

    known_users: int
    known_events: int
    items: int
    learned_per_s: float
    fit_s: float
    model_bytes: int
    model_bytes_per_user: float
    answer_us: float
    answer_us_95: float


class ReversalResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `profiles.reversals.Reversal`; `what` and `over` are names for people."""

    what: str
    over: str | None
    group_margin: float
    overall_margin: float
    acts: int
    q_value: float


class GroupResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a group fares.

    Attributes:
        labels: What a discovered group likes more than others do.
        tested, predictions: Members that were predicted, and how often.
        worse: Global layer on the rest less on the group, > 0 where the group is predicted worse;
            null with too few members tested.
        q_value: That there is no difference, corrected for all groups of the task.
        satisfaction, protected, ratio, silenced, top_reversed: As `profiles.silencing.Standing`.
        top: What the group prefers most.
        reversals: The surest; `reversed` counts all.
    """

    group: str
    labels: tuple[str, ...]
    size: int
    tested: int
    predictions: int
    worse: Band | None
    q_value: float | None
    satisfaction: float
    protected: float
    ratio: float | None
    top: str | None
    top_reversed: bool
    silenced: bool
    reversed: int
    reversals: tuple[ReversalResult, ...]


class GroupingResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Groups of one attribute, or the discovered ones; worst satisfied first.

    Attributes:
        silenced_share: Part of the people in silenced groups: the alarm.
        floor: Least weight of a group in the protecting aggregation.
        price: Mean loss of satisfaction per person by protecting; `others` of those whose
            weight is not raised.
    """

    name: str
    discovered: bool
    satisfaction: str
    users: int
    silenced_share: float
    floor: float
    price: float
    others: float | None
    groups: tuple[GroupResult, ...]


class TaskResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task on one set.

    Attributes:
        headline: Whether the blend pays beside the better of the broader layers, for users with
            at least one event.
        advice: The headline in words, and what follows from the other comparisons.
        overall: By level.
        crossovers: Every comparison of two layers.
    """

    task: str
    metric: str
    folds: tuple[int, ...]
    n: int
    users: int
    headline: CrossoverResult
    advice: tuple[str, ...]
    overall: dict[Level, Band]
    curve: tuple[Point, ...]
    crossovers: tuple[CrossoverResult, ...]
    cost: Cost
    groupings: tuple[GroupingResult, ...]


class SetResult(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A data set; `skipped` says which tasks it does not allow and why."""

    name: str
    tasks: tuple[TaskResult, ...]
    skipped: dict[str, str]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole.

    Attributes:
        worth: Gain per prediction that is worth having.
        minimum_size: Users that make a group.
    """

    seed: int
    resamples: int
    worth: float
    minimum_size: int
    floor: float
    fraction: float
    sets: tuple[SetResult, ...]


def rounded(number: float) -> float:
    """To the digits that every page shows; -0 is 0.

    >>> rounded(0.123456), rounded(-0.00001)
    (0.1235, 0.0)
    """
    return round(number, _DIGITS) + 0.0


def write_report(report: Report) -> bytes:
    """Readable JSON with a line end."""
    return msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n"


def read_report(encoded: bytes) -> Report:
    """What `write_report` wrote.

    Raises:
        ReportFormatError: it is something else.
    """
    try:
        return msgspec.json.decode(encoded, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ReportFormatError(f"not a report: {error}") from error


def join_reports(reports: Sequence[Report]) -> Report:
    """One report with the sets of all, in order.

    Raises:
        ReportFormatError: they were made with different settings, or hold a set twice.
    """
    first = reports[0]
    if any(msgspec.structs.replace(one, sets=first.sets) != first for one in reports):
        raise ReportFormatError("reports made with different settings cannot be joined")
    sets = tuple(found for one in reports for found in one.sets)
    names = [found.name for found in sets]
    if len(set(names)) != len(names):
        raise ReportFormatError("a set is in two of the reports")
    return msgspec.structs.replace(first, sets=sets)
