"""What the operations of `stores.points.Points` mean for one point that is in memory."""

from typing import assert_never

from stores.points import (
    Above,
    AtMost,
    Differs,
    Equals,
    Except,
    Payload,
    Point,
    Stored,
    Where,
)

__all__ = ["meets", "patched", "shown"]


def meets(point: Point, where: Where) -> bool:
    """Whether all of the terms hold of it."""
    for term in where:
        match term:
            case Equals(field, value):
                holds = _equals(point, field, value)
            case Differs(field, value):
                holds = not _equals(point, field, value)
            case AtMost(field, bound):
                number = point.payload.get(field)
                holds = isinstance(number, int | float) and number <= bound
            case Above(field, bound):
                number = point.payload.get(field)
                holds = isinstance(number, int | float) and number > bound
            case Except(ids):
                holds = point.id not in ids
            case _:
                assert_never(term)
        if not holds:
            return False
    return True


def patched(point: Point, payload: Payload, *, under: str | None = None) -> Point:
    """The point with `payload` merged into its own, or into the object in the field `under`.

    Raises:
        TypeError: what is merged into an object is no integer.
    """
    if under is None:
        merged = {**point.payload, **payload}
    else:
        merged = {**point.payload, under: _merged_object(point.payload.get(under), payload)}
    return Point(point.id, point.vector, merged, point.words)


def shown(point: Point, *, vectors: bool, fields: tuple[str, ...] | None = None) -> Stored:
    """It as it is read: a copy, of the payload only `fields`, if given."""
    payload = {
        name: value for name, value in point.payload.items() if fields is None or name in fields
    }
    if not vectors:
        return Stored(point.id, payload, None)
    return Stored(point.id, payload, point.vector.copy(), point.words)


def _equals(point: Point, field: str, value: str | int) -> bool:
    held = point.payload.get(field)
    return value in held if isinstance(held, list) else held == value


def _merged_object(inner: object, payload: Payload) -> dict[str, int]:
    merged = dict(inner) if isinstance(inner, dict) else {}
    for name, value in payload.items():
        if not isinstance(value, int):
            raise TypeError(f"{name}: an object in a payload holds integers")
        merged[name] = value
    return merged
