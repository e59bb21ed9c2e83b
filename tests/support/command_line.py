"""Running `strata` inside the test's process."""

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Command", "Outcome"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command line led to: exit code, stdout, stderr."""

    code: int
    out: str
    err: str


Command = Callable[..., Outcome]
