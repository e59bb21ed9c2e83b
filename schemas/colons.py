"""Prove from a decoded record that its text named no key twice.

msgspec keeps the last of two equal keys and does not tell. But every colon in a JSON text either
follows a key or stands in a string, so the text holds exactly as many colons as its keys and
strings account for; a key that came twice, or one whose value was `null`, leaves the count of
what was decoded too small. Only a colon written as an escape could make up for it, and a text
that may hold one is told by `may_hide_colons`.
"""

from typing import Final

from msgspec import Struct

from schemas.json_values import INT64_MAX
from schemas.wire import Interaction, WireEvent

# Added when the count proves nothing; no text has so few colons.
_UNPROVEN: Final = -(1 << 40)


def may_hide_colons(raw: bytes) -> bool:
    r"""Whether a colon may be spelled as the escape `\u003a`; then counting proves nothing."""
    return b"\\u003" in raw


def expected_colons(wire: WireEvent, *, max_depth: int) -> int:
    """How many colons the text of this record holds if no key came twice.

    Negative, so equal to no count, where something else keeps the fast lane from deciding:
    a number that may exceed 64 bits, or nesting deeper than `max_depth`.
    """
    if type(wire) is Interaction and wire.context is None and type(wire.occurred_at) is str:
        # By far the most frequent record; one join is cheaper than six counts.
        tenant, value = wire.tenant, wire.value
        text = f"{wire.event_id}{wire.occurred_at}{wire.user_id}{wire.item_id}{wire.action}{tenant}"
        if value is None:
            return 6 + (tenant is not None) + text.count(":")
        if -INT64_MAX < value < INT64_MAX:
            return 7 + (tenant is not None) + text.count(":")
        return _UNPROVEN
    return 1 + _in_struct(wire, max_depth)


def _in_struct(value: Struct, depth_left: int) -> int:
    colons = 0
    for name in value.__struct_fields__:
        member = getattr(value, name)
        if type(member) is str:
            colons += 1 + member.count(":")
        elif member is not None:
            colons += 1 + _in_value(member, depth_left - 1)
    return colons


def _in_value(value: object, depth_left: int) -> int:
    # Most frequent first: this runs for every value of every record.
    if isinstance(value, str):
        return value.count(":")
    if isinstance(value, float | int):
        # True and False pass here too, and prove themselves.
        return 0 if -INT64_MAX < value < INT64_MAX else _UNPROVEN
    if value is None:
        return 0
    if depth_left <= 0:
        return _UNPROVEN
    if isinstance(value, Struct):
        return _in_struct(value, depth_left)
    if isinstance(value, tuple | list):
        return sum([_in_value(member, depth_left - 1) for member in value])
    if isinstance(value, dict):
        return sum(
            [
                1 + key.count(":") + _in_value(member, depth_left - 1)
                for key, member in value.items()
            ]
        )
    return _UNPROVEN
