"""Figures for people, and for the next run."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from benchmarks.spread import Figure, Spread

__all__ = ["Machine", "Report", "fallen", "row", "table"]


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where figures were measured; only ratios carry over."""

    cores: int
    memory_gb: float
    processor: str
    python: str
    load_average: float

    @classmethod
    def here(cls) -> "Machine":
        """This one, now."""
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
        return cls(
            cores=os.cpu_count() or 1,
            memory_gb=round(pages * size / 2**30, 1),
            processor=_processor(),
            python=platform.python_version(),
            load_average=round(os.getloadavg()[0], 1),
        )


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One run of the command.

    Attributes:
        failures: Why a measure has no figure, by name.
    """

    machine: Machine
    events: int
    users: int
    figures: Sequence[Figure]
    failures: Mapping[str, str]


def table(report: Report) -> str:
    """Markdown."""
    lines = [
        "| measure | ours | theirs | ratio (least to greatest) | reach | |",
        "|---|---|---|---|---|---|",
    ]
    lines += map(row, report.figures)
    lines += [f"| {name} | failed: {why} | | | | |" for name, why in report.failures.items()]
    return "\n".join(lines)


def row(one: Figure) -> str:
    """A row of the table."""
    theirs = "" if one.theirs is None else f"{_number(one.theirs.median)} {one.unit}"
    reach = "" if one.reach is None else f"{one.bound.value} {_number(one.reach)}"
    verdict = {True: "reached", False: "missed", None: "stated"}[one.reached]
    return (
        f"| {one.what} | {_number(one.ours.median)} {one.unit} | {theirs} "
        f"| {_spread(one.value)} | {reach} | {verdict} |"
    )


def fallen(report: Report, committed: Mapping[str, float], *, tolerance: float) -> list[str]:
    """Names of ratios that are worse than committed by more than `tolerance` of it.

    Args:
        committed: By measure; those that were not measured are left out.
        tolerance: In (0, 1), e.g. 0.3.
    """
    worse: list[str] = []
    for one in report.figures:
        known = committed.get(one.name)
        if known is None:
            continue
        # The best of the runs: a machine that is busy for a while does not count.
        lower = one.bound.name == "AT_LEAST"
        best = one.value.greatest if lower else one.value.least
        if best < known * (1 - tolerance) if lower else best > known * (1 + tolerance):
            worse.append(f"{one.name}: {_number(best)}, was {_number(known)}")
    return worse


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _spread(value: Spread) -> str:
    return f"{_number(value.median)} ({_number(value.least)} to {_number(value.greatest)})"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
        platform.machine(),
    )
