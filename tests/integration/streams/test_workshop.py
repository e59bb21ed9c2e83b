"""The child process in which models are learned: the same results, and it never outlives us."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from nextitem_world import SMALL, known_item, population, states_of

from profiles.state import encode_state
from streams.learners import Delta, Encoded, Fitted, LearnerSpec
from streams.workshop import ChildDied, ChildWorkshop, InlineWorkshop, Workshop

pytestmark = pytest.mark.anyio

SPEC = LearnerSpec(next_item=SMALL)
EVERYTHING = Delta(
    items=[known_item(number) for number in range(20)],
    users=[(key, encode_state(state)) for key, state in states_of(population()).items()],
)


@asynccontextmanager
async def child() -> AsyncIterator[ChildWorkshop]:
    workshop = ChildWorkshop(SPEC)
    try:
        yield workshop
    finally:
        await workshop.close()


async def learned(workshop: Workshop) -> tuple[Fitted, Encoded]:
    await workshop.take("t", EVERYTHING)
    return await workshop.refit("t"), await workshop.encoded("t")


async def test_a_child_learns_what_would_be_learned_here() -> None:
    here, published_here = await learned(InlineWorkshop(SPEC))
    async with child() as workshop:
        there, published_there = await learned(workshop)
    assert published_there == published_here
    assert there.users == here.users
    np.testing.assert_array_equal(there.nearest, here.nearest)
    np.testing.assert_array_equal(there.centroids, here.centroids)
    assert there.advantages == here.advantages


async def test_the_event_loop_goes_on_meanwhile() -> None:
    async with child() as workshop:
        await workshop.take("t", EVERYTHING)
        refit = asyncio.create_task(workshop.refit("t"))
        longest_s, turns = 0.0, 0
        loop = asyncio.get_running_loop()
        while not refit.done():
            began_s = loop.time()
            await asyncio.sleep(0.005)
            longest_s = max(longest_s, loop.time() - began_s)
            turns += 1
        await refit
    assert turns > 3
    # A machine that is busy with other things may keep anybody waiting, but not for a refit.
    assert longest_s < 0.25


async def test_a_child_that_dies_is_said_to_be_dead_and_replaced() -> None:
    async with child() as workshop:
        await workshop.take("t", EVERYTHING)
        assert workshop.pid is not None
        os.kill(workshop.pid, signal.SIGKILL)
        with pytest.raises(ChildDied):
            await workshop.take("t", EVERYTHING)
        _, published = await learned(workshop)
        assert published.next_item


async def test_closing_ends_the_child_in_the_middle_of_a_refit() -> None:
    async with child() as workshop:
        await workshop.take("t", EVERYTHING)
        assert workshop.pid is not None
        process = psutil.Process(workshop.pid)
        assert process.nice() == os.nice(0) + 10
        refit = asyncio.create_task(workshop.refit("t"))
        await asyncio.sleep(0.05)
        await workshop.close()
        assert not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        with pytest.raises((ChildDied, asyncio.CancelledError)):
            await refit


def test_a_child_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        textwrap.dedent(
            """
            import asyncio
            from streams.learners import Delta, LearnerSpec
            from streams.workshop import ChildWorkshop

            async def main():
                workshop = ChildWorkshop(LearnerSpec())
                await workshop.take("t", Delta())
                print(workshop.pid, flush=True)
                await asyncio.sleep(600)

            if __name__ == "__main__":
                asyncio.run(main())
            """
        )
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen(
        [sys.executable, str(program)], stdout=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert parent.stdout is not None
        lines = (line for line in parent.stdout if line.strip().isdigit())
        learner = psutil.Process(int(next(lines)))
        assert learner.is_running()
        parent.send_signal(signal.SIGKILL)
        deadline_s = time.monotonic() + 10.0
        while learner.is_running() and learner.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
    finally:
        parent.kill()
        parent.communicate()
