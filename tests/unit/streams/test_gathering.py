"""Which batches of updates wait for each other, and for how long."""

from collections.abc import Iterator

import pytest

from streams.batches import RecordBatch
from streams.gathering import MANY, Gathering
from streams.memory import MemoryRecord

TOPIC = "updates"


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gathering(clock: Clock) -> Gathering:
    return Gathering(interval_s=1.0, elapsed_s=clock)


def batch(start: int, size: int = 1, *, partition: int = 0, epoch: int = 1) -> RecordBatch:
    records = [
        MemoryRecord(offset=offset, timestamp=0, key=b"k", value=b"v", headers=())
        for offset in range(start, start + size)
    ]
    return RecordBatch(TOPIC, partition, epoch, records)


def offsets(ready: list[RecordBatch]) -> Iterator[tuple[int, int, list[int]]]:
    for one in ready:
        yield one.partition, one.epoch, [record.offset for record in one.records]


def due(gathering: Gathering) -> list[tuple[int, int, list[int]]]:
    return list(offsets(gathering.due()))


@pytest.mark.parametrize(("took_s", "rest_s"), [(0.05, 1.0), (0.3, 2.7), (20.0, 5.0)])
def test_little_rests_nine_times_as_long_as_counting_took_but_not_for_ever(
    gathering: Gathering, clock: Clock, took_s: float, rest_s: float
) -> None:
    gathering.add(batch(0))
    assert due(gathering) == [(0, 1, [0])]
    gathering.took(batch(0), took_s)
    # More comes twice in an interval.
    rested_s, came = clock.now_s + rest_s, 0
    while clock.now_s < rested_s - 0.5:
        came += 1
        gathering.add(batch(came))
        clock.now_s += 0.5
        if clock.now_s < rested_s:
            assert due(gathering) == []
    clock.now_s = rested_s + 0.01
    assert due(gathering) == [(0, 1, list(range(1, came + 1)))]


def test_little_does_not_rest_once_nothing_more_comes(gathering: Gathering, clock: Clock) -> None:
    gathering.add(batch(0))
    gathering.due()
    gathering.took(batch(0), 20.0)
    for start in (1, 2):
        clock.now_s += 0.9
        assert due(gathering) == []
        gathering.add(batch(start))
    clock.now_s += 0.9
    assert due(gathering) == []
    clock.now_s += 0.2
    assert due(gathering) == [(0, 1, [1, 2])]


def test_many_do_not_rest(gathering: Gathering) -> None:
    gathering.took(batch(0), 20.0)
    gathering.add(batch(1, MANY))
    assert len(due(gathering)) == 1


def test_what_is_left_after_many_waits_no_longer_than_usual(
    gathering: Gathering, clock: Clock
) -> None:
    gathering.add(batch(0, MANY))
    gathering.due()
    gathering.took(batch(0, MANY), 20.0)
    gathering.add(batch(MANY))
    assert due(gathering) == []
    clock.now_s += 1.0
    assert due(gathering) == [(0, 1, [MANY])]


def test_the_first_is_due_at_once_and_the_next_ones_together(
    gathering: Gathering, clock: Clock
) -> None:
    gathering.add(batch(0))
    assert due(gathering) == [(0, 1, [0])]
    for start in (1, 2, 4):
        gathering.add(batch(start, 2 if start == 2 else 1))
        assert due(gathering) == []
    clock.now_s += 1.0
    assert due(gathering) == [(0, 1, [1, 2, 3, 4])]
    assert due(gathering) == []


def test_partitions_do_not_wait_for_each_other(gathering: Gathering, clock: Clock) -> None:
    gathering.add(batch(0))
    gathering.due()
    clock.now_s += 0.6
    gathering.add(batch(0, partition=1))
    gathering.add(batch(1))
    assert due(gathering) == [(1, 1, [0])]
    clock.now_s += 0.4
    gathering.add(batch(1, partition=1))
    assert due(gathering) == [(0, 1, [1])]


def test_many_do_not_wait(gathering: Gathering) -> None:
    gathering.add(batch(0))
    gathering.due()
    gathering.add(batch(1, 1_023))
    assert due(gathering) == []
    gathering.add(batch(1_024))
    assert due(gathering) == [(0, 1, list(range(1, 1_025)))]


def test_what_was_read_before_a_rewind_is_left_out(gathering: Gathering, clock: Clock) -> None:
    gathering.add(batch(0))
    gathering.due()
    gathering.add(batch(1, 3))
    gathering.add(batch(1, epoch=2))
    gathering.add(batch(2, epoch=2))
    clock.now_s += 1.0
    assert due(gathering) == [(0, 2, [1, 2])]


def test_nothing_is_due_of_what_was_given_up(gathering: Gathering, clock: Clock) -> None:
    gathering.add(batch(0))
    gathering.due()
    gathering.add(batch(1))
    gathering.clear()
    clock.now_s += 1.0
    assert due(gathering) == []


def test_without_an_interval_nothing_waits(clock: Clock) -> None:
    gathering = Gathering(interval_s=0.0, elapsed_s=clock)
    for start in range(3):
        gathering.add(batch(start))
        assert due(gathering) == [(0, 1, [start])]
