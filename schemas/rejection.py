"""Why a record is not an event: a value, never an exception."""

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Stable names; they are stored with dead letters and label metrics."""

    NOT_UTF8 = "not-utf8"
    NOT_JSON = "not-json"
    DUPLICATE_KEY = "duplicate-key"
    TOO_DEEP = "too-deep"
    TOO_LARGE = "too-large"
    NUMBER_OUT_OF_RANGE = "number-out-of-range"
    MISSING_TYPE = "missing-type"
    UNKNOWN_TYPE = "unknown-type"
    MISSING_FIELD = "missing-field"
    WRONG_TYPE = "wrong-type"
    INVALID_FIELD = "invalid-field"
    INVALID_ID = "invalid-id"
    TIME_OUT_OF_RANGE = "time-out-of-range"
    ENVELOPE_CONFLICT = "envelope-conflict"
    NULL_KEY = "null-key"
    KEY_MISMATCH = "key-mismatch"
    WRONG_TOPIC = "wrong-topic"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A refused record: `reason` for machines, `detail` for people.

    `detail` names fields and limits but quotes no values beyond names of types and keys,
    so that it may be logged.
    """

    reason: Reason
    detail: str
