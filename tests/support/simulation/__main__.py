"""Run schedules: `python -m simulation --from 0 --schedules 10000`, or one: `--seed 42`.

Needs `tests/support` and the repository's root on PYTHONPATH.
"""

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from simulation import draw, run
from simulation.shrinking import shrunk, told

_BATCH = 50
_TOLD = 1_000


def _failing(first: int) -> list[int]:
    return [seed for seed in range(first, first + _BATCH) if run(draw(seed)).lines]


def main() -> int:
    parser = argparse.ArgumentParser(prog="simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this one and print all that happened")
    parser.add_argument("--from", type=int, default=0, dest="first", help="first seed")
    parser.add_argument("--schedules", type=int, default=10_000, help="how many, in fifties")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    asked = parser.parse_args()
    if asked.seed is not None:
        schedule = draw(asked.seed)
        print(told(schedule, run(schedule, telling=True)))  # noqa: T201 - this is its purpose
        return 0
    began_s = time.monotonic()
    failing: list[int] = []
    ran = 0
    with ProcessPoolExecutor(asked.workers) as pool:
        for found in pool.map(_failing, range(asked.first, asked.first + asked.schedules, _BATCH)):
            ran += _BATCH
            failing += found
            if ran % _TOLD == 0:
                print(f"{ran} schedules, {len(failing)} failed", flush=True)  # noqa: T201
    per_minute = 60 * ran / (time.monotonic() - began_s)
    print(f"{ran} schedules, {per_minute:.0f} a minute, {len(failing)} failed")  # noqa: T201
    for seed in failing[:3]:
        smaller = shrunk(draw(seed))
        print(told(smaller, run(smaller, telling=True)))  # noqa: T201
    if failing:
        print(f"failing seeds: {failing}")  # noqa: T201
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())
