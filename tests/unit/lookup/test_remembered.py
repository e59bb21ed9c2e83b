"""What is remembered of a store, for how long, and when it fails."""

import asyncio
from collections.abc import Sequence

import pytest
from lookup_world import Clock

from lookup.remembered import Reading, Remembered, Unchanged
from profiles.ports import StoreUnavailable

pytestmark = pytest.mark.anyio


class Shelf:
    """A store of numbered editions that can fail or be slow."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.down = False
        self.gate: asyncio.Event | None = None

    async def load(self, keys: Sequence[str]) -> list[str | None]:
        self.asked.append(list(keys))
        edition = len(self.asked)
        if self.gate is not None:
            await self.gate.wait()
        if self.down:
            raise StoreUnavailable("down")
        return [None if key == "absent" else f"{key}{edition}" for key in keys]


def remembering(shelf: Shelf, clock: Clock, *, most: int = 10) -> Remembered[str, str]:
    return Remembered(shelf.load, age_s=2.0, most=most, clock=clock)


async def test_a_value_is_asked_for_once_until_it_is_old() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = remembering(shelf, clock)
    assert await remembered.read(["a", "absent", "a"]) == {
        "a": Reading("a1"),
        "absent": Reading(None),
    }
    clock.now_s = 1.9
    assert await remembered.read(["a", "absent"]) == {"a": Reading("a1"), "absent": Reading(None)}
    clock.now_s = 2.0
    assert await remembered.read(["a", "b"]) == {"a": Reading("a2"), "b": Reading("b2")}
    assert shelf.asked == [["a", "absent"], ["a", "b"]]


async def test_an_older_value_is_served_on_while_the_store_fails() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = remembering(shelf, clock)
    await remembered.read(["a"])
    shelf.down, clock.now_s = True, 5.0
    assert await remembered.read(["a", "b"]) == {
        "a": Reading("a1", "down"),
        "b": Reading(None, "down"),
    }
    await remembered.read(["a"])
    assert len(shelf.asked) == 2
    shelf.down, clock.now_s = False, 8.0
    assert await remembered.read(["a"]) == {"a": Reading("a3")}


async def test_many_readers_of_an_old_value_ask_the_store_once() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = remembering(shelf, clock)
    await remembered.read(["a"])
    shelf.gate, clock.now_s = asyncio.Event(), 5.0
    first = asyncio.create_task(remembered.read(["a"]))
    await asyncio.sleep(0)
    assert await remembered.read(["a"]) == {"a": Reading("a1")}
    shelf.gate.set()
    assert await first == {"a": Reading("a2")}
    assert len(shelf.asked) == 2


async def test_the_least_recently_read_leaves_first() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = remembering(shelf, clock, most=2)
    await remembered.read(["a", "b"])
    await remembered.read(["a"])
    assert await remembered.read(["c", "d", "e"]) == {
        "c": Reading("c2"),
        "d": Reading("d2"),
        "e": Reading("e2"),
    }
    await remembered.read(["e"])
    await remembered.read(["a"])
    assert shelf.asked == [["a", "b"], ["c", "d", "e"], ["a"]]


async def test_a_caller_may_be_content_with_what_is_older() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = remembering(shelf, clock)
    await remembered.read(["a", "absent"])
    clock.now_s = 5.0

    def lasts_s(reading: Reading[str]) -> float:
        return 2.0 if reading.value is None else 10.0

    assert (await remembered.read(["a", "absent", "a"], lasts_s=lasts_s))["a"] == Reading("a1")
    assert shelf.asked == [["a", "absent"], ["absent"]]


def test_equal_bytes_are_the_same_object_while_they_are_held() -> None:
    unchanged = Unchanged[str, list[bytes]](lambda body: [body], most=2)
    first = unchanged.of("a", b"1")
    assert unchanged.of("a", b"1") is first
    second = unchanged.of("a", b"2")
    assert (first, second) == ([b"1"], [b"2"])
    unchanged.of("b", b"1")
    unchanged.of("c", b"1")
    assert unchanged.of("a", b"2") is not second


async def test_what_is_nearly_old_and_was_read_last_is_asked_for_besides() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = Remembered[str, str](shelf.load, age_s=10.0, most=10, clock=clock, ahead=2)
    await remembered.read(["a", "b", "c", "d"])
    clock.now_s = 5.0
    await remembered.read(["young"])
    clock.now_s = 9.0
    # Read last, and so likely to be read again.
    await remembered.read(["b", "c"])
    assert (await remembered.read(["new"])).keys() == {"new"}
    assert shelf.asked == [["a", "b", "c", "d"], ["young"], ["new", "c", "b"]]
    clock.now_s = 12.0
    assert await remembered.read(["b", "c"]) == {"b": Reading("b3"), "c": Reading("c3")}
    assert len(shelf.asked) == 3


async def test_nothing_is_asked_for_besides_for_who_takes_older_ones() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = Remembered[str, str](shelf.load, age_s=10.0, most=10, clock=clock, ahead=2)
    await remembered.read(["a", "b"])
    clock.now_s = 9.0
    await remembered.read(["new"], lasts_s=lambda _reading: 30.0)
    assert shelf.asked == [["a", "b"], ["new"]]


async def test_what_is_fresh_is_told_without_asking_and_nothing_else_is() -> None:
    shelf, clock = Shelf(), Clock()
    remembered = remembering(shelf, clock)
    await remembered.read(["a"])
    assert remembered.fresh(["a"]) == [Reading("a1")]
    assert remembered.fresh(["a", "b"]) is None
    clock.now_s = 2.0
    assert remembered.fresh(["a"]) is None
    assert shelf.asked == [["a"]]
