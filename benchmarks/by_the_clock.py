"""What a worker costs that is fed by the clock: `python -m benchmarks.by_the_clock --rate 1000`.

In a backlog, what a worker does per flush, per write and per round is spread over thousands of
events; at a thousand a second it is not. Events leave by the clock to a worker with all agents on,
and processor time is taken of each process, from the end of the warm-up to the last event.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.ground import Ground, standing
from benchmarks.load import Load
from benchmarks.visible import Seen, interleaved, watch
from benchmarks.workers import Group, working

__all__ = ["Spent", "main", "spent_by"]

_PARTITIONS: Final = 4
_DRAIN_S: Final = 300.0
_KEEPER: Final = "stores.edge_service"


@dataclass(frozen=True, slots=True)
class Spent:
    """What one steady phase took.

    Attributes:
        processor_s: By process.
        events: Published in it.
    """

    processor_s: Mapping[str, float]
    events: int
    seen: Seen

    def report(self) -> str:
        """A table in µs per event, and how long it took until events were visible."""
        rows = [
            f"{name:20}{seconds / self.events * 1e6:8.1f}"
            for name, seconds in self.processor_s.items()
        ]
        seen = (
            f"visible p50 {self.seen.p50_ms:.0f} ms, p99 {self.seen.p99_ms:.0f} ms; "
            f"the publisher was late by {self.seen.late_ms:.0f} ms at most"
        )
        return "\n".join(["µs of processor time per event", *rows, seen])


def spent_by(groups: Mapping[str, Callable[[], list[psutil.Process]]]) -> dict[str, float]:
    """Processor seconds of each group of processes that live now."""
    spent = dict.fromkeys(groups, 0.0)
    for name, processes in groups.items():
        for process in processes():
            try:
                used = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            spent[name] += float(used.user) + float(used.system)
    return spent


def measured(
    ground: Ground, load: Load, *, rate: float, warm_up_s: float, steady_s: float
) -> Spent:
    """Run a worker and publish at `rate`.

    Raises:
        ContenderFailed: the worker did not start, or did not come to show all events.
    """
    asyncio.run(ground.fill(items=load.item_events(), events=()))
    events = list(interleaved(load, rate=rate, seconds=warm_up_s + steady_s))
    with working(ground, workers=1) as group:
        group.wait_until_drained(_DRAIN_S)
        groups = _processes(group)

        async def both() -> tuple[Seen, dict[str, float]]:
            taking = asyncio.create_task(_taken(groups, warm_up_s, steady_s))
            seen = await watch(ground, group.name, events, warm_up_s=warm_up_s)
            return seen, await taking

        seen, spent = asyncio.run(both())
    return Spent(spent, round(rate * steady_s), seen)


async def _taken(
    groups: Mapping[str, Callable[[], list[psutil.Process]]], warm_up_s: float, steady_s: float
) -> dict[str, float]:
    await asyncio.sleep(warm_up_s)
    before = spent_by(groups)
    await asyncio.sleep(steady_s)
    return {name: spent - before[name] for name, spent in spent_by(groups).items()}


def _processes(group: Group) -> dict[str, Callable[[], list[psutil.Process]]]:
    (worker,) = [psutil.Process(pid) for pid in group.processes]
    children = psutil.Process().children(recursive=True)
    kafka = [one for one in children if "java" in one.name()]
    redis = [one for one in children if one.name().startswith(("redis", "valkey"))]

    def kept(wanted: bool) -> list[psutil.Process]:  # noqa: FBT001 - of two
        below = worker.children(recursive=True)
        return [one for one in below if (_KEEPER in one.cmdline()) is wanted]

    return {
        "worker": lambda: [worker],
        "keeper of segments": lambda: kept(True),
        "learning": lambda: kept(False),
        "Redis": lambda: redis,
        "Kafka": lambda: kafka,
    }


def main() -> None:
    """Parse, and measure over a stack of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--warm-up", type=float, default=15.0, metavar="SECONDS")
    parser.add_argument("--users", type=int, default=Load.users)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="strata-bench-") as directory,
        standing(Path(directory), partitions=_PARTITIONS) as ground,
    ):
        spent = measured(
            ground,
            Load(users=asked.users),
            rate=asked.rate,
            warm_up_s=asked.warm_up,
            steady_s=asked.seconds,
        )
    print(spent.report())


if __name__ == "__main__":
    main()
