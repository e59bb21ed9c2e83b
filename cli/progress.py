"""Progress on the terminal; where there is none, only what is reached in the end is printed."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

__all__ = ["counting_progress", "replay_progress", "sending_progress", "waiting_progress"]


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


class _RecordRate(ProgressColumn):
    """Records done of all, per second, and how far behind (the task's field `behind`).

    And what it waits for, if anything (`waits`).
    """

    def render(self, task: Task) -> Text:
        behind = task.fields.get("behind", 0)
        return Text(
            f"{task.completed:,.0f} of {task.total or 0:,.0f} records  "
            f"{task.speed or 0:,.0f}/s  {behind:,} behind"
            + (f"  {waits}" if (waits := task.fields.get("waits")) else "")
        )


def replay_progress(console: Console) -> Progress:
    """A bar with records, rate and time left; also while more records keep coming."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        _RecordRate(),
        TimeRemainingColumn(),
        console=console,
        speed_estimate_period=30.0,
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
