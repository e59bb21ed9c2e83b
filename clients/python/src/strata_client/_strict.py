"""What strict JSON can say, and when an event happened: the stream's rules, in short."""

import datetime as dt
import math
import re
from decimal import ROUND_FLOOR, Decimal
from typing import Final

__all__ = ["instant_ms", "is_writable"]

_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1
# The year 10000; from there on a number is surely not in seconds.
_END_S: Final = 253_402_300_800
_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_RFC3339: Final = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]"
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)


def instant_ms(occurred_at: str | float) -> int | None:
    """Milliseconds since the epoch, rounded down; None if it is no instant.

    Text is an RFC 3339 date-time with `Z` or an offset; a number is epoch seconds.

    >>> instant_ms("1970-01-01T01:00:00.0019+01:00"), instant_ms(1.001), instant_ms("yesterday")
    (1, 1001, None)
    """
    if isinstance(occurred_at, str):
        return _text_ms(occurred_at)
    if not -_END_S < occurred_at < _END_S:
        return None
    return int((Decimal(repr(occurred_at)) * 1_000).to_integral_value(ROUND_FLOOR))


def _text_ms(text: str) -> int | None:
    matched = _RFC3339.fullmatch(text)
    if matched is None:
        return None
    year, month, day, hour, minute, second, decimals, sign, ahead_hour, ahead_minute = (
        matched.groups()
    )
    try:
        days = dt.date(int(year), int(month), int(day)).toordinal() - _EPOCH
    except ValueError:
        return None
    minutes = days * 1_440 + int(hour) * 60 + int(minute)
    if sign is not None:
        offset = int(ahead_hour) * 60 + int(ahead_minute)
        minutes -= offset if sign == "+" else -offset
    return (minutes * 60 + int(second)) * 1_000 + int((decimals or "")[:3].ljust(3, "0"))


def is_writable(value: object, *, max_depth: int) -> bool:
    """Whether strict JSON can say a value: finite, in 64 bits, in UTF-8, not too deep."""
    pending: list[tuple[object, int]] = [(value, max_depth)]
    while pending:
        match pending.pop():
            case (None | bool(), _):
                continue
            case (str() as text, _) if _is_encodable(text):
                continue
            case (int() as number, _) if _INT64_MIN <= number <= _INT64_MAX:
                continue
            case (float() as number, _) if math.isfinite(number):
                continue
            case (list() as members, depth) if depth > 0:
                pending.extend((member, depth - 1) for member in members)
            case (dict() as members, depth) if depth > 0 and all(
                isinstance(key, str) and _is_encodable(key) for key in members
            ):
                pending.extend((member, depth - 1) for member in members.values())
            case _:
                return False
    return True


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
