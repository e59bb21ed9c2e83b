"""The canonical JSON of an event, for whatever publishes one."""

from collections.abc import Mapping
from typing import Final, get_args

import msgspec

from schemas import events, fast
from schemas.instants import rfc3339
from schemas.wire import DEFAULT_TENANT

_DECODED: Final[Mapping[str, type[msgspec.Struct]]] = {
    struct.type: struct for struct in get_args(fast.FastEvent)
}
# What `encode` spells differently from the decoded event.
_COMMON: Final = frozenset({"tenant", "event_id", "occurred_at_ms"})


def encode(event: fast.FastEvent | events.Event) -> bytes:
    """The event as compact UTF-8 JSON in a fixed order of fields.

    `schemas.fast.decode` gives back an equal event. The time is written as RFC 3339 in UTC with
    three decimals; what is absent, and the default tenant, is left out. The record's key is
    `schemas.keys.event_key`.

    Raises:
        ValueError: the event lies after the year 9999.
    """
    members: dict[str, object] = {
        "event_id": event.event_id,
        "type": event.type,
        "occurred_at": rfc3339(event.occurred_at_ms),
    }
    if event.tenant != DEFAULT_TENANT:
        members["tenant"] = event.tenant
    for name in _DECODED[event.type].__struct_fields__:
        if name not in _COMMON and (member := getattr(event, name)) not in (None, ()):
            members[name] = member
    return _ENCODER.encode(members)


def _model_as_members(value: object) -> object:
    if isinstance(value, events.Choice):
        return value.model_dump(exclude_none=True)
    raise NotImplementedError(f"no JSON for {type(value).__name__}")


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_model_as_members)
