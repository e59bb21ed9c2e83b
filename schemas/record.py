"""From the bytes of a record to the members of one event, for every path alike."""

from collections.abc import Mapping

from schemas import strict_json
from schemas.cloudevents import Headers, unwrap
from schemas.json_values import Json
from schemas.limits import Limits
from schemas.rejection import Reason, Rejection
from schemas.topics import TOPIC_OF


def read_record(raw: bytes, *, limits: Limits, headers: Headers) -> Mapping[str, Json] | Rejection:
    """The event's members, of a known `type` and without those that are null.

    `null` counts as absent, at this level only; what a member may hold is not checked here.
    """
    if len(raw) > limits.max_record_bytes:
        return Rejection(Reason.TOO_LARGE, f"larger than {limits.max_record_bytes} bytes")
    document = strict_json.parse(raw, max_depth=limits.max_depth)
    if isinstance(document, Rejection):
        return document
    if not isinstance(document, dict):
        return Rejection(Reason.WRONG_TYPE, "the record is not a JSON object")
    event = unwrap(document, headers)
    if isinstance(event, Rejection):
        return event
    match event.get("type"):
        case None:
            return Rejection(Reason.MISSING_TYPE, "type is missing")
        case str() as name if name in TOPIC_OF:
            return {key: value for key, value in event.items() if value is not None}
        case _:
            return Rejection(Reason.UNKNOWN_TYPE, "type names no event of ours")
