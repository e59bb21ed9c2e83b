"""What is fuzzed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = ["Target"]


@dataclass(frozen=True, slots=True)
class Target:
    """A decoder.

    Attributes:
        samples: What it accepts; inputs are these, damaged.
        read: Runs it.
        refusals: What it may raise; anything else is a bug.
    """

    name: str
    samples: Sequence[bytes]
    read: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...] = ()
