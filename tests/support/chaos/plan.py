"""What befalls workers and parts, drawn from a seed."""

import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Final, Literal

from write_side.processes import Fate

__all__ = ["AFTER_FETCH", "SEAMS", "SELDOM", "Step", "draw_steps"]

SEAMS: Final = {
    "after the fetch": ("fetched", "folded"),
    "after the Qdrant write": ("stored", "confirmed"),
    "after the Redis write": ("cached", "aggregates.apply"),
    "before the commit": ("emitted",),
    "after the commit": ("committed",),
    "taking over": ("control.take", "users.claim", "aggregates.begin_build"),
    "other agents": ("items.put", "personas.publish"),
}
"""Where workers are killed, by the words of the report."""

AFTER_FETCH: Final = "after the fetch"

_AT_ONCE: Final = ("control.take", "aggregates.begin_build", "personas.publish")
"""Reached soon after a start, or never for a while."""

SELDOM: Final = ("items.put", "aggregates.begin_build", "personas.publish")
"""Where many lives have nothing to do: no item is new, nothing is to be summed or learned."""

What = Literal["kill", "freeze", "kafka dies", "redis dies", "redis is emptied"]


@dataclass(frozen=True, slots=True)
class Step:
    """The life of one worker.

    Attributes:
        fate: How it ends, or when it stands still; None for a kill at any moment.
        seam: The words for where that is.
        lasts_s: How long a part is away, or a worker without a fate lives.
        expelled: The group is told of the death, instead of finding out after the session.
    """

    what: What
    seam: str
    fate: Fate | None
    lasts_s: float
    expelled: bool


def draw_steps(
    chance: random.Random, *, kills: int, disturbances: Sequence[What], wave: int
) -> list[Step]:
    """So many lives that end with SIGKILL, over all seams alike, and disturbances among them.

    Args:
        wave: Records published per step.
    """
    points = [(seam, point) for seam, points in SEAMS.items() for point in points]
    drawn = list(islice(cycle(points), kills - len(disturbances)))
    steps = [_killed(chance, seam, point, wave) for seam, point in drawn]
    steps += [_disturbed(chance, what, wave) for what in disturbances]
    chance.shuffle(steps)
    return steps


def _killed(chance: random.Random, seam: str, point: str, wave: int) -> Step:
    after = 0 if point in _AT_ONCE else int(wave * chance.uniform(0.05, 0.9))
    fate = Fate(point=point, after_records=after, occasion=chance.choice((1, 1, 2, 3)))
    if point in _AT_ONCE:
        fate = Fate(point=point)
    return Step("kill", seam, fate, 0.0, chance.random() < 0.5)


def _disturbed(chance: random.Random, what: What, wave: int) -> Step:
    if what != "freeze":
        return Step(what, "anywhere", None, chance.uniform(1.0, 4.0), chance.random() < 0.5)
    seam = chance.choice(("fetched", "folded", "stored", "confirmed", "emitted"))
    after = int(wave * chance.uniform(0.05, 0.5))
    fate = Fate(point=seam, after_records=after, signal=signal.SIGSTOP)
    return Step(what, "anywhere", fate, chance.uniform(1.0, 4.0), expelled=False)
