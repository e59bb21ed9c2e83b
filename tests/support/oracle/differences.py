"""Readable differences between what should be and what is."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice


def compare(
    expected: object,
    observed: object,
    *,
    name: str = "",
    relative: float = 0.0,
    absolute: float = 0.0,
) -> Iterator[str]:
    """One line per place where the two differ, named by its path.

    Mappings are compared key by key and sequences place by place. Two floats are
    equal within the tolerances, as `math.isclose` has them; everything else must
    be equal and of one type, so that 1, 1.0 and True differ.
    """
    match expected, observed:
        case Mapping(), Mapping():
            for key in _in_order(expected.keys() | observed.keys()):
                place = f"{name}[{_shown(key)}]"
                if key not in observed:
                    yield f"{place}: missing, expected {_shown(expected[key])}"
                elif key not in expected:
                    yield f"{place}: unexpected {_shown(observed[key])}"
                else:
                    yield from compare(
                        expected[key],
                        observed[key],
                        name=place,
                        relative=relative,
                        absolute=absolute,
                    )
        case ((list() | tuple()), (list() | tuple())):
            yield from _compare_sequences(expected, observed, name, relative, absolute)
        case float(), float():
            if not math.isclose(expected, observed, rel_tol=relative, abs_tol=absolute):
                yield f"{name}: expected {expected!r}, observed {observed!r}"
        case _:
            if type(expected) is not type(observed) or expected != observed:
                yield f"{name}: expected {_shown(expected)}, observed {_shown(observed)}"


def _compare_sequences(
    expected: Sequence[object],
    observed: Sequence[object],
    name: str,
    relative: float,
    absolute: float,
) -> Iterator[str]:
    if len(expected) != len(observed):
        yield f"{name}: expected {len(expected)} elements, observed {len(observed)}"
    for place, (one, other) in enumerate(zip(expected, observed, strict=False)):
        yield from compare(
            one, other, name=f"{name}[{place}]", relative=relative, absolute=absolute
        )


def _in_order(keys: Iterable[object]) -> list[object]:
    return sorted(keys, key=lambda key: (type(key).__name__, repr(key)))


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def first_ten(differences: Iterable[str]) -> str:
    """The first ten lines and whether there are more; empty if nothing differs.

    >>> first_ten(compare({"a": 1}, {"a": 2}))
    "['a']: expected 1, observed 2"
    """
    lines = list(islice(differences, 11))
    if len(lines) > 10:
        lines[10] = "… and more"
    return "\n".join(lines)
