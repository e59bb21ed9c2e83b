"""Lives that can be taken back, and the comparison with a run in which they never were."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pytest
from observed import observed_state

from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.state import decode_state
from streams.learning import LearningOptions
from streams.worker import WorkerOptions
from write_side.ground import Ground, Opened
from write_side.observing import Observed
from write_side.publishing import Event, publish
from write_side.running import Running, options_of, running

__all__ = ["START_S", "assert_equal", "at_work", "described_items", "life", "named", "taken_in"]

ITEMS: Final = 40
START_S: Final = 1_600_000_000


def named(number: int) -> str:
    """An id that is found wherever its bytes are."""
    return f"person-{number:05d}-zq"


def life(user: str, chance: np.random.Generator, at_s: int) -> Iterator[Event]:
    """Some of everything, with texts that nobody else writes."""

    def said(kind: str, number: int, **more: object) -> dict[str, Any]:
        return {
            "event_id": f"{user}/{kind}/{at_s}/{number}",
            "type": kind,
            "occurred_at": START_S + at_s + number,
            "user_id": user,
            **more,
        }

    for number, item in enumerate(chance.choice(ITEMS, 4, replace=False).tolist()):
        yield said("interaction", number, item_id=f"item {item}", action="like")
    one, other = chance.choice(ITEMS, 2, replace=False).tolist()
    yield said(
        "preference",
        5,
        chosen={"item_id": f"item {one}"},
        rejected={"item_id": f"item {other}"},
    )
    yield said("attributes", 6, attributes={"town": f"town of {user}", "even": at_s % 2 == 0})
    yield said("document", 7, document_id=f"diary of {user} {at_s}", text=f"words by {user} only")


def described_items() -> list[Event]:
    """What the lives are about."""
    return [
        {
            "event_id": f"item {number}",
            "type": "item",
            "occurred_at": START_S,
            "item_id": f"item {number}",
            "text": f"thing number {number}",
        }
        for number in range(ITEMS)
    ]


@asynccontextmanager
async def at_work(
    ground: Ground,
    *,
    data_policy: DataPolicy = ANYTHING_GOES,
    options: WorkerOptions | None = None,
) -> AsyncIterator[tuple[Opened, Running]]:
    """A worker that does not learn: vectors then lie in the same space in every run."""
    options = replace(
        options or options_of(ground),
        learning=LearningOptions(least_users=1 << 30),
        data_policy=data_policy,
    )
    async with ground.opened() as opened, running(ground, opened, options=options) as work:
        yield opened, work


async def taken_in(ground: Ground, work: Running, events: Sequence[Event]) -> None:
    await publish(ground.bootstrap, events, partitions=ground.partitions)
    await work.until_quiet(learned=False)


def assert_equal(one: Observed, other: Observed) -> None:
    """Integers exact, vectors within 1e-5 of their norm, which is 1."""
    assert one.users.keys() == other.users.keys()
    for name, record in one.users.items():
        twin = other.users[name]
        assert observed_state(decode_state(record.state)) == observed_state(
            decode_state(twin.state)
        )
        assert np.linalg.norm(record.vector - twin.vector) <= 1e-5
        assert record.mass == pytest.approx(twin.mass, rel=1e-9)
        assert (record.waiting, record.persona) == (twin.waiting, twin.persona)
    assert one.counters == other.counters
    published = ("users", "directed", "events", "attributes", "popular", "trends", "mean")
    for scope, snapshot in one.snapshots.items():
        again = other.snapshots[scope]
        assert snapshot is not None
        assert again is not None
        for field in published:
            assert getattr(snapshot, field) == getattr(again, field), (scope, field)
