"""Progress on the terminal; where there is none, only what is reached in the end is printed."""

from collections import deque
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["counting_progress", "replay_progress", "sending_progress", "waiting_progress"]

_ESTIMATED_OVER_S: Final = 30.0


class _EventRate(ProgressColumn):
    """Events sent, and per second, from the task's field `events`."""

    def render(self, task: Task) -> Text:
        events = task.fields.get("events", 0)
        rate = events / task.elapsed if task.elapsed else 0
        return Text(f"{events:,} events  {rate:,.0f}/s")


def sending_progress(console: Console) -> Progress:
    """A bar per file, with events, rate and time left."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _EventRate(),
        TimeRemainingColumn(),
        console=console,
    )


class _Rate(ProgressColumn):
    """How many a second; below one, how long each takes."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        if not speed:
            return Text("")
        return Text(f"{speed:,.0f}/s" if speed >= 1 else f"{1 / speed:,.0f} s each")


def counting_progress(console: Console) -> Progress:
    """A bar with how many of all, rate and time left."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        console=console,
    )


class _Recent:
    """How fast numbers have changed lately, by task.

    Rich's own speed begins anew whenever the total changes, as it does while records come.
    """

    def __init__(self) -> None:
        self._seen: dict[TaskID, deque[tuple[float, float]]] = {}

    def rate(self, task: Task, number: float) -> float:
        """Change per second over the last half minute, this number being the latest."""
        now_s = task.get_time()
        seen = self._seen.setdefault(task.id, deque())
        if not seen or seen[-1][1] != number:
            seen.append((now_s, number))
        while len(seen) > 2 and seen[0][0] < now_s - _ESTIMATED_OVER_S:
            seen.popleft()
        then_s, number_then = seen[0]
        return (number - number_then) / (now_s - then_s) if now_s > then_s else 0.0


class _RecordRate(ProgressColumn):
    """Records done of all, per second, and how far behind (the task's field `behind`).

    And what it waits for, if anything (`waits`).
    """

    def __init__(self) -> None:
        super().__init__()
        self._done = _Recent()

    def render(self, task: Task) -> Text:
        behind = task.fields.get("behind", 0)
        return Text(
            f"{task.completed:,.0f} of {task.total or 0:,.0f} records  "
            f"{self._done.rate(task, task.completed):,.0f}/s  {behind:,} behind"
            + (f"  {waits}" if (waits := task.fields.get("waits")) else "")
        )


class _TimeToCatchUp(ProgressColumn):
    """Until nothing is left, by how fast it becomes less (the task's field `behind`).

    Not by records per second: more keep coming while it works.
    """

    def __init__(self) -> None:
        super().__init__()
        self._behind = _Recent()

    def render(self, task: Task) -> Text:
        behind = int(task.fields.get("behind", 0))
        rate = self._behind.rate(task, behind)
        if behind and rate >= 0:
            return Text("-:--:--", style="progress.remaining")
        left_s = int(behind / -rate) if behind else 0
        return Text(str(timedelta(seconds=left_s)), style="progress.remaining")


def replay_progress(console: Console) -> Progress:
    """A bar with records, rate and time left; also while more records keep coming."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _RecordRate(),
        _TimeToCatchUp(),
        console=console,
    )


def waiting_progress(console: Console) -> Progress:
    """A line that goes away when the wait is over."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
