"""`strata bench`, once its options are known."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.ground import standing
from benchmarks.load import Load
from benchmarks.measures import MEASURES
from benchmarks.report import Machine, Report, row
from benchmarks.running import ContenderFailed
from benchmarks.spread import Figure

__all__ = ["measured"]

_PARTITIONS = 4


def measured(
    names: Sequence[str],
    load: Load,
    *,
    repeats: int,
    say: Callable[[str], None],
    begun: Callable[[int], None] = lambda _: None,
) -> Report:
    """Measure by name, on a stack of its own in a temporary directory.

    A contender that fails costs its own figures only.

    Args:
        begun: Told before each measure, and in the end, how many are done.
    """
    figures: list[Figure] = []
    failures: dict[str, str] = {}
    machine = Machine.here()
    with tempfile.TemporaryDirectory(prefix="strata-bench-") as directory:
        say("starting Kafka and Redis")
        with standing(Path(directory), partitions=_PARTITIONS) as ground:
            bench = Bench(ground, load, repeats, say)
            for done, name in enumerate(names):
                begun(done)
                say(f"measuring {name}: {MEASURES[name].what}")
                try:
                    figure = MEASURES[name].figure(name, bench)
                except ContenderFailed as failed:
                    failures[name] = str(failed).strip().splitlines()[-1]
                else:
                    figures.append(figure)
                    # So that an hour's work is not lost to whatever comes next.
                    say(row(figure))
            begun(len(names))
    return Report(
        machine=machine,
        events=load.events,
        users=load.users,
        figures=figures,
        failures=failures,
    )
