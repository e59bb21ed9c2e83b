"""The instant of an event, from either of its two spellings, in whole milliseconds."""

import datetime as dt
import re
from decimal import ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

_EPOCH: Final = dt.date(1970, 1, 1).toordinal()
_RFC3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]"
    r"([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))"
)
# The year 10000; from there on a number is surely not in seconds.
_END_S: Final = 253_402_300_800

# Almost every producer writes `2024-05-06T07:08:09Z` or the same with three decimals; its parts
# are looked up, which is three times as fast as the pattern above and exact.
_MINUTES: Final = {
    f"T{hour:02}:{minute:02}:": hour * HOUR_MS + minute * MINUTE_MS
    for hour in range(24)
    for minute in range(60)
}
_SECONDS: Final = {f"{second:02}": second * SECOND_MS for second in range(60)}
_TAILS: Final = {"Z": 0} | {f".{ms:03}Z": ms for ms in range(1000)}
# The other way round, for answers, which hold dozens of instants.
_MINUTE_TEXTS: Final = tuple(_MINUTES)
_SECOND_TEXTS: Final = tuple(_SECONDS)
_TAIL_TEXTS: Final = tuple(tail for tail in _TAILS if tail != "Z")


def instant_ms(occurred_at: str | float) -> int | None:
    """Milliseconds since 1970-01-01T00:00:00Z, rounded down; None if it is no instant.

    Text is an RFC 3339 date-time with `Z` or an offset, either letter case, any number of
    decimals; a leap second (`:60`) is refused because it has no place on the epoch scale.
    A number is epoch seconds; a float counts as the shortest decimal that reads back as it,
    so 1.001 is 1001 ms.

    >>> instant_ms("1970-01-01T01:00:00.0019+01:00"), instant_ms(1.001), instant_ms("yesterday")
    (1, 1001, None)
    """
    if isinstance(occurred_at, str):
        minute = _MINUTES.get(occurred_at[10:17])
        second = _SECONDS.get(occurred_at[17:19])
        tail = _TAILS.get(occurred_at[19:])
        if minute is None or second is None or tail is None:
            return _rfc3339_ms(occurred_at)
        day = _day_ms(occurred_at[:10])
        return None if day is None else day + minute + second + tail
    if not -_END_S < occurred_at < _END_S:
        return None
    if isinstance(occurred_at, int):
        return occurred_at * SECOND_MS
    return int((Decimal(repr(occurred_at)) * SECOND_MS).to_integral_value(ROUND_FLOOR))


def rfc3339(instant: int) -> str:
    """The canonical spelling of an instant in milliseconds since the epoch, in UTC.

    Raises:
        ValueError: the instant lies outside the years 1970 to 9999.

    >>> rfc3339(1001)
    '1970-01-01T00:00:01.001Z'
    """
    if not 0 <= instant < _END_S * SECOND_MS:
        raise ValueError(f"{instant} ms is not between the years 1970 and 9999")
    minutes, ms = divmod(instant, MINUTE_MS)
    day, minute = divmod(minutes, 1_440)
    second, ms = divmod(ms, SECOND_MS)
    return f"{_date(day)}{_MINUTE_TEXTS[minute]}{_SECOND_TEXTS[second]}{_TAIL_TEXTS[ms]}"


def _rfc3339_ms(text: str) -> int | None:
    matched = _RFC3339.fullmatch(text)
    if matched is None:
        return None
    date, hour, minute, second, decimals, sign, offset_hour, offset_minute = matched.groups()
    day = _day_ms(date)
    if day is None:
        return None
    local = (
        day
        + int(hour) * HOUR_MS
        + int(minute) * MINUTE_MS
        + int(second) * SECOND_MS
        + int((decimals or "")[:3].ljust(3, "0"))
    )
    if sign is None:
        return local
    offset = int(offset_hour) * HOUR_MS + int(offset_minute) * MINUTE_MS
    return local - offset if sign == "+" else local + offset


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return dt.date.fromordinal(_EPOCH + day).isoformat()


@lru_cache(maxsize=4096)
def _day_ms(date: str) -> int | None:
    # `date.fromisoformat` also reads week dates and other shapes of ten characters.
    if date[4:5] != "-" or date[7:8] != "-":
        return None
    digits = date[:4] + date[5:7] + date[8:]
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        day = dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return (day.toordinal() - _EPOCH) * DAY_MS
