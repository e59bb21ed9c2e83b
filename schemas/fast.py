"""Decode records into events at stream speed, deciding exactly as the strict reader does.

Two lanes. The fast one is a single msgspec call; it may only accept, and only where
`schemas.colons` proves that nothing msgspec overlooks is there. Everything else takes the slow
one, which decides. See docs/adr/0004-two-decoders.md.
"""

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from schemas.cloudevents import Headers, carries_envelope
from schemas.colons import expected_colons, may_hide_colons
from schemas.decoded import (
    DATA_TYPES,
    Attributes,
    Choice,
    Consent,
    Document,
    Erasure,
    FastEvent,
    Identity,
    Interaction,
    Item,
    ItemRetired,
    Preference,
    Removal,
)
from schemas.json_values import Json
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.record import read_record
from schemas.rejection import Reason, Rejection
from schemas.wire import WireEvent, admit

__all__ = [
    "DATA_TYPES",
    "DEFAULT_LIMITS",
    "Attributes",
    "Choice",
    "Consent",
    "Document",
    "Erasure",
    "FastEvent",
    "Identity",
    "Interaction",
    "Item",
    "ItemRetired",
    "Limits",
    "Preference",
    "Reason",
    "Rejection",
    "Removal",
    "decode",
]

_DECODER: Final = msgspec.json.Decoder(WireEvent)
# By event type; a union would be compiled anew in every conversion.
_WIRE: Final[Mapping[str, type[WireEvent]]] = {
    str(wire.__struct_config__.tag): wire for wire in get_args(WireEvent)
}
_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    kind: tuple(field.name for field in msgspec.structs.fields(wire) if field.required)
    for kind, wire in _WIRE.items()
}
_SIDES: Final = frozenset({"chosen", "rejected"})


def decode(
    raw: bytes,
    *,
    received_ms: int,
    limits: Limits = DEFAULT_LIMITS,
    headers: Headers = (),
) -> FastEvent | Rejection:
    """The event in a record's value, or why there is none; never raises for any bytes.

    A pure function of the record, so redelivery and replay decide alike.

    Args:
        raw: The record's value.
        received_ms: The record's broker timestamp, milliseconds since the epoch.
        limits: What is too large, too deep or too early.
        headers: The record's headers, read only for CloudEvents attributes.
    """
    if (
        not may_hide_colons(raw)
        and len(raw) <= limits.max_record_bytes
        and not (headers and carries_envelope(headers))
    ):
        try:
            wire = _DECODER.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            # Not a verdict: an unknown field is an error here and none in the slow lane.
            return _decode_slowly(raw, received_ms, limits, headers)
        if raw.count(b":") == expected_colons(wire, max_depth=limits.max_depth):
            event = admit(wire, received_ms, limits)
            if not isinstance(event, Rejection):
                return event
    return _decode_slowly(raw, received_ms, limits, headers)


def _decode_slowly(
    raw: bytes, received_ms: int, limits: Limits, headers: Headers
) -> FastEvent | Rejection:
    members = read_record(raw, limits=limits, headers=headers)
    if isinstance(members, Rejection):
        return members
    kind = str(members["type"])
    for name in _REQUIRED[kind]:
        if name not in members:
            return Rejection(Reason.MISSING_FIELD, f"{name} is missing")
    form = _WIRE[kind]
    known = {
        name: _without_unknown(members[name]) if name in _SIDES else members[name]
        for name in form.__struct_fields__
        if name in members
    }
    try:
        wire = msgspec.convert(known, form)
    except msgspec.ValidationError as error:
        return Rejection(Reason.WRONG_TYPE, str(error))
    return admit(wire, received_ms, limits)


def _without_unknown(side: Json) -> Json:
    if not isinstance(side, dict):
        return side
    return {name: side[name] for name in Choice.__struct_fields__ if side.get(name) is not None}
