"""What a contender is asked, and what it answers: one JSON object each way."""

import sys
import time
from dataclasses import dataclass, field
from typing import Final

import msgspec

__all__ = ["READY", "Result", "Stopwatch", "Task", "answer", "asked"]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One run.

    Attributes:
        events: In `topic`; the run is over when all have had their effect. 0 if nobody counts.
        directory: Empty, for the contender's files.
        name: Of this run: consumer group and namespace.
        options: What only some contenders know.
    """

    bootstrap: str
    redis_url: str
    topic: str
    partitions: int
    events: int
    directory: str
    name: str
    options: dict[str, int | float | str] = {}


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured.

    Attributes:
        seconds: From the first record in hand to the last effect.
        cpu_s: Processor time of the process in that span.
        figures: Whatever else this contender can say.
    """

    events: int
    seconds: float
    cpu_s: float
    figures: dict[str, float] = {}

    @property
    def per_second(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Processor time per event, in µs."""
        return self.cpu_s / self.events * 1e6

    def with_figures(self, **figures: float) -> "Result":
        """The same, which can say this too."""
        return msgspec.structs.replace(self, figures={**self.figures, **figures})


@dataclass(slots=True)
class Stopwatch:
    """Runs from `start`, of which only the first counts."""

    _started: float | None = field(default=None)
    _cpu: float = 0.0

    def start(self) -> None:
        if self._started is None:
            self._started, self._cpu = time.perf_counter(), time.process_time()

    @property
    def started(self) -> bool:
        return self._started is not None

    def result(self, events: int, **figures: float) -> Result:
        """The span until now."""
        if self._started is None:
            raise RuntimeError("nothing was delivered")
        return Result(
            events=events,
            seconds=time.perf_counter() - self._started,
            cpu_s=time.process_time() - self._cpu,
            figures=figures,
        )


_MARK: Final = "result: "
READY: Final = "ready"
"""Said by a contender that goes on until it is told to end."""


def asked() -> Task:
    """The task on the command line."""
    return msgspec.json.decode(sys.argv[1], type=Task)


def answer(result: Result) -> None:
    """Say it; frameworks print what they like before."""
    sys.stdout.write(f"{_MARK}{msgspec.json.encode(result).decode()}\n")
    sys.stdout.flush()


def answered(output: str) -> Result | None:
    """The result in what a contender printed."""
    for line in reversed(output.splitlines()):
        if line.startswith(_MARK):
            return msgspec.json.decode(line.removeprefix(_MARK), type=Result)
    return None
