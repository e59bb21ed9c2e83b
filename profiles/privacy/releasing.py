"""What may be told of one scope of a tenant: its counters, through `profiles.privacy.release`.

Cells are counts of people alone: users, users with a direction, users who like or dislike an item,
who stated a value, who did something. Whatever else is told, such as what is popular or rising, is
computed from what is told of cells and when, and so tells nothing more (post-processing).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from heapq import nsmallest
from typing import Final

import msgspec

from profiles.privacy.release import UNTOLD, Cell, told_anew

__all__ = [
    "NOTHING_TOLD",
    "RecordFormatError",
    "ReleaseRecord",
    "Released",
    "decode_record",
    "encode_record",
    "release",
]

Tables = Mapping[tuple[str, str], Mapping[bytes, int]]

_MOST_CELLS: Final = 2_000
_PEOPLE_OF: Final[Mapping[str, str]] = {
    "size": "size",
    "likers": "positive",
    "dislikers": "negative",
    "doers": "events",
    "attribute": "attribute",
}
"""Series that count people → the series in whose place they are told."""

_OF_ITEMS: Final[Mapping[str, bytes]] = {"likers": b"+", "dislikers": b"-"}
_SIZES: Final = frozenset({b"users", b"directed"})


class RecordFormatError(ValueError):
    """The bytes are no record of what was told."""


class ReleaseRecord(msgspec.Struct, frozen=True, array_like=True):
    """What was told of a scope.

    Attributes:
        k: Fewest people that anything is told of.
        cells: By the key of an item, with a sign, or an eight-byte digest of a name: no text is
            kept.
    """

    k: int
    cells: dict[bytes, Cell] = {}


NOTHING_TOLD: Final = ReleaseRecord(0)

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(ReleaseRecord)


def encode_record(record: ReleaseRecord) -> bytes:
    return _encoder.encode(record)


def decode_record(encoded: bytes) -> ReleaseRecord:
    """Inverse of `encode_record`; no bytes are the record of nothing.

    Raises:
        RecordFormatError: anything else.
    """
    if not encoded:
        return NOTHING_TOLD
    try:
        return _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecordFormatError(f"not a record of what was told: {error}") from error


@dataclass(frozen=True, slots=True)
class Released:
    """What is told of a scope now.

    Attributes:
        tables: (series, part) → name → number, in the places of the exact counters; what
            nothing is told of is not there.
        likes: Item → (event time in ms, people) of those who like it, as far as told.
    """

    tables: dict[tuple[str, str], dict[bytes, int]]
    likes: dict[bytes, tuple[tuple[int, int], ...]]


def release(
    record: ReleaseRecord, counters: Tables, *, k: int, now_ms: int
) -> tuple[ReleaseRecord, Released]:
    """Tell what may be told of these counters; the record to go on with.

    At most 2 000 cells are told of a table, the largest first; who is told of stays.

    Args:
        record: Of the last release of the scope; one of another k is begun anew.
        counters: Exact, by (series, part).
        k: ≥ 1.
        now_ms: Event time.
    """
    before = record.cells if record.k == k else {}
    cells: dict[bytes, Cell] = {}
    found = Released({}, {})
    for (series, part), table in counters.items():
        told_in = _PEOPLE_OF.get(series)
        if told_in is None:
            continue
        amounts = counters.get(("events", ""), {}) if series == "doers" else {}
        for name, count, key in _looked_at(before, series, part, table, k):
            cell = told_anew(
                before.get(key, UNTOLD), count, k=k, now_ms=now_ms, amount=amounts.get(name, 0)
            )
            if cell.told:
                cells[key] = cell
            if cell.number:
                number = cell.amount if series == "doers" else cell.number
                found.tables.setdefault((told_in, part), {})[name] = number
                if series == "likers":
                    found.likes[name] = cell.steps
    for key in before.keys() - cells.keys():
        cells[key] = told_anew(before[key], 0, k=k, now_ms=now_ms)
    return ReleaseRecord(k, cells), found


def _looked_at(
    before: Mapping[bytes, Cell], series: str, part: str, table: Mapping[bytes, int], k: int
) -> Iterator[tuple[bytes, int, bytes]]:
    """Names, counts and keys of cells: those that were told of, and the largest others."""
    fresh: list[tuple[bytes, int, bytes]] = []
    held = 0
    for name, count in table.items():
        # Nothing is told of fewer, and whoever was told of has had as many.
        if count < k or (series == "size" and name not in _SIZES):
            continue
        key = _key(series, part, name)
        if key in before:
            held += 1
            yield name, count, key
        else:
            fresh.append((name, count, key))
    if (room := _MOST_CELLS - held) > 0:
        yield from nsmallest(room, fresh, key=lambda one: (-one[1], one[0]))


def _key(series: str, part: str, name: bytes) -> bytes:
    if series in _OF_ITEMS:
        # An item's name is a hash already, and there are many of them.
        return _OF_ITEMS[series] + name
    encoded = part.encode()
    state = blake2b(digest_size=8, person=b"strata-release")
    for one in (series.encode(), encoded, name):
        state.update(len(one).to_bytes(4, "little"))
        state.update(one)
    return state.digest()
