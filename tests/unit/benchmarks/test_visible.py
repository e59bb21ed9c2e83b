"""What is published by the clock, and when an event counts as seen."""

import pytest

from benchmarks.load import Load
from benchmarks.visible import Watched, interleaved
from schemas.fast import Interaction, decode

LOAD = Load(users=100, items=20)


def test_events_are_due_at_even_distances_however_many_of_them_are_watched() -> None:
    events = list(interleaved(LOAD, rate=500.0, seconds=4.0))
    assert [one.due_s for one in events] == pytest.approx([number / 500 for number in range(2_000)])
    assert sum(one.watched is not None for one in events) == 4 * 50


def test_every_event_is_valid_of_its_own_id_and_under_its_users_key() -> None:
    events = list(interleaved(LOAD, rate=500.0, seconds=4.0))
    ids = set()
    for one in events:
        key, value = one.record
        event = decode(value, received_ms=2_000_000_000_000)
        assert isinstance(event, Interaction)
        assert event.user_id.encode() == key
        assert one.watched in (None, event.user_id)
        ids.add(event.event_id)
    assert len(ids) == len(events)


def test_at_a_low_rate_not_every_event_is_a_watched_one() -> None:
    events = list(interleaved(LOAD, rate=20.0, seconds=1.0))
    assert [one.watched is not None for one in events] == [True, False] * 10


def test_an_event_is_seen_when_as_many_are_counted_as_were_published() -> None:
    watched = Watched()
    watched.published("one", 1.0)
    watched.published("one", 2.0)
    watched.published("other", 2.5)
    assert watched.users() == ["one", "other"]

    watched.shown("one", 1, 3.0)
    assert watched.took_s == [(1.0, 2.0)]
    assert watched.users() == ["one", "other"]

    watched.shown("one", 1, 3.5)
    assert watched.took_s == [(1.0, 2.0)]

    watched.shown("one", 2, 4.0)
    assert watched.took_s == [(1.0, 2.0), (2.0, 2.0)]
    assert watched.users() == ["other"]


def test_events_that_are_shown_together_took_as_long_as_each_was_due_before() -> None:
    watched = Watched()
    for due_s in (1.0, 1.5, 2.0):
        watched.published("one", due_s)
    watched.shown("one", 3, 2.5)
    assert watched.took_s == [(1.0, 1.5), (1.5, 1.0), (2.0, 0.5)]
    watched.published("one", 3.0)
    watched.shown("one", 3, 3.5)
    assert watched.users() == ["one"]
