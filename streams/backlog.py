"""Whether much more has been published than this worker has taken in.

Who reads what is old already gains little from storing each change at once, and has better things
to do than learn models of what is half taken in.
"""

import math
from collections.abc import Callable
from typing import Final

__all__ = ["Backlog"]

_MUCH: Final = 25_000
"""Events of all topics and partitions: two seconds' work, or more."""
_PATIENCE_S: Final = 60.0
_APART_S: Final = 10.0
"""Between two backlogs; one that is gone for a moment is the same."""


class Backlog:
    """What is left to take in, as far as is known without asking anybody.

    Args:
        left: How many events that is.
        elapsed_s: Of a clock that never goes back.
        much: Events; of more that are left, others wait until they are taken in ...
        patience_s: ... but not longer than that: where more comes in than can be taken in, nothing
            would ever be learned.
    """

    def __init__(
        self,
        *,
        left: Callable[[], int],
        elapsed_s: Callable[[], float],
        much: int = _MUCH,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._left = left
        self._elapsed_s = elapsed_s
        self._much = much
        self._patience_s = patience_s
        self._since_s = self._seen_s = -math.inf

    def share(self) -> float:
        """How near to much that is which is left: from 0 for nothing to 1 for much, or more."""
        return min(1.0, self._left() / self._much)

    def is_large(self) -> bool:
        """Whether more than much is left."""
        if self._left() <= self._much:
            return False
        now_s = self._elapsed_s()
        if now_s - self._seen_s > _APART_S:
            self._since_s = now_s
        self._seen_s = now_s
        return True

    def goes_first(self) -> bool:
        """Whether much is left, and has not been for so long that others must have their turn."""
        return self.is_large() and self._elapsed_s() - self._since_s < self._patience_s
