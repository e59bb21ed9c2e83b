"""Data waits for the consents that were published before it, and for nothing else."""

import asyncio

import pytest

from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, load_data_policy
from schemas import topics
from streams.batches import RecordBatch
from streams.consents_first import ConsentsFirst
from streams.memory import MemoryConsumer, MemoryLog

DATA = topics.INTERACTIONS
CONSENTS = topics.CONSENTS
ASKED = load_data_policy('[interactions]\nconsent = "opt-in"')


def batch(topic: str, first: int, *, records: int = 1, epoch: int = 1) -> RecordBatch:
    log = MemoryLog()
    for _ in range(first + records):
        log.append(b"u", b"{}", timestamp_ms=1_700_000_000_000)
    return RecordBatch(topic, 0, epoch, log.records[first:])


class Desk:
    """Args: end: Consents that were published."""

    def __init__(
        self, *, end: int = 0, committed: int | None = None, data: DataPolicy = ASKED
    ) -> None:
        self.now_s = 0.0
        self.consumer = MemoryConsumer()
        if committed is not None:
            self.consumer.committed[CONSENTS, 0] = committed
        self.first = ConsentsFirst(
            data_policy=data, consumer=lambda: self.consumer, elapsed_s=lambda: self.now_s
        )
        self.consented(end)

    def consented(self, more: int) -> None:
        for _ in range(more):
            log = self.consumer.log(CONSENTS, 0)
            log.append(b"u", b"{}", timestamp_ms=1_700_000_000_000)

    def waiting(self) -> list[int]:
        return [one.first_offset for one in self.first.overdue()]

    def handled(self, *batches: RecordBatch) -> list[tuple[str, int]]:
        async def all_of_them() -> list[tuple[str, int]]:
            return [
                (ready.topic, ready.first_offset)
                for one in batches
                for ready in await self.first.next(one)
            ]

        return asyncio.run(all_of_them())


def test_data_comes_after_the_consents_that_were_there_before_it_and_in_order() -> None:
    desk = Desk(end=5)
    assert desk.handled(batch(DATA, 0), batch(DATA, 1), batch(CONSENTS, 0, records=3)) == [
        (CONSENTS, 0)
    ]
    assert desk.handled(batch(CONSENTS, 3, records=2)) == [(CONSENTS, 3), (DATA, 0), (DATA, 1)]
    # Nothing is waited for any more.
    assert desk.handled(batch(DATA, 2)) == [(DATA, 2)]


def test_what_comes_later_does_not_overtake_what_waits() -> None:
    desk = Desk(end=2)
    assert desk.handled(batch(DATA, 0)) == []
    desk.consented(1)
    assert desk.handled(batch(DATA, 1), batch(CONSENTS, 0, records=2)) == [
        (CONSENTS, 0),
        (DATA, 0),
    ]
    assert desk.handled(batch(CONSENTS, 2)) == [(CONSENTS, 2), (DATA, 1)]


@pytest.mark.parametrize("topic", [topics.DOCUMENTS, topics.ERASURES])
def test_data_that_needs_no_consent_does_not_wait(topic: str) -> None:
    assert Desk(end=9).handled(batch(topic, 4)) == [(topic, 4)]
    assert Desk(end=9, data=ANYTHING_GOES).handled(batch(DATA, 4)) == [(DATA, 4)]


def test_consents_that_were_read_by_an_owner_before_are_not_waited_for() -> None:
    assert Desk(end=9, committed=9).handled(batch(DATA, 4)) == [(DATA, 4)]
    assert Desk(end=9, committed=8).handled(batch(DATA, 4)) == []


def test_what_waits_in_an_assignment_that_is_over_is_dropped() -> None:
    desk = Desk(end=1)
    assert desk.handled(batch(DATA, 0)) == []
    assert desk.handled(batch(CONSENTS, 0, epoch=2)) == [(CONSENTS, 0)]
    assert desk.waiting() == []


def test_nothing_waits_for_ever() -> None:
    desk = Desk(end=1)
    assert desk.handled(batch(DATA, 0), batch(DATA, 1)) == []
    assert desk.waiting() == []
    desk.now_s = 31.0
    assert desk.waiting() == [0, 1]
    assert desk.waiting() == []


def test_it_says_when_more_waits_than_should_be_held() -> None:
    desk = Desk(end=1)
    desk.handled(batch(DATA, 0, records=150_000))
    before = desk.first.is_full
    desk.handled(batch(DATA, 0, records=100_000))
    assert (before, desk.first.is_full) == (False, True)
    desk.first.clear()
    assert desk.waiting() == []
