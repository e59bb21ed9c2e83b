"""From one event to what it says: entries, a forgetting, stated values."""

import datetime as dt
import math
import struct
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from oracle.identities import hash_of_action, hash_of_event, hash_of_item
from oracle.settings import SUPERSEDING_ACTIONS, Settings, worth
from profiles.choices.textkeys import text_key

SUPERSEDES: Final = 1
TEXT: Final = 2

FORGETTABLE: Final = ("interactions", "preferences", "documents", "attributes", "controls")

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Entry(NamedTuple):
    """One piece of evidence; tuples sort by time, then by event hash."""

    time_ms: int
    event: int
    item: int
    weight: float
    action: int
    flags: int


class Told(NamedTuple):
    """What one event says.

    Attributes:
        kind: The data type whose set its entries belong to.
        action: The name under which it is counted.
    """

    kind: str
    action: str
    entries: tuple[Entry, ...]


def read_event(event: Mapping[str, Any], settings: Settings) -> Told:
    """Kind, action and entries of an event in event format."""
    tenant = event.get("tenant") or "default"
    time_ms = time_of(event)
    identity = hash_of_event(event["event_id"])
    kind, action, parts = _parts(event, tenant, settings)
    return Told(
        kind,
        action,
        tuple(
            Entry(time_ms, identity, item, as_float32(weight), hash_of_action(action), flags)
            for item, weight, flags in parts
        ),
    )


def _parts(
    event: Mapping[str, Any], tenant: str, settings: Settings
) -> tuple[str, str, list[tuple[int, float, int]]]:
    kind = event["type"]
    if kind == "interaction":
        action = event["action"]
        weight = worth(action, event.get("value"))
        flags = SUPERSEDES if action in SUPERSEDING_ACTIONS else 0
        return "interactions", action, [(hash_of_item(tenant, event["item_id"]), weight, flags)]
    if kind == "preference":
        strength = event.get("strength")
        weight = settings.choice_weight * (1.0 if strength is None else min(5.0, strength))
        chosen, rejected = (_side(tenant, event[side]) for side in ("chosen", "rejected"))
        return (
            "preferences",
            "tie" if strength == 0 else "choose",
            [(chosen[0], weight, chosen[1]), (rejected[0], 0.0 - weight, rejected[1])],
        )
    if kind == "document":
        document = hash_of_item(tenant, event["document_id"])
        return "documents", event.get("kind") or "write", [(document, 0.0, TEXT)]
    if kind == "attributes":
        return "attributes", "state", [(0, 0.0, TEXT)]
    if kind == "consent":
        return "controls", "grant" if event["granted"] else "withdraw", [(0, 0.0, TEXT)]
    if kind == "erasure":
        return "controls", "erase", [(0, 0.0, TEXT)]
    if kind == "identity":
        return "controls", "same-as", [(hash_of_item(tenant, event["same_as"]), 0.0, TEXT)]
    raise ValueError(f"{kind!r} says nothing about a user")


def _side(tenant: str, side: Mapping[str, str]) -> tuple[int, int]:
    if "item_id" in side:
        return hash_of_item(tenant, side["item_id"]), 0
    # What a text's key holds is tested by itself; here it only names the text.
    return text_key(tenant, side["text"]), TEXT


def forgotten_by(event: Mapping[str, Any]) -> tuple[str, ...]:
    """Kinds of data of which nothing up to this event's time may be kept."""
    if event["type"] == "erasure":
        return FORGETTABLE
    if event["type"] == "consent" and not event["granted"]:
        return (event["data_type"],)
    return ()


def removed_by(event: Mapping[str, Any]) -> tuple[str, int, int] | None:
    """Kind, time and hash of the event that is gone by this one; None if none is."""
    if event["type"] != "removal" or "removed_id" not in event:
        return None
    at_ms = time_of({"occurred_at": event["removed_at"]})
    return event["data_type"], at_ms, hash_of_event(event["removed_id"])


def unstated_by(event: Mapping[str, Any]) -> str | None:
    """The attribute of which no value up to this event's time may be kept."""
    return event.get("attribute") if event["type"] == "removal" else None


def time_of(event: Mapping[str, Any]) -> int:
    """Milliseconds since the epoch, rounded down."""
    at = event["occurred_at"]
    if isinstance(at, str):
        return (dt.datetime.fromisoformat(at) - _EPOCH) // dt.timedelta(milliseconds=1)
    return math.floor(Decimal(str(at)) * 1000)


def as_float32(number: float) -> float:
    """The nearest number that fits 32 bits normally, which is what is stored; 0 for a smaller."""
    (rounded,) = struct.unpack("<f", struct.pack("<f", number))
    return float(rounded) if abs(number) >= 2.0**-126 else 0.0
