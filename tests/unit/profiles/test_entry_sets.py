"""Sets of entries join like sets, whatever the order, and keep the latest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiles.entries import (
    EMPTY,
    ENTRY,
    SUPERSEDES,
    Entries,
    after,
    contains,
    decode_entries,
    encode_entries,
    entry,
    join,
    live_mask,
)

Row = tuple[int, int, int, float, int, int]

LAST_MS = 253_402_300_799_999
rows_of_few = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 2, LAST_MS]),
        st.sampled_from([0, 1, 2**32 - 1]),
        st.sampled_from([0, 1, 2**64 - 1]),
        st.sampled_from([-5.0, -1.0, 0.0, 1.0, 5.0]),
        st.sampled_from([0, 2**16 - 1]),
        st.sampled_from([0, 1, 2, 3]),
    ),
    max_size=12,
)
keeps = st.integers(1, 8)


def made_of(rows: list[Row], keep: int = 1000) -> Entries:
    return join(EMPTY, np.array(rows, ENTRY), keep=keep)


@given(rows_of_few, rows_of_few, keeps)
def test_join_is_commutative(one: list[Row], other: list[Row], keep: int) -> None:
    a, b = made_of(one, keep), made_of(other, keep)
    assert encode_entries(join(a, b, keep=keep)) == encode_entries(join(b, a, keep=keep))


@given(rows_of_few, rows_of_few, rows_of_few, keeps)
def test_join_is_associative(one: list[Row], two: list[Row], three: list[Row], keep: int) -> None:
    a, b, c = made_of(one, keep), made_of(two, keep), made_of(three, keep)
    left = join(join(a, b, keep=keep), c, keep=keep)
    right = join(a, join(b, c, keep=keep), keep=keep)
    assert encode_entries(left) == encode_entries(right)


@given(rows_of_few, keeps)
def test_join_is_idempotent(rows: list[Row], keep: int) -> None:
    a = made_of(rows, keep)
    assert encode_entries(join(a, a, keep=keep)) == encode_entries(a)


@given(rows_of_few, rows_of_few, keeps)
def test_join_is_the_latest_of_the_union(one: list[Row], other: list[Row], keep: int) -> None:
    joined = join(made_of(one), np.array(other, ENTRY), keep=keep)
    assert joined.tolist() == sorted(set(one) | set(other))[-keep:]


@given(rows_of_few, rows_of_few)
def test_join_leaves_its_arguments_alone(one: list[Row], other: list[Row]) -> None:
    a, b = made_of(one), np.array(other, ENTRY)
    before = a.tobytes(), b.tobytes()
    join(a, b, keep=2)
    assert (a.tobytes(), b.tobytes()) == before


def test_a_set_over_the_limit_is_cut_even_when_nothing_is_added() -> None:
    a = made_of([(n, 0, 0, 1.0, 0, 0) for n in range(5)])
    assert join(a, EMPTY, keep=2)["time_ms"].tolist() == [3, 4]


@given(rows_of_few, rows_of_few)
def test_contains_is_membership(one: list[Row], asked: list[Row]) -> None:
    held = made_of(one)
    for row in asked + one:
        assert contains(held, np.array([row], ENTRY)) == (row in one)


@given(rows_of_few, st.sampled_from([-1, 0, 1, 2, LAST_MS]))
def test_after_leaves_strictly_later_entries(rows: list[Row], cutoff_ms: int) -> None:
    left = after(made_of(rows), cutoff_ms)
    assert left.tolist() == sorted(row for row in set(rows) if row[0] > cutoff_ms)


@given(rows_of_few)
def test_encoding_is_undone_by_decoding(rows: list[Row]) -> None:
    held = made_of(rows)
    assert decode_entries(encode_entries(held)).tolist() == held.tolist()


def test_an_entry_takes_27_bytes() -> None:
    assert ENTRY.itemsize == 27


def row(time_ms: int, item: int, *, supersedes: bool) -> Row:
    return entry(
        time_ms=time_ms,
        event=time_ms,
        item=item,
        weight=1.0,
        action=0,
        flags=SUPERSEDES if supersedes else 0,
    )


@pytest.mark.parametrize(
    ("rows", "live"),
    [
        ([], []),
        ([row(1, 7, supersedes=True)], [True]),
        ([row(1, 7, supersedes=True), row(2, 7, supersedes=True)], [False, True]),
        ([row(1, 7, supersedes=True), row(2, 8, supersedes=True)], [True, True]),
        ([row(1, 7, supersedes=True), row(2, 7, supersedes=False)], [True, True]),
        ([row(1, 7, supersedes=False), row(2, 7, supersedes=True)], [True, True]),
        (
            [
                row(1, 7, supersedes=True),
                row(2, 8, supersedes=True),
                row(3, 7, supersedes=True),
                row(4, 7, supersedes=False),
                row(5, 8, supersedes=True),
                row(6, 7, supersedes=True),
            ],
            [False, False, False, True, True, True],
        ),
    ],
)
def test_a_superseding_entry_replaces_earlier_ones_on_its_item(
    rows: list[Row], live: list[bool]
) -> None:
    assert live_mask(np.array(rows, ENTRY)).tolist() == live
