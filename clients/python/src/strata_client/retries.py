"""When a request is sent again: what may, how often, after which pause, and within a budget.

Only requests that may be repeated without another effect exist here: reads, and publishing
under an idempotency key.
"""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import tenacity

from strata_client.errors import KeyInUse, Refused, TooMany, Unavailable, Unreachable

__all__ = ["RetryBudget", "RetryPolicy"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How one request is tried.

    Attributes:
        attempts: At most, the first included; ≥ 1.
        first_pause_s, longest_pause_s: Pauses are drawn from 0 to a bound that doubles from
            the first to the longest ("full jitter").
        deadline_s: No attempt begins later than this after the first one; a service that asks
            for a longer pause is not asked again.
    """

    attempts: int = 4
    first_pause_s: float = 0.05
    longest_pause_s: float = 2.0
    deadline_s: float = 10.0

    def pause_s(self, attempt: int, error: BaseException | None) -> float:
        """Seconds to wait after a failed attempt, counted from 1."""
        asked_s = error.retry_after_s if isinstance(error, Refused) else None
        bound_s = min(self.longest_pause_s, self.first_pause_s * 2.0 ** (attempt - 1))
        jitter_s = random.uniform(0.0, bound_s)  # noqa: S311 - spreads load, guards nothing
        # Whoever was told the same moment must not come back in the same one.
        return jitter_s if asked_s is None else asked_s + jitter_s


class RetryBudget:
    """How many retries all requests of a client may make together: a token bucket.

    A retry takes one token; an answered request gives a part of one back. While a service is
    down the bucket runs empty, and its callers fail at once instead of multiplying the load.
    May be shared by clients, and by threads.

    Args:
        tokens: In a full bucket; ≥ 0.
        refund: Given back per answered request, in tokens; ≥ 0.
    """

    def __init__(self, *, tokens: float = 20.0, refund: float = 0.1) -> None:
        self._most = tokens
        self._refund = refund
        self._left = tokens
        self._lock = threading.Lock()

    @property
    def left(self) -> float:
        return self._left

    def take(self) -> bool:
        """Whether there was a token."""
        with self._lock:
            if self._left < 1.0:
                return False
            self._left -= 1.0
            return True

    def give_back(self) -> None:
        """A request was answered."""
        with self._lock:
            self._left = min(self._most, self._left + self._refund)


_WORTH_REPEATING: Final = (Unreachable, Unavailable, TooMany, KeyInUse)


def _is_worth_repeating(error: BaseException) -> bool:
    if isinstance(error, Unavailable):
        # 500 and 501 would come again.
        return error.problem.status in {502, 503, 504}
    return isinstance(error, _WORTH_REPEATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Arguments of tenacity's `Retrying` and `AsyncRetrying`."""

    retry: tenacity.retry_if_exception
    wait: Callable[[tenacity.RetryCallState], float]
    stop: Callable[[tenacity.RetryCallState], bool]
    reraise: bool = True


def rules(policy: RetryPolicy, budget: RetryBudget) -> Rules:
    """What tenacity is to do by a policy within a budget."""

    def wait(state: tenacity.RetryCallState) -> float:
        error = None if state.outcome is None else state.outcome.exception()
        return policy.pause_s(state.attempt_number, error)

    def stop(state: tenacity.RetryCallState) -> bool:
        is_over = state.attempt_number >= policy.attempts or (
            (state.seconds_since_start or 0.0) + state.upcoming_sleep > policy.deadline_s
        )
        # Last: a token is taken only for a retry that is going to happen.
        return is_over or not budget.take()

    return Rules(retry=tenacity.retry_if_exception(_is_worth_repeating), wait=wait, stop=stop)
