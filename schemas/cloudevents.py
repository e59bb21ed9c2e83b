"""CloudEvents 1.0 in Kafka records, binary and structured mode, as plain events.

The envelope's `type` is `strata.<type>.v1`, its `id` the event id and its `time` the instant.
The data may repeat them but not contradict them. Other attributes and extensions are ignored.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from schemas.instants import instant_ms
from schemas.json_values import Json
from schemas.rejection import Reason, Rejection

Headers: TypeAlias = Sequence[tuple[str, bytes | None]]

_CONTENT_TYPE: Final = "content-type"
_STRUCTURED: Final = "application/cloudevents+json"
_PREFIX: Final = "ce_"
_JSON: Final = re.compile(r"[a-z0-9.+-]+/(?:json|[a-z0-9.+-]+\+json)")
_EVENT_TYPE: Final = re.compile(r"strata\.([a-z_]+)\.v1")
_VERSION: Final = "1.0"


def carries_envelope(headers: Headers) -> bool:
    """Whether the headers make the record a CloudEvent; others, such as tracing, do not."""
    return any(
        name == "ce_specversion"
        or (name.lower() == _CONTENT_TYPE and _is_cloudevents(value or b""))
        for name, value in headers
    )


def _is_cloudevents(content_type: bytes) -> bool:
    return content_type.lower().strip().startswith(b"application/cloudevents")


def unwrap(document: Mapping[str, Json], headers: Headers) -> Mapping[str, Json] | Rejection:
    """The event inside a record: what the envelope says joined with what the data says."""
    if not carries_envelope(headers):
        is_structured = "specversion" in document and "data" in document
        return _structured(document) if is_structured else document
    attributes = _header_attributes(headers)
    if isinstance(attributes, Rejection):
        return attributes
    content_type = attributes.get(_CONTENT_TYPE, "").partition(";")[0].strip().lower()
    if content_type == _STRUCTURED:
        return _structured(document)
    if content_type.startswith("application/cloudevents"):
        return Rejection(Reason.INVALID_FIELD, f"content-type must be {_STRUCTURED}")
    if content_type and not _JSON.fullmatch(content_type):
        return Rejection(Reason.INVALID_FIELD, "the content-type of the data is not JSON")
    envelope: dict[str, Json] = {
        name.removeprefix(_PREFIX): value
        for name, value in attributes.items()
        if name.startswith(_PREFIX)
    }
    return _merge(envelope, document)


def _header_attributes(headers: Headers) -> dict[str, str] | Rejection:
    attributes: dict[str, str] = {}
    for name, value in headers:
        known = _CONTENT_TYPE if name.lower() == _CONTENT_TYPE else name
        if value is None or not (known == _CONTENT_TYPE or known.startswith(_PREFIX)):
            continue
        if known in attributes:
            return Rejection(Reason.DUPLICATE_KEY, f"header {known[:64]!a} comes twice")
        try:
            attributes[known] = value.decode()
        except UnicodeDecodeError:
            return Rejection(Reason.NOT_UTF8, f"header {known[:64]!a} is not UTF-8")
    return attributes


def _structured(document: Mapping[str, Json]) -> Mapping[str, Json] | Rejection:
    content_type = document.get("datacontenttype")
    if content_type is not None and not (
        isinstance(content_type, str)
        and _JSON.fullmatch(content_type.partition(";")[0].strip().lower())
    ):
        return Rejection(Reason.INVALID_FIELD, "datacontenttype is not JSON")
    data = document.get("data")
    if data is None:
        return Rejection(Reason.MISSING_FIELD, "data is missing")
    if not isinstance(data, dict):
        return Rejection(Reason.WRONG_TYPE, "data must be an object")
    return _merge(document, data)


def _merge(
    envelope: Mapping[str, Json], data: Mapping[str, Json]
) -> Mapping[str, Json] | Rejection:
    if envelope.get("specversion") != _VERSION:
        return Rejection(Reason.INVALID_FIELD, f"specversion must be {_VERSION}")
    event = dict(data)
    for attribute, field in (("type", "type"), ("id", "event_id"), ("time", "occurred_at")):
        outer = envelope.get(attribute)
        if outer is None:
            continue
        if not isinstance(outer, str):
            return Rejection(Reason.WRONG_TYPE, f"{attribute} of the envelope must be a string")
        if attribute == "type":
            named = _EVENT_TYPE.fullmatch(outer)
            if named is None:
                return Rejection(Reason.UNKNOWN_TYPE, "the envelope's type is not strata.<type>.v1")
            outer = named[1]
        inner = event.get(field)
        if inner is None:
            event[field] = outer
        elif not _agree(field, outer, inner):
            return Rejection(Reason.ENVELOPE_CONFLICT, f"{field} differs from the envelope")
    return event


def _agree(field: str, outer: str, inner: Json) -> bool:
    if field != "occurred_at":
        return outer == inner
    if isinstance(inner, bool) or not isinstance(inner, str | int | float):
        return False
    said = instant_ms(outer)
    return said is not None and said == instant_ms(inner)
