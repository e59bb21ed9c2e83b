"""Named arrays as bytes: a MessagePack header, then the raw little-endian numbers.

Nothing in such bytes is executed when they are read.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

__all__ = ["Array", "BlobFormatError", "pack", "reading", "unpack"]

_MAGIC: Final = b"strata-arrays-1\n"
# NumPy reads far more as a type: lists, shapes and names, which it evaluates.
_TYPE: Final = re.compile(r"[<|][biuf][1248]")
_MOST_HEADER_BYTES: Final = 1 << 24

Array = npt.NDArray[np.generic]


class BlobFormatError(ValueError):
    """These bytes were not written by `pack`, or by a newer one."""


# What bytes of another form do to who takes them apart.
_OF_ANOTHER_FORM: Final = (
    msgspec.DecodeError,
    LookupError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Take bytes apart, whatever they are.

    Raises:
        BlobFormatError: they are not `what`.
    """
    try:
        yield
    except BlobFormatError:
        raise
    except _OF_ANOTHER_FORM as error:
        raise BlobFormatError(f"not {what}: {error!r}") from error


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
    with reading("an array blob of this format"):
        table = msgspec.msgpack.decode(encoded[start : start + size], type=_Table)
        arrays: dict[str, Array] = {}
        offset = start + size
        for name, code, shape in table.arrays:
            if not _TYPE.fullmatch(code) or any(length < 0 for length in shape):
                raise BlobFormatError(f"array {name!r} has no readable type")
            dtype = np.dtype(code)
            count = int(np.prod(shape, dtype=np.int64))
            arrays[name] = np.frombuffer(encoded, dtype, count, offset).reshape(shape)
            offset += count * dtype.itemsize
    if offset != len(encoded):
        raise BlobFormatError("an array blob of another length than it says")
    return table.header, arrays
