"""Named arrays as bytes: a MessagePack header, then the raw little-endian numbers.

Nothing in such bytes is executed when they are read.
"""

from collections.abc import Mapping
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Array", "BlobFormatError", "pack", "unpack"]

_MAGIC: Final = b"strata-arrays-1\n"
_KINDS: Final = frozenset("biuf")
_MOST_HEADER_BYTES: Final = 1 << 24

Array = npt.NDArray[np.generic]


class BlobFormatError(ValueError):
    """These bytes were not written by `pack`, or by a newer one."""


class _Table(msgspec.Struct, frozen=True, array_like=True):
    header: bytes
    arrays: list[tuple[str, str, tuple[int, ...]]]


def pack(header: bytes, arrays: Mapping[str, Array]) -> bytes:
    """Equal arguments give equal bytes."""
    rows = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    rows = {name: row.astype(row.dtype.newbyteorder("<")) for name, row in rows.items()}
    table = msgspec.msgpack.encode(
        _Table(header, [(name, row.dtype.str, row.shape) for name, row in rows.items()])
    )
    return b"".join(
        (_MAGIC, len(table).to_bytes(8, "little"), table, *(row.tobytes() for row in rows.values()))
    )


def unpack(encoded: bytes) -> tuple[bytes, dict[str, Array]]:
    """Header and read-only arrays that share memory with `encoded`.

    Raises:
        BlobFormatError: not such bytes.
    """
    start = len(_MAGIC) + 8
    size = int.from_bytes(encoded[len(_MAGIC) : start], "little")
    if encoded[: len(_MAGIC)] != _MAGIC or size > _MOST_HEADER_BYTES:
        raise BlobFormatError("not an array blob of this format")
    try:
        table = msgspec.msgpack.decode(encoded[start : start + size], type=_Table)
        arrays: dict[str, Array] = {}
        offset = start + size
        for name, code, shape in table.arrays:
            dtype = np.dtype(code)
            if dtype.kind not in _KINDS or any(length < 0 for length in shape):
                raise BlobFormatError(f"array {name!r} has no readable type")
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(encoded, dtype, count, offset).reshape(shape)
            offset += count * dtype.itemsize
    except (msgspec.DecodeError, msgspec.ValidationError, TypeError, ValueError) as error:
        raise BlobFormatError(f"not an array blob of this format: {error}") from error
    if offset != len(encoded):
        raise BlobFormatError("an array blob of another length than it says")
    return table.header, arrays
