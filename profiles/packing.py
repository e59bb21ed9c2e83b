"""Sets of entries as they are stored: many in columns, few as they are.

Of an entry's 27 bytes, item and event are hashes, and as good as random. Event times of one user
lie near each other, and of weight, action and flags there are few combinations. So of many
entries times are stored as what they are above the least, in as few bytes as the greatest of these
takes, and combinations once, with a byte for each entry that says which: some 18 bytes an entry.
Arrays of few entries cost more than they save.

Whatever is packed, sorted or not, is unpacked to the same bytes.
"""

import struct
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from profiles.entries import ENTRY, Entries, decode_entries, encode_entries

__all__ = ["packed", "unpacked"]

_FEW: Final = 32
_AS_THEY_ARE: Final = b"\0"
_HEAD: Final = struct.Struct("<BIQH")
"""Bytes of a time; entries; the least time, modulo 2^64; combinations."""
_WORD: Final = 8
"""Bytes of a number that is computed with."""
# Weight, action and flags are the last fields.
_COMBINATION_BYTES: Final = 7
_COMBINATION: Final = slice(ENTRY.itemsize - _COMBINATION_BYTES, ENTRY.itemsize)
_MOST_COMBINATIONS: Final = 256

Bytes = npt.NDArray[np.uint8]


def packed(rows: Entries) -> bytes:
    """The rows, of which there is at least one; equal rows give equal bytes."""
    if len(rows) < _FEW:
        return _AS_THEY_ARE + encode_entries(rows)
    combinations, which = np.unique(_combinations(rows), return_inverse=True)
    if len(combinations) > _MOST_COMBINATIONS:
        return _AS_THEY_ARE + encode_entries(rows)
    times = np.ascontiguousarray(rows["time_ms"])
    least = int(times.min()) % 2**64
    above = times.view("<u8") - np.uint64(least)
    width = max(1, (int(above.max()).bit_length() + 7) // 8)
    return b"".join(
        (
            _HEAD.pack(width, len(rows), least, len(combinations)),
            rows["item"].tobytes(),
            rows["event"].tobytes(),
            _as_bytes(above, _WORD)[:, :width].tobytes(),
            _as_bytes(combinations, _WORD)[:, :_COMBINATION_BYTES].tobytes(),
            which.astype(np.uint8).tobytes(),
        )
    )


def unpacked(encoded: bytes) -> Entries:
    """Inverse of `packed`; read-only.

    Raises:
        ValueError: the bytes are of no rows.
    """
    if encoded[:1] == _AS_THEY_ARE and len(encoded) > 1:
        return decode_entries(encoded[1:])
    if len(encoded) < _HEAD.size:
        raise ValueError("a set of entries is cut in its head")
    width, count, least, combinations = _HEAD.unpack_from(encoded)
    sizes = (8 * count, 4 * count, width * count, _COMBINATION_BYTES * combinations, count)
    if width > _WORD or _HEAD.size + sum(sizes) != len(encoded) or not count:
        raise ValueError("a set of entries has another length than its head says")
    ends = np.cumsum((_HEAD.size, *sizes)).tolist()
    item, event, above, table, which = (encoded[start:end] for start, end in pairwise(ends))
    chosen = np.frombuffer(which, np.uint8)
    if int(chosen.max()) >= combinations:
        raise ValueError("an entry names a combination that is not there")
    times = np.zeros((count, _WORD), np.uint8)
    times[:, :width] = np.frombuffer(above, np.uint8).reshape(count, width)
    rows = np.empty(count, ENTRY)
    _as_bytes(rows, ENTRY.itemsize)[:, _COMBINATION] = np.frombuffer(table, np.uint8).reshape(
        combinations, _COMBINATION_BYTES
    )[chosen]
    rows["time_ms"] = (times.view("<u8").ravel() + np.uint64(least)).view("<i8")
    rows["event"] = np.frombuffer(event, "<u4")
    rows["item"] = np.frombuffer(item, "<u8")
    rows.flags.writeable = False
    return rows


def _combinations(rows: Entries) -> npt.NDArray[np.uint64]:
    """Weight, action and flags of each row as one number, shape (n,)."""
    combinations = np.zeros((len(rows), _WORD), np.uint8)
    combinations[:, :_COMBINATION_BYTES] = _as_bytes(rows, ENTRY.itemsize)[:, _COMBINATION]
    return combinations.view("<u8").ravel()


def _as_bytes(array: npt.NDArray[np.generic], size: int) -> Bytes:
    """Shape (n, size), of things of that size."""
    return np.ascontiguousarray(array).view(np.uint8).reshape(len(array), size)
