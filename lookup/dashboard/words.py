"""Numbers, moments and spans as people read them; filters of the templates."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from jinja2 import Environment

__all__ = ["add_filters", "ago", "compact", "moment", "number", "percent", "span", "spelled_out"]

# From how many seconds on a unit is used, its length and its name.
_STEPS = (
    (86_400 * 730, 86_400 * 365.25, "y"),
    (86_400 * 90, 86_400 * 30.4375, "mo"),
    (86_400, 86_400, "d"),
    (3_600, 3_600, "h"),
    (60, 60, "min"),
)


def number(value: float, digits: int = 0) -> str:
    """With separators of thousands.

    >>> number(12345.6), number(0.5, 2)
    ('12,346', '0.50')
    """
    return f"{value:,.{digits}f}"


def compact(value: float) -> str:
    """Three digits and a unit of thousands.

    >>> compact(950), compact(12_345), compact(4_500_000)
    ('950', '12.3 k', '4.5 M')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:.3g}"


def percent(share: float, digits: int = 0) -> str:
    """A share in hundredths; what would round to nothing is said to be little.

    >>> percent(0.314), percent(0.0004, 1)
    ('31 %', '<0.1 %')
    """
    least = 10.0 ** (-digits - 2)
    if 0 < share < least:
        return f"<{least * 100:.{digits}f} %"
    return f"{share * 100:.{digits}f} %"


def span(seconds: float) -> str:
    """A length of time in its largest fitting unit.

    >>> span(0.25), span(90), span(86_400 * 30), span(86_400 * 12)
    ('0.2 s', '1.5 min', '30 d', '12 d')
    """
    for least_s, length_s, unit in _STEPS:
        if seconds >= least_s:
            found = seconds / length_s
            return f"{found:.0f} {unit}" if found >= 10 else f"{round(found, 1):g} {unit}"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def ago(seconds: float) -> str:
    """How long before now, or after.

    >>> ago(3.0), ago(7_200), ago(-86_400)
    ('just now', '2 h ago', 'in 1 d')
    """
    if abs(seconds) < 10:
        return "just now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def moment(at: dt.datetime) -> str:
    """A date and a time of day, without the zone.

    >>> moment(dt.datetime(2025, 3, 1, 12, 5, tzinfo=dt.UTC))
    '1 Mar 2025, 12:05'
    """
    return f"{at.day} {at:%b %Y, %H:%M}"


def spelled_out(raw: bytes) -> str:
    r"""Bytes as text: what is not UTF-8 as \xNN.

    >>> spelled_out(b'{"a": "\xff"}')
    '{"a": "\\xff"}'
    """
    return raw.decode("utf-8", "backslashreplace")


def add_filters(environment: Environment, *, now_ms: Callable[[], int]) -> None:
    """Give the templates these words; moments are RFC 3339 texts or ms since the epoch."""

    def parsed(at: str | int) -> dt.datetime:
        if isinstance(at, int):
            return dt.datetime.fromtimestamp(at / 1_000, dt.UTC)
        return dt.datetime.fromisoformat(at)

    def since(at: str | int) -> str:
        return ago(now_ms() / 1_000 - parsed(at).timestamp())

    filters: dict[str, Callable[..., Any]] = {
        "ago": since,
        "compact": compact,
        "instant": lambda at: parsed(at).isoformat(timespec="seconds"),
        "moment": lambda at: moment(parsed(at)),
        "number": number,
        "percent": percent,
        "span": span,
        "spelled_out": spelled_out,
    }
    environment.filters.update(filters)
