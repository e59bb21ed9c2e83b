"""From the body of a request to the records it stands for, or to what is wrong with it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from lookup.errors import InvalidEvents, OtherTenant, WrongEvent
from profiles.vocabulary import ANY_ATTRIBUTES, Vocabulary
from schemas.encode import encode
from schemas.fast import Attributes, FastEvent, decode
from schemas.keys import event_key
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.partitions import partition_of
from schemas.record import read_record
from schemas.rejection import Reason, Rejection
from schemas.topics import TOPIC_OF
from schemas.wire import DEFAULT_TENANT

__all__ = ["MOST_EVENTS", "EventRecord", "records_of"]

MOST_EVENTS: Final = 1_000
"""Events that one request may carry."""

_events = msgspec.json.Decoder(list[msgspec.Raw])


@dataclass(frozen=True, slots=True)
class EventRecord:
    """An event as it will lie in Kafka.

    Attributes:
        kind: The event's type.
        value: Canonical JSON (`schemas.encode`).
    """

    kind: str
    topic: str
    partition: int
    key: bytes
    value: bytes


def records_of(
    body: bytes,
    *,
    tenant: str,
    now_ms: int,
    partitions: int,
    limits: Limits = DEFAULT_LIMITS,
    vocabulary: Vocabulary = ANY_ATTRIBUTES,
) -> list[EventRecord]:
    """The records of one event or of an array of events, all of them or none.

    Each event is decided on as the stream will decide, with `now_ms` for the broker's time.
    Envelopes (CloudEvents in structured mode) are taken off and unknown fields left out.

    Args:
        tenant: Whose events these are; an event may repeat it but not name another.
        partitions: Of the topics of events.
        vocabulary: Attributes that users may state; the workers' own.

    Raises:
        OtherTenant: an event names another tenant.
        InvalidEvents: naming every event that is none by its index.
    """
    listed = body.lstrip(b" \t\r\n").startswith(b"[")
    raws = _split(body) if listed else [body]
    records: list[EventRecord] = []
    wrong: list[WrongEvent] = []
    for index, raw in enumerate(raws):
        where = f"body.{index}" if listed else "body"
        event = decode(raw, received_ms=now_ms, limits=limits)
        if not isinstance(event, Rejection):
            if _is_foreign(event, raw, tenant, limits):
                raise OtherTenant(f"{where}.tenant")
            event = _within(vocabulary, msgspec.structs.replace(event, tenant=tenant))
        record = event if isinstance(event, Rejection) else _placed(event, partitions, limits)
        if isinstance(record, Rejection):
            wrong.append(WrongEvent(where, record.reason, record.detail))
        else:
            records.append(record)
    if wrong:
        raise InvalidEvents(wrong)
    return records


def _within(vocabulary: Vocabulary, event: FastEvent) -> FastEvent | Rejection:
    if not isinstance(event, Attributes):
        return event
    refusal = vocabulary.refusal(event.attributes)
    return event if refusal is None else Rejection(Reason.INVALID_FIELD, refusal)


def _split(body: bytes) -> Sequence[bytes]:
    try:
        # Each event's own bytes: a key that comes twice must still be seen.
        raws = [bytes(raw) for raw in _events.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _whole(Reason.NOT_JSON, "the body is not a JSON array of events") from None
    if not raws:
        raise _whole(Reason.INVALID_FIELD, "the array holds no event")
    if len(raws) > MOST_EVENTS:
        raise _whole(Reason.TOO_LARGE, f"{len(raws)} events; at most {MOST_EVENTS} at a time")
    return raws


def _whole(reason: Reason, detail: str) -> InvalidEvents:
    return InvalidEvents([WrongEvent("body", reason, detail)])


def _is_foreign(event: FastEvent, raw: bytes, tenant: str, limits: Limits) -> bool:
    return event.tenant != tenant and (event.tenant != DEFAULT_TENANT or _names_tenant(raw, limits))


def _names_tenant(raw: bytes, limits: Limits) -> bool:
    # Decoding writes `default` where nothing stood; only the text tells the two apart.
    members = read_record(raw, limits=limits, headers=())
    return not isinstance(members, Rejection) and "tenant" in members


def _placed(event: FastEvent, partitions: int, limits: Limits) -> EventRecord | Rejection:
    value = encode(event)
    if len(value) > limits.max_record_bytes:
        return Rejection(Reason.TOO_LARGE, f"larger than {limits.max_record_bytes} bytes")
    key = event_key(event)
    return EventRecord(event.type, TOPIC_OF[event.type], partition_of(key, partitions), key, value)
