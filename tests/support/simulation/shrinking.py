"""Making a failing schedule small, and telling of it."""

from simulation.running import Outcome, run
from simulation.schedule import Schedule, without

__all__ = ["shrunk", "told"]


def shrunk(schedule: Schedule, *, most: int = 400) -> Schedule:
    """A schedule with less in it that still fails, after at most so many tries.

    Greedy: as soon as something can be left out, the search goes on from there.
    """
    tries = 0
    found = True
    while found:
        found = False
        for smaller in without(schedule):
            tries += 1
            if tries > most:
                return schedule
            if run(smaller).lines:
                schedule, found = smaller, True
                break
    return schedule


def told(schedule: Schedule, outcome: Outcome) -> str:
    """The schedule, what happened, and what is wrong."""
    lines = [str(schedule), ""]
    lines += [f"  {published}" for published in schedule.records]
    lines += ["", *(f"{at_s:7.3f} {who:>3}  {what}" for at_s, who, what in outcome.trace)]
    lines += ["", *(outcome.lines or ["all is as it should be"])]
    return "\n".join(lines)
