"""What the write side leaves in Redis for the read side: internal, MessagePack.

Unlike `schemas.views`, these are not for people; they name items by key (8
bytes, little-endian) so that they stay small, and carry event times in ms.
"""

from typing import Final, TypeVar

import msgspec

__all__ = [
    "Blob",
    "CachedProfile",
    "Interest",
    "ItemCount",
    "ItemTrend",
    "ModelPointer",
    "SilencedGroup",
    "SilencedReversal",
    "SilencedSnapshot",
    "SnapshotFormatError",
    "StatisticsSnapshot",
    "decode_profile",
    "decode_statistics",
    "encode_profile",
    "encode_statistics",
    "release_record_name",
    "released_name",
    "released_personas_name",
    "statistics_name",
]


class SnapshotFormatError(ValueError):
    """The bytes are not of the format that this code reads."""


class Interest(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One live entry of a user, with what is left of it after decay.

    Attributes:
        worth: weight · decay; negative for dislikes.
        kind: Data type it came from.
    """

    item: int
    worth: float
    time_ms: int
    kind: str
    action: int


class CachedProfile(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user as of one version.

    Attributes:
        vector: float32 little-endian, shape (d,), unit length; empty for zeros.
        interests: The strongest, by |worth|, at most 32.
        totals: "data type/action" → events ever.
        attributes: Name → stated value.
        newest_ms: Event time of the newest entry; None without entries.
        written_ms: Broker time of the newest record folded in.
        space: Version of the item space that `vector` lies in.
    """

    tenant: str
    user_id: str
    version: int
    persona: str | None
    mass: float
    effective_sample_size: float
    waiting: bool
    newest_ms: int | None
    written_ms: int
    vector: bytes
    interests: tuple[Interest, ...]
    totals: dict[str, int]
    attributes: dict[str, str | int | float | bool]
    space: int = 0

    @property
    def directed(self) -> bool:
        """Whether the evidence points anywhere."""
        return bool(self.vector)


class ItemCount(msgspec.Struct, frozen=True, array_like=True):
    """`score` is decayed popularity; `positive` counts users' live positive entries."""

    item: int
    score: float
    positive: int
    negative: int


class ItemTrend(msgspec.Struct, frozen=True, array_like=True):
    item: int
    score: float
    recent: int
    before: int


class Blob(msgspec.Struct, frozen=True, array_like=True):
    """Where a large value lies in the snapshot store.

    Attributes:
        digest: BLAKE2b of 16 bytes over the whole, hexadecimal.
        chunk_bytes: Length of each chunk but the last.
    """

    digest: str
    size_bytes: int
    chunk_bytes: int


class ModelPointer(msgspec.Struct, frozen=True, array_like=True):
    """Which learned models are in force for a tenant; part of the fenced persona document.

    Attributes:
        version: Raised by each publication, ≥ 1.
        space: Version of the item space, ≥ 1: the number of the refit.
        item_space, next_item, choices: Where each lies; None if there is no such model.
    """

    version: int
    space: int
    item_space: Blob
    next_item: Blob
    choices: Blob | None = None

    def blobs(self) -> tuple[Blob, ...]:
        return tuple(
            blob for blob in (self.item_space, self.next_item, self.choices) if blob is not None
        )


class SilencedReversal(msgspec.Struct, frozen=True, array_like=True):
    """As `profiles.reversals.Reversal`; items by key."""

    item: int
    over: int | None
    persona_margin: float
    overall_margin: float
    q_value: float


class SilencedGroup(msgspec.Struct, frozen=True, array_like=True):
    """As `profiles.silencing.Standing`; `reversed` counts all reversals, the surest are here."""

    persona: str
    size: int
    satisfaction: float
    protected: float
    ratio: float | None
    top: int | None
    top_reversed: bool
    silenced: bool
    reversed: int
    reversals: tuple[SilencedReversal, ...]


class SilencedSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """Which discovered personas the average silences.

    Attributes:
        satisfaction: "approval" or "coverage".
        users: Members of the personas that were looked at.
        share: Part of them whose persona is silenced, in [0, 1]: the alarm.
        fraction: Of the largest persona's satisfaction, under which one is silenced.
        floor: Least weight of each persona in the protecting aggregation.
        price: Mean loss of satisfaction per user by protecting; `price_others` of the personas
            that are not raised.
        groups: Worst satisfied first.
    """

    satisfaction: str
    users: int
    share: float
    fraction: float
    floor: float
    price: float
    price_others: float | None
    groups: tuple[SilencedGroup, ...]


class StatisticsSnapshot(msgspec.Struct, frozen=True, array_like=True):
    """Merged statistics of one tenant and scope ("" for everybody, else a persona's id).

    Attributes:
        as_of_ms: Event time that windows and decay end at.
        stale: Some partition was being rebuilt when this was merged.
        directed: Users with a vector.
        events: "data type/action" → events.
        popular: Highest decayed popularity first, at most 500.
        trends: Window name ("1h", "24h", "7d") → rising items.
        attributes: Name → JSON value → users; the most frequent values.
        mean: float32 little-endian mean of the unit vectors, shape (d,); empty if none.
        declaration: Version of the declared personas that were counted; 0 for none.
        silenced: Of everybody's scope alone; None while there are fewer than two personas of
            some size.
    """

    tenant: str
    scope: str
    as_of_ms: int
    stale: bool
    users: int
    directed: int
    events: dict[str, int]
    popular: tuple[ItemCount, ...]
    trends: dict[str, tuple[ItemTrend, ...]]
    attributes: dict[str, dict[str, int]]
    mean: bytes
    declaration: int = 0
    silenced: SilencedSnapshot | None = None


T = TypeVar("T")

_FORMAT: Final = b"\x01"
_encoder = msgspec.msgpack.Encoder()
_profile_decoder = msgspec.msgpack.Decoder(CachedProfile)
_statistics_decoder = msgspec.msgpack.Decoder(StatisticsSnapshot)


def statistics_name(tenant: str, scope: str) -> str:
    """Name of a snapshot in the store; injective, whatever the parts contain."""
    return f"statistics:{len(tenant.encode())}:{tenant}:{scope}"


def released_name(tenant: str, scope: str) -> str:
    """Where the statistics lie that may be told to others."""
    return f"released:{statistics_name(tenant, scope)}"


def released_personas_name(tenant: str) -> str:
    """Where the personas lie as they may be told of to others."""
    return f"released-personas:{tenant}"


def release_record_name(tenant: str, scope: str) -> str:
    """Where it is remembered what was told of a scope."""
    return f"release-record:{statistics_name(tenant, scope)}"


def encode_profile(profile: CachedProfile) -> bytes:
    return _FORMAT + _encoder.encode(profile)


def decode_profile(encoded: bytes) -> CachedProfile:
    """Raises SnapshotFormatError."""
    return _decode(encoded, _profile_decoder)


def encode_statistics(snapshot: StatisticsSnapshot) -> bytes:
    return _FORMAT + _encoder.encode(snapshot)


def decode_statistics(encoded: bytes) -> StatisticsSnapshot:
    """Raises SnapshotFormatError."""
    return _decode(encoded, _statistics_decoder)


def _decode(encoded: bytes, decoder: "msgspec.msgpack.Decoder[T]") -> T:
    if encoded[:1] != _FORMAT:
        raise SnapshotFormatError("not a snapshot of format 1")
    try:
        return decoder.decode(memoryview(encoded)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotFormatError(f"not a snapshot: {error}") from error
