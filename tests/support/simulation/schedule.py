"""What befalls a simulated world, drawn from a seed and readable as a list."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from simulation.events import Published, draw_events
from simulation.network import Storm

__all__ = [
    "AIMED_FROM",
    "IN_A_SWEEP",
    "LATE_FROM",
    "POWERLESS_FROM",
    "Act",
    "Schedule",
    "draw",
    "without",
]

T = TypeVar("T")

_LENGTH_S: Final = 3.0

AIMED_FROM: Final = 1_000_000
"""Schedules of these seeds and greater ones have deaths that are aimed at seams, too: some lie
between two calls that follow each other at once, where deaths at any moment hardly ever fall. And
some of their workers learn seconds late what was announced."""

POWERLESS_FROM: Final = 2_000_000
"""In schedules of these seeds and greater ones the machine of workers and stores loses power."""

LATE_FROM: Final = 3_000_000
"""In schedules of these seeds and greater ones, which lose power too, workers begin to count late,
as those who build a version do."""

IN_A_SWEEP: Final = " in a sweep"
"""After a seam's name: only there."""

_SEAMS: Final = ("folded", "stored", "confirmed", "cached", "emitted", "committed")


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """One thing done to the world.

    Attributes:
        what: "publish", "start", "kill", "aim", "freeze", "stop", "rebalance", "empty redis",
            "copy redis", "redis goes back" (to the copy), "power fails" (and Redis goes back),
            "aim power".
        who: Which of the workers that are there then, modulo their number.
        length: Seconds frozen, or records published.
        point: The seam that a worker aimed at dies at, or power fails at, when it next comes there.
    """

    at_s: float
    what: str
    who: int = 0
    length: float = 0.0
    point: str = ""

    def __str__(self) -> str:
        match self.what:
            case "publish":
                return f"{self.at_s:6.3f} s  publish {self.length:g} records"
            case "freeze":
                return f"{self.at_s:6.3f} s  freeze worker #{self.who} for {self.length:.2f} s"
            case "aim":
                return f"{self.at_s:6.3f} s  worker #{self.who} is to die: {self.point}"
            case "aim power":
                return f"{self.at_s:6.3f} s  power is to fail at worker #{self.who}: {self.point}"
            case "kill" | "stop":
                return f"{self.at_s:6.3f} s  {self.what} worker #{self.who}"
            case _:
                return f"{self.at_s:6.3f} s  {self.what}"


@dataclass(frozen=True, slots=True)
class Schedule:
    """Everything about a run but the code: equal schedules give equal runs.

    Attributes:
        learns: Whether the leader learns item spaces and personas.
    """

    seed: int
    learns: bool
    records: tuple[Published, ...]
    acts: tuple[Act, ...]
    storms: tuple[Storm, ...]

    @property
    def lags_s(self) -> tuple[float, ...]:
        """Each worker follows the announcements by one of these."""
        usual = (0.1, 0.3, 1.5)
        return usual if self.seed < AIMED_FROM else (*usual, 5.0)

    @property
    def counts_late(self) -> bool:
        return self.seed >= LATE_FROM

    @property
    def powerless(self) -> bool:
        """Whether power fails in it, so that it matters what is on the disk."""
        return any(act.what in ("power fails", "aim power") for act in self.acts)

    def __str__(self) -> str:
        lines = [f"seed {self.seed}, {len(self.records)} records{', learning' * self.learns}"]
        lines += [str(act) for act in self.acts]
        lines += [
            f"{storm.start_s:6.3f} s  {storm.store} fails {storm.rate:.0%} of calls "
            f"for {storm.length_s:.2f} s"
            for storm in self.storms
        ]
        return "\n".join(lines)


def draw(seed: int) -> Schedule:
    """A schedule of about three seconds; after it the world is left in peace.

    Two known holes are left out (docs/reliability.md): an item that is described again
    while its owner stands still or Qdrant is slow, and a store of models that is emptied.
    """
    chance = random.Random(seed)  # noqa: S311 - a seeded choice, not a secret
    learns = chance.random() < 0.4
    acts = [Act(0.0, "start")]
    if chance.random() < 0.7:
        acts.append(Act(chance.random(), "start"))
    for _ in range(chance.randint(0, 4)):
        what = chance.choice(("kill", "kill", "freeze", "freeze", "stop", "rebalance"))
        length = chance.uniform(0.2, 2.5) if what == "freeze" else 0.0
        acts.append(Act(chance.uniform(0.2, _LENGTH_S), what, chance.randrange(3), length))
    if not learns and chance.random() < 0.3:
        acts.append(Act(chance.uniform(0.2, _LENGTH_S), "empty redis"))
    if not learns and chance.random() < 0.25:
        copied_s = chance.uniform(0.2, _LENGTH_S - 0.5)
        acts.append(Act(copied_s, "copy redis"))
        acts.append(Act(chance.uniform(copied_s, _LENGTH_S), "redis goes back"))
    storms = [
        Storm(
            chance.uniform(0.0, _LENGTH_S - 0.5),
            chance.uniform(0.2, 1.0),
            chance.choice(("qdrant", "redis")),
            chance.choice((0.1, 0.3, 1.0)),
        )
        for _ in range(chance.choice((0, 0, 1, 2)))
    ]
    late = any(act.what == "freeze" for act in acts) or any(
        storm.store == "qdrant" for storm in storms
    )
    records = draw_events(chance, number=chance.randint(6, 22), described_again=not late)
    acts += _publishing(chance, len(records))
    if seed >= AIMED_FROM:
        acts += _aimed(chance)
    if seed >= POWERLESS_FROM:
        acts += _powerless(chance, learns=learns)
    return Schedule(seed, learns, tuple(records), tuple(sorted(acts)), tuple(storms))


def _aimed(chance: random.Random) -> Iterator[Act]:
    for _ in range(chance.randint(1, 3)):
        point = chance.choice(_SEAMS) + chance.choice(("", IN_A_SWEEP))
        yield Act(chance.uniform(0.2, _LENGTH_S), "aim", chance.randrange(3), point=point)


def _powerless(chance: random.Random, *, learns: bool) -> Iterator[Act]:
    for _ in range(chance.randint(1, 2)):
        fails_s = chance.uniform(0.5, _LENGTH_S)
        if not learns:
            # Its file is synced once a second.
            yield Act(fails_s - chance.random(), "copy redis")
        if chance.random() < 0.5:
            yield Act(fails_s, "power fails")
        else:
            point = chance.choice(_SEAMS) + chance.choice(("", IN_A_SWEEP))
            yield Act(fails_s, "aim power", chance.randrange(3), point=point)


def _publishing(chance: random.Random, number: int) -> list[Act]:
    acts = []
    while number:
        some = min(number, chance.randint(1, 8))
        acts.append(Act(chance.uniform(0.0, _LENGTH_S), "publish", length=some))
        number -= some
    return acts


def without(schedule: Schedule) -> Iterator[Schedule]:
    """The schedule with one thing less, each thing in turn."""
    for place, act in enumerate(schedule.acts):
        if act.what != "publish" and place:
            yield replace(schedule, acts=_except(schedule.acts, place))
    for place in range(len(schedule.storms)):
        yield replace(schedule, storms=_except(schedule.storms, place))
    for place in range(len(schedule.records)):
        yield replace(schedule, records=_except(schedule.records, place))


def _except(items: Sequence[T], place: int) -> tuple[T, ...]:
    return (*items[:place], *items[place + 1 :])
