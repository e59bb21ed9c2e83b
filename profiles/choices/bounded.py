"""A mapping that forgets what was used longest ago."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["Bounded"]

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """At most `most` values; the one used longest ago leaves first.

    >>> table = Bounded[str, int](2)
    >>> for name in "aba" "c":
    ...     _ = table.use(name, lambda: 0)
    >>> sorted(table)
    ['a', 'c']
    """

    def __init__(self, most: int) -> None:
        if most < 1:
            raise ValueError(f"most must be at least 1, not {most}")
        self._most = most
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """The value, if there; not a use."""
        return self._values.get(key)

    def use(self, key: K, make: Callable[[], V]) -> V:
        """The value, made if missing, and now the one used last."""
        value = self._values.get(key)
        if value is None:
            value = self._values[key] = make()
            if len(self._values) > self._most:
                self._values.popitem(last=False)
        else:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> None:
        """Replace or add; now the one used last."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def pop(self, key: K) -> V | None:
        return self._values.pop(key, None)

    def __iter__(self) -> Iterator[K]:
        return iter(self._values)

    def values(self) -> list[V]:
        return list(self._values.values())

    def __len__(self) -> int:
        return len(self._values)
