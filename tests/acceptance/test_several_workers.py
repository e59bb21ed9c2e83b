"""Workers that share a Qdrant server: one dies, one is frozen, and the other takes over."""

import signal
from collections.abc import Sequence
from typing import Final

import pytest
from oracle import compare, first_ten
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import Observed, observe
from write_side.processes import Fate, WorkerProcess, until_members
from write_side.publishing import Event, publish
from write_side.quiet import until_quiet
from write_side.stories import village

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

SESSION_S: Final = 6.0


def worker(ground: Ground, fate: Fate | None = None) -> WorkerProcess:
    return WorkerProcess.start(ground, fate=fate, until_told=True, session_timeout_s=SESSION_S)


async def seen_when_quiet(ground: Ground) -> Observed:
    async with ground.opened() as opened:
        await until_quiet(ground, opened, timeout_s=150)
        return await observe(ground, opened)


def assert_equals(observed: Observed, events: Sequence[Event], ground: Ground) -> None:
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
    assert verdict.compared["assignments"] > 0


async def test_another_worker_takes_over_from_one_that_is_killed(shared_ground: Ground) -> None:
    ground, story = shared_ground, village(events_per_reader=20)
    half = len(story.events) // 2
    one, other = worker(ground), worker(ground)
    try:
        await until_members(ground, 2)
        first = [*story.items[:8], *story.events[:half]]
        await publish(ground.bootstrap, first, partitions=ground.partitions)
        assert_equals(await seen_when_quiet(ground), first, ground)

        second = [*story.events[half:], *story.items[8:]]
        await publish(ground.bootstrap, second, partitions=ground.partitions)
        one.send(signal.SIGKILL)
        assert await one.ended() == -signal.SIGKILL
        await until_members(ground, 1)
        assert_equals(await seen_when_quiet(ground), [*first, *second], ground)
        assert await other.stop() == 0
    finally:
        one.kill()
        other.kill()


@pytest.mark.parametrize(
    "seam",
    ["folded", *(pytest.param(seam, marks=pytest.mark.slow) for seam in ("stored", "confirmed"))],
)
async def test_a_worker_that_stood_still_writes_nothing_and_ends(
    shared_ground: Ground, seam: str
) -> None:
    ground, story = shared_ground, village()
    events = [*story.items, *story.events]
    await publish(ground.bootstrap, events, partitions=ground.partitions)
    frozen = worker(ground, Fate(point=seam, occasion=2, signal=signal.SIGSTOP))
    try:
        await frozen.stopped_by_signal()
        other = worker(ground)
        try:
            # The broker gives the partitions away when the frozen one's session is over.
            before = await seen_when_quiet(ground)
            assert_equals(before, events, ground)
            frozen.send(signal.SIGCONT)
            assert await frozen.ended() != 0
            after = await seen_when_quiet(ground)
            assert_equals(after, events, ground)
            said = first_ten(compare(tokens_and_versions(before), tokens_and_versions(after)))
            assert not said, said
            assert await other.stop() == 0
        finally:
            other.kill()
    finally:
        frozen.kill()


def tokens_and_versions(observed: Observed) -> dict[object, object]:
    return {name: (user.token, user.version) for name, user in observed.users.items()}
