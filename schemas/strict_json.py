"""One strict JSON parser for every path that decides whether a record is acceptable.

RFC 8259 leaves duplicate keys, huge numbers, lone surrogates and deep nesting to the reader.
Two readers that choose differently are a hole, so here all of them are refused.
"""

import json
import math
import re
from collections import Counter
from typing import Final, NoReturn, cast

from schemas.json_values import INT64_MAX, INT64_MIN, Json
from schemas.rejection import Reason, Rejection

# A string ends at its quote or at the end of the text, so each byte is looked at once.
_STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")
_LONGEST_INT64: Final = len(str(INT64_MIN))


class _RefusedError(ValueError):
    def __init__(self, rejection: Rejection) -> None:
        super().__init__(rejection.detail)
        self.rejection = rejection


def parse(raw: bytes, *, max_depth: int) -> Json | Rejection:
    """Parse a JSON text, or say why it is refused; never raises for any bytes.

    Args:
        raw: UTF-8 without a byte order mark.
        max_depth: Deepest nesting of objects and arrays allowed; a lone scalar has depth 0.
    """
    if _is_deeper_than(raw, max_depth):
        return Rejection(Reason.TOO_DEEP, f"nested deeper than {max_depth} levels")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        return Rejection(Reason.NOT_UTF8, f"{error.reason} at byte {error.start}")
    try:
        value = cast("Json", _DECODER.decode(text))
    except _RefusedError as refused:
        return refused.rejection
    except json.JSONDecodeError as error:
        return Rejection(Reason.NOT_JSON, f"{error.msg} at character {error.pos}")
    # A lone surrogate can only be written as an escape.
    if b"\\u" in raw and not is_writable(value, max_depth=max_depth):
        return Rejection(Reason.NOT_UTF8, "a string holds half a surrogate pair")
    return value


def _is_deeper_than(raw: bytes, max_depth: int) -> bool:
    # Counted before parsing, without recursion: the parser itself never meets deep input.
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return False
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub(b"", raw)):
        if bracket[0] in b"[{":
            depth += 1
            if depth > max_depth:
                return True
        else:
            depth -= 1
    return False


def is_writable(value: object, *, max_depth: int) -> bool:
    """Whether a Python value is one that `parse` could have returned; does not recurse.

    Args:
        value: Anything.
        max_depth: As for `parse`.
    """
    pending: list[tuple[object, int]] = [(value, max_depth)]
    while pending:
        match pending.pop():
            case (None | bool(), _):
                continue
            case (str() as text, _) if _is_encodable(text):
                continue
            case (int() as number, _) if INT64_MIN <= number <= INT64_MAX:
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


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    members = dict(pairs)
    if len(members) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _RefusedError(Rejection(Reason.DUPLICATE_KEY, f"key {twice[:64]!a} comes twice"))
    return members


def _integer(digits: str) -> int:
    # The length first: Python refuses, or is slow, to convert thousands of digits.
    if len(digits) <= _LONGEST_INT64 and INT64_MIN <= (number := int(digits)) <= INT64_MAX:
        return number
    raise _RefusedError(
        Rejection(Reason.NUMBER_OUT_OF_RANGE, "an integer does not fit in 64 signed bits")
    )


def _float(digits: str) -> float:
    number = float(digits)
    if math.isfinite(number):
        return number
    raise _RefusedError(Rejection(Reason.NUMBER_OUT_OF_RANGE, "a number overflows a double"))


def _constant(name: str) -> NoReturn:
    raise _RefusedError(Rejection(Reason.NOT_JSON, f"{name} is not JSON"))


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)
