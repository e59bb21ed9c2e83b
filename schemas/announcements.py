"""Internal compacted topics that every worker reads whole: item vectors and personas."""

from collections.abc import Mapping
from typing import Final, TypeVar

import msgspec

from schemas.snapshots import Blob

__all__ = [
    "AnnouncementFormatError",
    "ItemVector",
    "PersonaAnnouncement",
    "decode_item_vector",
    "decode_personas_announced",
    "encode_announcement",
]


_FLOAT_BYTES: Final = 4


class AnnouncementFormatError(ValueError):
    """The record is not an announcement of the format that this code reads."""


def _require_floats(vector: bytes) -> None:
    if len(vector) % _FLOAT_BYTES:
        raise ValueError("a vector is no row of float32")


class ItemVector(msgspec.Struct, frozen=True, array_like=True):
    """An item and its place, keyed in Kafka by the item's record key.

    Attributes:
        item: The item's 64-bit identity.
        revision: How many vectors the item has had, ≥ 1.
        vector: float32 little-endian, shape (d,).
        subjects: Words or tags that personas may be labelled with.
    """

    tenant: str
    item_id: str
    item: int
    title: str
    revision: int
    retired: bool
    subjects: tuple[str, ...]
    vector: bytes

    def __post_init__(self) -> None:
        _require_floats(self.vector)


class PersonaAnnouncement(msgspec.Struct, frozen=True, array_like=True):
    """A tenant's centroids of one version and the space they lie in, keyed by the tenant.

    Attributes:
        token: Of the leader that published; a lower one is out of date.
        centroids: Persona id → float32 little-endian, shape (d,).
        space: Version of the item space; 0 for the one before any was learned.
        item_space: Where it lies in the snapshot store; None for version 0.
    """

    tenant: str
    version: int
    token: int
    centroids: Mapping[str, bytes]
    space: int = 0
    item_space: Blob | None = None

    def __post_init__(self) -> None:
        for centroid in self.centroids.values():
            _require_floats(centroid)


T = TypeVar("T")

_FORMAT: Final = b"\x01"
_encoder = msgspec.msgpack.Encoder()
_item_decoder = msgspec.msgpack.Decoder(ItemVector)
_persona_decoder = msgspec.msgpack.Decoder(PersonaAnnouncement)


def encode_announcement(announcement: ItemVector | PersonaAnnouncement) -> bytes:
    return _FORMAT + _encoder.encode(announcement)


def decode_item_vector(encoded: bytes) -> ItemVector:
    """Raises AnnouncementFormatError."""
    return _decode(encoded, _item_decoder)


def decode_personas_announced(encoded: bytes) -> PersonaAnnouncement:
    """Raises AnnouncementFormatError."""
    return _decode(encoded, _persona_decoder)


def _decode(encoded: bytes, decoder: "msgspec.msgpack.Decoder[T]") -> T:
    if encoded[:1] != _FORMAT:
        raise AnnouncementFormatError("not an announcement of format 1")
    try:
        return decoder.decode(memoryview(encoded)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnnouncementFormatError(f"not an announcement: {error}") from error
