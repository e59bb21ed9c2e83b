"""Where and how much is measured, and runs of contenders there."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.contenders.task import Result
from benchmarks.ground import Ground
from benchmarks.load import Load
from benchmarks.running import run
from benchmarks.visible import Seen

__all__ = ["PLAIN", "Bench", "Options", "Pairs"]

Options = Mapping[str, float | str]
Pairs = list[tuple[float, float | None]]
PLAIN: Final[Options] = {}


@dataclass(slots=True)
class Bench:
    """Where and how much is measured.

    Attributes:
        repeats: Pairs of runs of each comparison, one contender after the other.
        say: Told one line before each step.
        seen: What several rows are of, once it was measured; likewise `stored`.
    """

    ground: Ground
    load: Load
    repeats: int
    say: Callable[[str], None]
    seen: list[Seen] = field(default_factory=list)
    stored: list[tuple[Result, Result]] = field(default_factory=list)
    _filled: Load | None = None
    _reached: list[float] = field(default_factory=list)

    def rate(self, contender: str, load: Load | None = None, options: Options = PLAIN) -> float:
        """Events per second of one run, over topics that hold `load`."""
        return self.result(contender, load, options).per_second

    def over(self, partitions: int) -> "Bench":
        """The same, with another number of partitions; what is filled is filled anew."""
        return Bench(replace(self.ground, partitions=partitions), self.load, self.repeats, self.say)

    def result(self, contender: str, load: Load | None = None, options: Options = PLAIN) -> Result:
        """One run, over topics that hold `load`."""
        load = self.load if load is None else load
        if load != self._filled:
            self.say(f"publishing {load.events:,} events of {load.users:,} users")
            asyncio.run(self.ground.fill(items=load.item_events(), events=load.interactions()))
            self._filled = load
        else:
            asyncio.run(self.ground.renew())
        found = self.alone(contender, events=load.events, options={"items": load.items, **options})
        if contender == "whole_job" and load == self.load and not options:
            self._reached.append(found.per_second)
        return found

    def alone(
        self,
        contender: str,
        *,
        events: int,
        options: Options = PLAIN,
        interpreter: Path | None = None,
    ) -> Result:
        """One run, whatever the topics hold."""
        self.say(f"running {contender}")
        return run(
            contender, self.ground, events=events, options={**options}, interpreter=interpreter
        )

    def described(self, load: Load | None = None) -> None:
        """Topics that hold the load's items, and no events yet."""
        load = self.load if load is None else load
        asyncio.run(self.ground.fill(items=load.item_events(), events=()))
        self._filled = None

    def top_rate(self) -> float:
        """What the whole job reached in this run, in the middle; measured now if it was not yet."""
        if not self._reached:
            self.rate("whole_job")
        return median(self._reached)

    def pairs(self, ours: Callable[[], float], theirs: Callable[[], float]) -> Pairs:
        """One after the other, as often as asked: a slow hour is one for both."""
        return [(ours(), theirs()) for _ in range(self.repeats)]
