"""`python -m chaos.soak --minutes 30`: does a worker's memory grow while it works?

Events of ever the same few users and items at a steady rate: their sets are full after the first
10 000 or so, and what is kept grows no more. The worker runs in a process of its own, and the
resident memory of that process is sampled. The first third is for caches to fill; growth is what
the last tenth takes more than the tenth after that, in medians.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Final

import psutil
from write_side.ground import Ground, fresh_topics
from write_side.processes import WorkerProcess
from write_side.publishing import Event, publish

from chaos.parts import Parts, opened_parts

__all__ = ["growth"]

_MOST: Final = 0.05
_USERS: Final = 20
_ITEMS: Final = 100
_SAMPLES: Final = 300


def growth(resident_bytes: list[int]) -> float:
    """By which share the end is larger than what comes after the first third."""
    tenth = max(1, len(resident_bytes) // 10)
    settled = len(resident_bytes) // 3
    before = statistics.median(resident_bytes[settled : settled + tenth])
    return statistics.median(resident_bytes[-tenth:]) / before - 1.0


async def soak(parts: Parts, directory: Path, *, minutes: float, rate: int) -> list[int]:
    """Resident bytes of the worker, sampled at equal distances."""
    ground = Ground.new(
        bootstrap=parts.bootstrap,
        redis_url=parts.redis_url,
        qdrant_url=f"edge://{directory}/qdrant",
        directory=str(directory),
    )
    await fresh_topics(ground.bootstrap, partitions=ground.partitions)
    worker = WorkerProcess.start(ground, until_told=True)
    try:
        await worker.until_ready()
        process = psutil.Process(worker.process.pid)
        await publish(ground.bootstrap, map(_item, range(_ITEMS)), partitions=ground.partitions)
        pause_s = 60.0 * minutes / _SAMPLES
        found: list[int] = []
        ordinals = count()
        for _ in range(_SAMPLES):
            began_s = time.monotonic()
            events = [_event(next(ordinals)) for _ in range(int(rate * pause_s))]
            await publish(ground.bootstrap, events, partitions=ground.partitions)
            await asyncio.sleep(max(0.0, pause_s - (time.monotonic() - began_s)))
            found.append(process.memory_info().rss)
        if await worker.stop() != 0:
            raise RuntimeError("the worker ended with an error")
        return found
    finally:
        worker.kill()


def _item(number: int) -> Event:
    return {
        "event_id": f"item-{number}",
        "type": "item",
        "occurred_at": 1_690_000_000,
        "item_id": f"book-{number}",
        "text": ("sea storm sail" if number % 2 else "ghost castle night") + f" {number}",
    }


def _event(ordinal: int) -> Event:
    reader = ordinal % _USERS
    return {
        "event_id": f"e{ordinal}",
        "type": "interaction",
        "occurred_at": 1_690_000_000 + ordinal,
        "user_id": f"reader-{reader}",
        "item_id": f"book-{(ordinal * 7 + reader % 2) % _ITEMS}",
        "action": ("view", "like", "buy", "dislike")[ordinal // _USERS % 4],
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--rate", type=int, default=200, help="events per second")
    asked = parser.parse_args()
    said = os.fdopen(os.dup(1), "w", buffering=1)
    with tempfile.TemporaryDirectory(prefix="strata-soak-") as path:
        with (Path(path) / "worker.log").open("wb") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        with opened_parts(Path(path) / "parts") as parts:
            found = asyncio.run(
                soak(parts, Path(path) / "soak", minutes=asked.minutes, rate=asked.rate)
            )
    grown = growth(found)
    first, last = found[len(found) // 3] / 2**20, found[-1] / 2**20
    print(
        f"{asked.minutes:g} min at {asked.rate} events/s: resident {first:.0f} MiB after a third, "
        f"{last:.0f} MiB at the end, growth {grown:.1%}",
        file=said,
    )
    return 0 if grown < _MOST else 1


if __name__ == "__main__":
    sys.exit(main())
