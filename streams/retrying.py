"""Waiting for a store to come back, without losing or skipping the work in hand."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from profiles.ports import StoreUnavailable

__all__ = ["retries", "until_available"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)


# Of the whole process: all engines wait here, for whichever store it is.
_counts: Counter[str] = Counter()


def retries() -> int:
    """How often a store was unavailable and was asked again, since this process began."""
    return _counts["retries"]


def _say(attempt: RetryCallState) -> None:
    _counts["retries"] += 1
    failure = attempt.outcome.exception() if attempt.outcome else None
    _log.warning(
        "store unavailable, trying again", attempt=attempt.attempt_number, error=str(failure)
    )


async def until_available(call: Callable[[], Awaitable[T]]) -> T:
    """Repeat an idempotent call while its store is unavailable, for as long as it takes.

    Pauses are exponential with full jitter, at most 5 s. Other errors pass
    through. Back-pressure does the rest: offsets are not committed meanwhile, and
    the consumer thread keeps its heartbeat.
    """
    try:
        # Nearly always it is available, and building a retrial takes as long as a call.
        return await call()
    except StoreUnavailable as error:
        _counts["retries"] += 1
        _log.warning("store unavailable, trying again", attempt=0, error=str(error))
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(StoreUnavailable),
        wait=wait_random_exponential(multiplier=0.1, max=5.0),
        before_sleep=_say,
        reraise=True,
    )

    async def attempt() -> T:
        # `partial` of a coroutine function is not recognised as one.
        return await call()

    await asyncio.sleep(random.uniform(0.0, 0.1))  # noqa: S311 - jitter, not a secret
    return await retrying(attempt)
