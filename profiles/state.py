"""A user's state: sets that join, totals, and the positions that guard the totals."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

import msgspec
from msgspec import Struct

from profiles.entries import EMPTY, Entries, decode_entries
from profiles.packing import packed, unpacked

__all__ = [
    "CONSENTED",
    "EMPTY_STATE",
    "AttributeValue",
    "DataType",
    "Scalar",
    "StateFormatError",
    "UserState",
    "decode_state",
    "encode_state",
]

Scalar = str | int | float | bool


class DataType(StrEnum):
    """Kinds of data with a set, a consent and a retention of their own.

    `CONTROLS` are what a person says about the others (consent, identity); only
    an erasure forgets them.
    """

    INTERACTIONS = "interactions"
    PREFERENCES = "preferences"
    DOCUMENTS = "documents"
    ATTRIBUTES = "attributes"
    CONTROLS = "controls"

    # An enumeration's own is a function in Python, called by every look into a dictionary.
    __hash__ = str.__hash__


CONSENTED: Final = tuple(kind for kind in DataType if kind is not DataType.CONTROLS)


class StateFormatError(ValueError):
    """Stored bytes are not a user state of a version that this code reads."""


class AttributeValue(Struct, frozen=True, gc=False):
    """Last value written of an attribute; the latest (time, event hash) wins."""

    time_ms: int
    event: int
    value: Scalar


class UserState(Struct, frozen=True, gc=False):
    """All that is kept of one user.

    Attributes:
        sets: Latest K entries per data type.
        forget_before: Entries at or before this event time (ms) have no place
            in the type's set, whenever they arrive; joined by maximum.
        totals: Events ever folded, per data type and action; ≥ 0.
        attributes: Stated values by name.
        consents: Last consent said per data type, as an `AttributeValue` of a bool.
        removed: Events of which no entry has a place in the type's set, by time and hash; each
            takes the place that its entries would have among the latest K.
        unstated: Attribute → event time (ms) up to which no stated value has a place.
        positions: Last offset folded, per topic of the user's partition.
        version: Raised by each stored change; 0 for a user without one.
    """

    sets: Mapping[DataType, Entries] = {}
    forget_before: Mapping[DataType, int] = {}
    totals: Mapping[DataType, Mapping[str, int]] = {}
    attributes: Mapping[str, AttributeValue] = {}
    consents: Mapping[DataType, AttributeValue] = {}
    positions: Mapping[str, int] = {}
    version: int = 0
    persona: str | None = None
    removed: Mapping[DataType, frozenset[tuple[int, int]]] = {}
    unstated: Mapping[str, int] = {}

    def entries(self, kind: DataType) -> Entries:
        return self.sets.get(kind, EMPTY)

    @property
    def is_vacant(self) -> bool:
        """Whether everything there was has been erased, and nothing has come since."""
        return (
            bool(self.forget_before)
            and DataType.CONTROLS in self.forget_before
            and not self.attributes
            and not self.consents
            and not any(map(len, self.sets.values()))
        )

    @property
    def events_total(self) -> int:
        """Events ever folded, all types; ≥ 0."""
        return sum(sum(by_action.values()) for by_action in self.totals.values())


EMPTY_STATE: Final = UserState()

_FORMAT: Final = 2
# Sets of the format before are rows of entries.
_READ: Final[Mapping[int, Callable[[bytes], Entries]]] = {1: decode_entries, _FORMAT: unpacked}


class _Encoded(msgspec.Struct, array_like=True, frozen=True):
    format: int
    version: int
    persona: str | None
    sets: dict[DataType, bytes]
    forget_before: dict[DataType, int]
    totals: dict[DataType, dict[str, int]]
    attributes: dict[str, tuple[int, int, Scalar]]
    consents: dict[DataType, tuple[int, int, bool]]
    positions: dict[str, int]
    removed: dict[DataType, list[tuple[int, int]]] = {}
    unstated: dict[str, int] = {}


_encoder = msgspec.msgpack.Encoder(order="deterministic")
_decoder = msgspec.msgpack.Decoder(_Encoded)


def encode_state(state: UserState) -> bytes:
    """MessagePack; equal states give equal bytes."""
    return _encoder.encode(
        _Encoded(
            format=_FORMAT,
            version=state.version,
            persona=state.persona,
            sets={kind: packed(rows) for kind, rows in state.sets.items() if len(rows)},
            forget_before=dict(state.forget_before),
            totals={kind: dict(by_action) for kind, by_action in state.totals.items()},
            attributes={
                name: (stated.time_ms, stated.event, stated.value)
                for name, stated in state.attributes.items()
            },
            consents={
                kind: (said.time_ms, said.event, bool(said.value))
                for kind, said in state.consents.items()
            },
            positions=dict(state.positions),
            removed={kind: sorted(gone) for kind, gone in state.removed.items() if gone},
            unstated=dict(state.unstated),
        )
    )


def decode_state(encoded: bytes) -> UserState:
    """Inverse of `encode_state`; no bytes at all are the empty state.

    Raises:
        StateFormatError: not a state, or written by a newer format.
    """
    if not encoded:
        return EMPTY_STATE
    try:
        raw = _decoder.decode(encoded)
        read = _READ.get(raw.format)
        sets = {} if read is None else {kind: read(rows) for kind, rows in raw.sets.items()}
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        # ValueError: text that is not UTF-8, or a set that is damaged.
        raise StateFormatError(f"not a user state of format {_FORMAT}: {error}") from error
    if read is None:
        raise StateFormatError(
            f"user state has format {raw.format}, this code reads up to {_FORMAT}"
        )
    return UserState(
        sets=sets,
        forget_before=raw.forget_before,
        totals=raw.totals,
        attributes={name: AttributeValue(*stated) for name, stated in raw.attributes.items()},
        consents={kind: AttributeValue(*said) for kind, said in raw.consents.items()},
        positions=raw.positions,
        version=raw.version,
        persona=raw.persona,
        removed={kind: frozenset(gone) for kind, gone in raw.removed.items()},
        unstated=raw.unstated,
    )
