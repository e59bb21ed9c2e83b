"""Sets of evidence that only ever join.

A set is a sorted NumPy record array without repeats. `join` is the least upper
bound of a join-semilattice cut at the latest K: associative, commutative and
idempotent, so that late, shuffled, repeated and replayed events end in the same
set (state-based CRDT; Shapiro et al. 2011, "Conflict-free Replicated Data Types").
"""

import struct
from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt

__all__ = [
    "EMPTY",
    "ENTRY",
    "SUPERSEDES",
    "TEXT",
    "Entries",
    "after",
    "concatenated",
    "contains",
    "decode_entries",
    "encode_entries",
    "entry",
    "join",
    "live_mask",
    "normal",
    "packed_entry",
]

SUPERSEDES: Final = 1  # replaces the effect of earlier superseding entries on its item
TEXT: Final = 2  # `item` is the hash of a text, not of a catalogue item

# Field order is sort order: event time, then event-id hash, then the rest, which
# only decides between entries of one event.
ENTRY: Final = np.dtype(
    [
        ("time_ms", "<i8"),
        ("event", "<u4"),
        ("item", "<u8"),
        ("weight", "<f4"),
        ("action", "<u2"),
        ("flags", "u1"),
    ]
)

packed_entry: Final = struct.Struct("<qIQfHB").pack
"""Bytes of an `ENTRY` from its fields."""

_TINY: Final = float(np.finfo(np.float32).tiny)

Entries = npt.NDArray[np.void]

# Entries as bytes: two are equal just if their bytes are, as no weight is -0.0 or NaN.
_WHOLE: Final = np.dtype((np.void, ENTRY.itemsize))

EMPTY: Final[Entries] = np.empty(0, ENTRY)


def entry(
    *, time_ms: int, event: int, item: int, weight: float, action: int, flags: int = 0
) -> tuple[int, int, int, float, int, int]:
    """One entry as a row for `np.array(rows, ENTRY)`."""
    return time_ms, event, item, normal(weight), action, flags


def normal(weight: float) -> float:
    """The weight, or 0 for one that is too small for a normal float32.

    Rounded to the last bits, a tiny negative one would become -0.0, which equals 0.0 and has
    other bytes.
    """
    return 0.0 if -_TINY < weight < _TINY else weight


def _order(rows: Entries) -> npt.NDArray[np.intp]:
    return np.lexsort(
        (
            rows["flags"],
            rows["action"],
            rows["weight"],
            rows["item"],
            rows["event"],
            rows["time_ms"],
        )
    )


def join(a: Entries, b: Entries, *, keep: int) -> Entries:
    """Union of two sets, cut at the `keep` latest by (event time, event-id hash).

    Associative, commutative and idempotent for a constant `keep`. Neither
    argument is changed; `b` need not be sorted.

    Args:
        keep: ≥ 1.
    """
    if len(b) == 0 and len(a) <= keep:
        return a
    if len(b) == 1 and (len(a) == 0 or _is_later(b, a)):
        # By far the most frequent: one more event, at the end.
        return concatenated((a, b))[-keep:]
    both = concatenated((a, b))
    both = both[_order(both)]
    if len(both) > 1:
        whole = both.view(_WHOLE)
        fresh = np.empty(len(both), np.bool_)
        fresh[0] = True
        fresh[1:] = whole[1:] != whole[:-1]
        if not fresh.all():
            both = both[fresh]
    return both[-keep:]


def _is_later(one: Entries, rows: Entries) -> bool:
    """Whether the one-element array belongs behind all of `rows`, which are sorted."""
    newest, last = one[0], rows[-1]
    return (int(newest["time_ms"]), int(newest["event"])) > (
        int(last["time_ms"]),
        int(last["event"]),
    )


def concatenated(parts: Iterable[Entries]) -> Entries:
    """The parts one after the other, read-only.

    NumPy's own looks for a common type of the fields each time, which costs more than the rest.
    """
    return np.frombuffer(b"".join([part.tobytes() for part in parts]), ENTRY)


def contains(rows: Entries, row: Entries) -> bool:
    """Whether the set holds the one-element array `row`."""
    first = int(np.searchsorted(rows["time_ms"], row["time_ms"][0], side="left"))
    last = int(np.searchsorted(rows["time_ms"], row["time_ms"][0], side="right"))
    return bool((rows[first:last].view(_WHOLE) == row.view(_WHOLE)[0]).any())


def after(rows: Entries, cutoff_ms: int) -> Entries:
    """Entries strictly later than `cutoff_ms` (what `forget_before` leaves)."""
    first = int(np.searchsorted(rows["time_ms"], cutoff_ms, side="right"))
    return rows[first:] if first else rows


def live_mask(rows: Entries) -> npt.NDArray[np.bool_]:
    """Which entries have an effect: all but superseding ones with a later one on the same item."""
    live = np.ones(len(rows), np.bool_)
    superseding = np.flatnonzero(rows["flags"] & SUPERSEDES)
    if len(superseding) > 1:
        # Reversed, `unique` reports each item's last occurrence.
        backwards = superseding[::-1]
        _, last = np.unique(rows["item"][backwards], return_index=True)
        live[superseding] = False
        live[backwards[last]] = True
    return live


def encode_entries(rows: Entries) -> bytes:
    return rows.tobytes()


def decode_entries(encoded: bytes) -> Entries:
    """Read-only view of encoded entries.

    Raises:
        ValueError: the length is not a whole number of entries.
    """
    return np.frombuffer(encoded, ENTRY)
