"""Residues and receipts as points without a direction; their ids are keyed hashes."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Final
from uuid import UUID

import msgspec
import numpy as np
from msgspec.structs import replace

from profiles.privacy.erasure import Counts, ErasureStore, Receipt, Residue
from stores.points import (
    AtMost,
    Collection,
    Equals,
    Index,
    Payload,
    Point,
    PointId,
    Points,
    Stored,
    finished,
)

__all__ = ["ERASURE_COLLECTION", "PointErasureStore"]

ERASURE_COLLECTION: Final = Collection(
    name="erasures",
    dimension=1,
    indexes={"partition": Index.INTEGER, "unfinished": Index.INTEGER, "version": Index.INTEGER},
)

_PAGE: Final = 512
_ZERO: Final = np.zeros(1, np.float32)


class _Buried(msgspec.Struct, frozen=True):
    version: int
    state: bytes


class _Barred(msgspec.Struct, frozen=True):
    """`version` is up to when, in ms: what a conditional write compares."""

    version: int


class _Reached(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a receipt came to after it was opened, each a field of the payload.

    They are merged into it: a write that lands late takes nothing back that came after it.
    """

    after: bytes | None = None
    erased_ms: int | None = None
    letters: int | None = None
    letters_ms: int | None = None
    log_until_ms: bytes | None = None
    rewritten_ms: int | None = None
    unfinished: int = 1


class _Issued(msgspec.Struct, frozen=True):
    """`body` is the receipt as it was opened."""

    partition: int
    unfinished: int
    body: bytes


_encoder = msgspec.msgpack.Encoder()
_receipts = msgspec.msgpack.Decoder(Receipt)
_counts = msgspec.msgpack.Decoder(Counts)
_log_until = msgspec.msgpack.Decoder(dict[str, int | None])


def _point_id(key: bytes) -> str:
    return str(UUID(bytes=key))


class PointErasureStore(ErasureStore):
    """Over any `Points`."""

    def __init__(self, points: Points) -> None:
        self._points = points

    async def bury(self, residues: Sequence[Residue]) -> None:
        await self._points.insert_only([_buried(residue) for residue in residues])
        for residue in residues:
            await self._points.update_if(
                [_buried(residue)], (AtMost("version", residue.version - 1),)
            )

    async def residues(self, subjects: Sequence[bytes]) -> list[Residue | None]:
        stored = await self._points.retrieve(
            [_point_id(subject) for subject in subjects], vectors=False
        )
        found: list[Residue | None] = []
        for subject, point in zip(subjects, stored, strict=True):
            if point is None:
                found.append(None)
            else:
                fields = msgspec.convert(point.payload, _Buried)
                found.append(Residue(subject, fields.version, fields.state))
        return found

    async def bar_letters(self, through_ms: Mapping[bytes, int]) -> None:
        points = [_barred(*one) for one in through_ms.items()]
        await self._points.insert_only(points)
        for point, until_ms in zip(points, through_ms.values(), strict=True):
            await self._points.update_if([point], (AtMost("version", until_ms - 1),))

    async def letters_barred(self, subjects: Sequence[bytes]) -> list[int | None]:
        stored = await self._points.retrieve(
            [_letters_id(subject) for subject in subjects], vectors=False
        )
        return [
            None if point is None else msgspec.convert(point.payload, _Barred).version
            for point in stored
        ]

    async def open(self, receipts: Mapping[bytes, Receipt]) -> None:
        await self._points.insert_only([_issued(*one) for one in receipts.items()])

    async def reach(self, receipts: Mapping[bytes, Receipt]) -> None:
        await finished(
            self._points.set_payload_if([_point_id(key)], reached, ())
            for key, receipt in receipts.items()
            if (reached := _reached(receipt))
        )

    async def receipt(self, key: bytes) -> Receipt | None:
        (stored,) = await self._points.retrieve([_point_id(key)], vectors=False)
        return None if stored is None else _receipt(stored)

    async def unfinished(self, partition: int) -> dict[bytes, Receipt]:
        where = (Equals("partition", partition), Equals("unfinished", 1))
        found: dict[bytes, Receipt] = {}
        start: PointId | None = None
        while True:
            page, start = await self._points.scroll(where, start=start, limit=_PAGE, vectors=False)
            found |= {UUID(str(point.id)).bytes: _receipt(point) for point in page}
            if start is None:
                return found


def _buried(residue: Residue) -> Point:
    fields = _Buried(residue.version, residue.state)
    return Point(_point_id(residue.subject), _ZERO, msgspec.to_builtins(fields))


def _letters_id(subject: bytes) -> str:
    """Beside the residue's own; the subject is a keyed hash already."""
    return _point_id(blake2b(subject, digest_size=16, person=b"strata-letters").digest())


def _barred(subject: bytes, through_ms: int) -> Point:
    return Point(_letters_id(subject), _ZERO, msgspec.to_builtins(_Barred(through_ms)))


def _issued(key: bytes, receipt: Receipt) -> Point:
    fields = _Issued(receipt.partition, int(receipt.rewritten_ms is None), _encoder.encode(receipt))
    return Point(_point_id(key), _ZERO, msgspec.to_builtins(fields))


def _reached(receipt: Receipt) -> Payload:
    fields = _Reached(
        after=None if receipt.after is None else _encoder.encode(receipt.after),
        erased_ms=receipt.erased_ms,
        letters=receipt.letters,
        letters_ms=receipt.letters_ms,
        # Said anew when the dead letters are taken out.
        log_until_ms=None if receipt.letters_ms is None else _encoder.encode(receipt.log_until_ms),
        rewritten_ms=receipt.rewritten_ms,
        unfinished=int(receipt.rewritten_ms is None),
    )
    payload: Payload = msgspec.to_builtins(fields)
    return payload


def _receipt(point: Stored) -> Receipt:
    receipt = _receipts.decode(msgspec.convert(point.payload, _Issued).body)
    since = msgspec.convert(point.payload, _Reached)
    if since.after is not None:
        receipt = replace(receipt, after=_counts.decode(since.after))
    if since.log_until_ms is not None:
        receipt = replace(receipt, log_until_ms=_log_until.decode(since.log_until_ms))
    for name in ("erased_ms", "letters", "letters_ms", "rewritten_ms"):
        if (value := getattr(since, name)) is not None:
            receipt = replace(receipt, **{name: value})
    return receipt
