"""A worker killed between any two durable steps loses nothing and counts nothing twice."""

import signal
from collections.abc import Sequence

import pytest
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import observe
from write_side.processes import Fate, WorkerProcess, expel_the_dead
from write_side.publishing import Event, publish
from write_side.running import running
from write_side.stories import village

pytestmark = [pytest.mark.anyio, pytest.mark.stack]


def in_waves(count: int) -> list[list[Event]]:
    """Events of every reader in every wave, and of the items a part: the last come last."""
    story = village()
    waves: list[list[Event]] = [[] for _ in range(count)]
    for number, event in enumerate(story.events):
        waves[number * count // len(story.events)].append(event)
    for number, item in enumerate(story.items):
        waves[number % count].insert(0, item)
    return waves


async def killed_at(ground: Ground, fate: Fate) -> None:
    worker = WorkerProcess.start(ground, fate=fate)
    try:
        assert await worker.ended() == -signal.SIGKILL
    finally:
        worker.kill()
    # The broker would wait for the dead until the session timeout.
    await expel_the_dead(ground)


SEAMS = ("folded", "stored", "confirmed", "cached", "emitted", "committed")
CALLS = ("aggregates.begin_build", "users.claim", "control.take", "control.bookmark")
"""In this order: only counters that nobody has built yet are built without a reason."""

AGENTS = ("items.put", "aggregates.apply", "personas.publish")
"""Between what the item, statistics and persona agents store and what they commit or announce."""


def at(points: Sequence[str], occasion: int) -> list[Fate]:
    return [Fate(point=point, occasion=occasion) for point in points]


def named(fates: Sequence[Fate]) -> str:
    return "-".join(f"{fate.point}:{fate.occasion}" for fate in fates)


@pytest.mark.parametrize("seam", SEAMS)
async def test_a_crash_at_a_seam_changes_nothing(ground: Ground, seam: str) -> None:
    """Twice, and no later event comes to mend what a crash may have left behind."""
    story = village()
    events = [*story.items, *story.events]
    await publish(ground.bootstrap, events, partitions=ground.partitions)
    await killed_at(ground, Fate(point=seam))
    await killed_at(ground, Fate(point=seam, occasion=2))
    await assert_all_is_well(ground, events)


@pytest.mark.parametrize(
    "fates",
    [
        at(AGENTS, 1),
        pytest.param(at(AGENTS, 2), marks=pytest.mark.slow),
        pytest.param(at(CALLS, 1), marks=pytest.mark.slow),
        pytest.param(at(("control.take", "control.bookmark"), 2), marks=pytest.mark.slow),
        pytest.param(at(SEAMS, 2), marks=pytest.mark.slow),
        pytest.param(at(SEAMS, 4), marks=pytest.mark.slow),
    ],
    ids=named,
)
async def test_workers_killed_one_after_the_other_change_nothing(
    ground: Ground, fates: Sequence[Fate]
) -> None:
    """Events keep coming meanwhile."""
    waves = in_waves(len(fates) + 1)
    for wave, fate in zip(waves, fates, strict=False):
        await publish(ground.bootstrap, wave, partitions=ground.partitions)
        await killed_at(ground, fate)
    await publish(ground.bootstrap, waves[-1], partitions=ground.partitions)
    await assert_all_is_well(ground, [event for wave in waves for event in wave])


@pytest.mark.parametrize("seam", ["stored", pytest.param("cached", marks=pytest.mark.slow)])
async def test_a_sweep_cut_short_is_made_up_for(ground: Ground, seam: str) -> None:
    """No event is redelivered for what a sweep wrote."""
    story = village()
    await publish(ground.bootstrap, story.events, partitions=ground.partitions)
    async with ground.opened() as opened, running(ground, opened) as work:
        await work.until_quiet()
    await publish(ground.bootstrap, story.items, partitions=ground.partitions)
    await killed_at(ground, Fate(point=seam))
    await assert_all_is_well(ground, [*story.items, *story.events])


async def assert_all_is_well(ground: Ground, events: Sequence[Event]) -> None:
    async with ground.opened() as opened, running(ground, opened) as work:
        await work.until_quiet()
        observed = await observe(ground, opened)
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["assignments"] > 0
