"""What bars say to a person: how many, how fast, how long still."""

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress

from cli.progress import counting_progress, replay_progress, sending_progress, waiting_progress


class Clock:
    """Seconds, that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def on_a_terminal(made: Callable[[Console], Progress]) -> tuple[Progress, Clock]:
    clock = Clock()
    progress = made(Console(file=StringIO(), force_terminal=True, width=160, color_system=None))
    progress.get_time = clock
    return progress, clock


def seen(progress: Progress) -> str:
    """The line as it stands there now."""
    console = Console(file=StringIO(), width=160, color_system=None)
    with console.capture() as said:
        console.print(progress.get_renderable())
    return said.get()


def test_sending_says_events_rate_and_time_left() -> None:
    progress, clock = on_a_terminal(sending_progress)
    task = progress.add_task("events.jsonl", total=4_000)
    for step in range(1, 3):
        clock.now_s = float(step)
        progress.update(task, completed=1_000 * step, events=1_500 * step)
    line = seen(progress)
    assert "events.jsonl" in line
    assert "3,000 events  1,500/s" in line
    assert "0:00:02" in line


@pytest.mark.parametrize(
    ("step_s", "rate", "left"), [(0.5, "2/s", "0:00:03"), (8.0, "8 s each", "0:00:48")]
)
def test_counting_says_how_many_of_all_and_how_fast(step_s: float, rate: str, left: str) -> None:
    progress, clock = on_a_terminal(counting_progress)
    task = progress.add_task("films", total=10)
    for number in range(1, 5):
        clock.now_s = number * step_s
        progress.advance(task)
    line = seen(progress)
    assert all(part in line for part in ("films", "4/10", rate, left)), line


def test_replaying_says_records_of_all_rate_and_how_far_behind() -> None:
    progress, clock = on_a_terminal(replay_progress)
    task = progress.add_task("replay", total=10_000)
    for number in range(1, 4):
        clock.now_s = float(number)
        progress.update(task, completed=2_000 * number, behind=10_000 - 2_000 * number)
        line = seen(progress)
    assert "6,000 of 10,000 records  2,000/s  4,000 behind" in line
    # More keeps coming while it works.
    progress.update(task, total=12_000, behind=6_000)
    assert "6,000 of 12,000 records" in seen(progress)


def test_what_is_left_of_a_replay_is_told_by_how_fast_it_becomes_less() -> None:
    progress, clock = on_a_terminal(replay_progress)
    task = progress.add_task("replay", total=100_000)
    for number in range(60):
        clock.now_s = float(number)
        # 2 000 a second are taken in, and 1 000 come: half of the rate is lost to them.
        progress.update(
            task,
            completed=2_000 * number,
            total=100_000 + 1_000 * number,
            behind=100_000 - 1_000 * number,
        )
        line = seen(progress)
    assert "2,000/s  41,000 behind" in line
    assert "0:00:41" in line


def test_nobody_says_when_a_replay_will_end_that_comes_no_nearer() -> None:
    progress, clock = on_a_terminal(replay_progress)
    task = progress.add_task("replay", total=10_000)
    for number in range(3):
        clock.now_s = float(number)
        progress.update(task, completed=500, behind=9_500 + number, waits="live goes first")
        line = seen(progress)
    assert "live goes first" in line
    assert "-:--:--" in line


@pytest.mark.parametrize("made", [sending_progress, counting_progress, replay_progress])
def test_where_there_is_no_terminal_nothing_is_drawn_while_it_works(
    made: Callable[[Console], Progress],
) -> None:
    console = Console(file=(said := StringIO()), force_terminal=False, width=160)
    with made(console) as progress:
        task = progress.add_task("[red]markup[/red]", total=2)
        progress.advance(task)
        progress.refresh()
        assert said.getvalue() == ""
        progress.advance(task)
    # What is reached in the end; names of files are no markup.
    assert said.getvalue().count("[red]markup[/red]") == 1


def test_a_wait_leaves_no_line_behind() -> None:
    console = Console(file=(said := StringIO()), force_terminal=False, width=160)
    with waiting_progress(console) as progress:
        progress.add_task("waiting for Kafka", total=None)
    assert said.getvalue().strip() == ""
