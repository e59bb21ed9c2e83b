"""Entries are unpacked as they were packed, whatever they are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.entries import EMPTY, ENTRY, Entries, join
from profiles.packing import packed, unpacked

DAY_MS = 86_400_000
rows_as_bytes = st.integers(1, 80).flatmap(
    lambda count: st.binary(min_size=27 * count, max_size=27 * count)
)


def history(count: int, *, spacing_ms: int = 3_600_000, kinds: int = 5) -> Entries:
    """Acts of one user as they usually are."""
    chance = np.random.default_rng(count)
    rows = np.zeros(count, ENTRY)
    rows["time_ms"] = 1_735_689_600_000 + spacing_ms * np.arange(count)
    rows["event"] = chance.integers(0, 2**32, count)
    rows["item"] = chance.integers(0, 2**63, count)
    rows["weight"] = 0.25 * (1 + np.arange(count) % kinds)
    rows["action"] = 1
    return join(EMPTY, rows, keep=count)


def is_undone(rows: Entries) -> bool:
    back = unpacked(packed(rows))
    return back.dtype == ENTRY and back.tobytes() == rows.tobytes()


@given(rows_as_bytes)
def test_whatever_bytes_rows_have_they_come_back(raw: bytes) -> None:
    assert is_undone(np.frombuffer(raw, ENTRY))


@given(
    st.integers(1, 600),
    st.sampled_from([0, 1, 20, DAY_MS, 400 * DAY_MS]),
    st.integers(1, 300),
)
def test_histories_come_back(count: int, spacing_ms: int, kinds: int) -> None:
    assert is_undone(history(count, spacing_ms=spacing_ms, kinds=kinds))


@pytest.mark.parametrize("ends", [(-(2**63), 2**63 - 1), (0, 253_402_300_799_999), (-1, 0)])
def test_times_come_back_from_one_end_to_the_other(ends: tuple[int, int]) -> None:
    rows = history(40)
    rows["time_ms"][[0, -1]] = ends
    assert is_undone(rows)


def test_what_is_read_back_cannot_be_changed() -> None:
    for count in (3, 100):
        with pytest.raises(ValueError, match="read-only"):
            unpacked(packed(history(count)))["weight"] = 0.0


def test_many_take_a_third_less() -> None:
    assert len(packed(history(100))) <= 100 * 18 + 60
    assert len(packed(history(10))) == 10 * 27 + 1


@given(st.data(), st.sampled_from([3, 40]))
def test_cut_short_or_made_longer_they_are_refused(data: st.DataObject, count: int) -> None:
    encoded = packed(history(count))
    cut = data.draw(st.integers(1, 26))
    for damaged in (encoded[:-cut], encoded + b"x" * cut, encoded[:cut]):
        with pytest.raises(ValueError, match=r"length|head|buffer size"):
            unpacked(damaged)


@given(st.data())
def test_damaged_bytes_are_rows_or_refused(data: st.DataObject) -> None:
    encoded = bytearray(packed(history(40)))
    for _ in range(data.draw(st.integers(1, 3))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    try:
        rows = unpacked(bytes(encoded))
    except ValueError:
        return
    assert is_undone(rows)


def test_an_entry_that_names_no_combination_is_refused() -> None:
    encoded = packed(history(40, kinds=2))
    with pytest.raises(ValueError, match="combination"):
        unpacked(encoded[:-1] + b"\x02")
