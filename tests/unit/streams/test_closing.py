"""Closing takes as long as it may, and no longer."""

import asyncio

import pytest

from streams.closing import closed_within


async def ends_at_once() -> None:
    return


async def never_ends() -> None:
    await asyncio.Event().wait()


async def trips_over_its_own_cancellation() -> None:
    inner = asyncio.ensure_future(never_ends())
    inner.cancel()
    await inner


def test_what_ends_in_time_is_closed() -> None:
    assert asyncio.run(closed_within(1.0, ends_at_once(), what="it"))


def test_what_does_not_end_is_left() -> None:
    assert not asyncio.run(closed_within(0.01, never_ends(), what="it"))


def test_a_library_that_cancels_itself_does_not_cancel_the_caller() -> None:
    assert not asyncio.run(closed_within(1.0, trips_over_its_own_cancellation(), what="it"))


def test_a_failure_in_time_is_the_callers() -> None:
    async def fails() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(closed_within(1.0, fails(), what="it"))


def test_whoever_is_cancelled_meanwhile_cancels_the_closing() -> None:
    async def scenario() -> bool:
        ended = asyncio.Event()

        async def closing() -> None:
            try:
                await never_ends()
            finally:
                ended.set()

        outer = asyncio.ensure_future(closed_within(60.0, closing(), what="it"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        outer.cancel()
        async with asyncio.timeout(5):
            await ended.wait()
        return outer.cancelled() or outer.done()

    assert asyncio.run(scenario())
