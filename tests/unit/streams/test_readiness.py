"""When a worker counts as ready."""

import asyncio
from collections.abc import Awaitable, Callable

from duties_world import duties_on
from streams_world import PARTITIONS, World

from schemas import topics
from streams.duties import Duties


def standing_still(begun: asyncio.Event) -> Callable[[], Awaitable[int]]:
    async def work(*_: object) -> int:
        begun.set()
        await asyncio.Event().wait()
        return 0

    return work


async def _maintained_until(duties: Duties, begun: asyncio.Event) -> None:
    places = frozenset((topics.INTERACTIONS, partition) for partition in range(PARTITIONS))
    await duties.assigned_now(places)
    maintaining = asyncio.create_task(duties.maintain())
    async with asyncio.timeout(10.0):
        await begun.wait()
    maintaining.cancel()
    await asyncio.wait([maintaining])


def test_a_worker_is_ready_while_it_sweeps() -> None:
    async def scenario() -> None:
        duties, sweeping = duties_on(await World.open()), asyncio.Event()
        duties.sweeper.sweep = standing_still(sweeping)  # type: ignore[method-assign, assignment]
        await _maintained_until(duties, sweeping)
        assert duties.ready.is_set()
        await duties.close()

    asyncio.run(scenario())


def test_but_not_before_its_counters_are_built() -> None:
    async def scenario() -> None:
        duties, building = duties_on(await World.open()), asyncio.Event()
        duties.statistics.ensure_built = standing_still(building)  # type: ignore[method-assign, assignment]
        await _maintained_until(duties, building)
        assert not duties.ready.is_set()
        await duties.close()

    asyncio.run(scenario())
