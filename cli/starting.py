"""A process that starts before the parts it stands on waits for them, and says for which."""

import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from aiokafka.errors import KafkaConnectionError
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception_type,
    stop_after_delay,
    wait_random_exponential,
)

from lookup.problems import PROBLEM_MEDIA_TYPE
from profiles.ports import StoreUnavailable
from schemas.views import Problem, ReadinessView, StoreReadinessView
from streams.topics import TopicsUnavailable

__all__ = ["AT_ONCE", "Door", "Starting"]

T = TypeVar("T")

_log = structlog.get_logger(__name__)

_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0
_AWAY: Final = (StoreUnavailable, TopicsUnavailable, KafkaConnectionError)
"""Not a wrong password, another dimension or another partition count: waiting mends none."""


class Starting:
    """What a process waits for while it starts.

    Args:
        patience_s: So long each part is waited for; 0 for not at all.

    Attributes:
        waiting_for: The part that has not answered yet; None while nothing is waited for.
    """

    def __init__(self, *, patience_s: float) -> None:
        self._patience_s = patience_s
        self.waiting_for: str | None = None

    async def reached(self, part: str, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` gives once the part answers.

        It is made again while the part is away, after exponential pauses with full jitter, of
        at most 5 s.

        Raises:
            What the last attempt raised, if patience is over; anything else at once.
        """
        since_s = time.monotonic()

        async def attempted() -> T:
            # `partial` of a coroutine function is not recognised as one.
            return await attempt()

        def say(state: RetryCallState) -> None:
            self.waiting_for = part
            failure = state.outcome.exception() if state.outcome else None
            _log.warning(
                "waiting for a part to start",
                part=part,
                waited_s=round(time.monotonic() - since_s, 1),
                patience_s=self._patience_s,
                error=str(failure),
            )

        retrying = AsyncRetrying(
            retry=retry_if_exception_type(_AWAY),
            wait=wait_random_exponential(multiplier=_FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
            stop=stop_after_delay(self._patience_s),
            before_sleep=say,
            reraise=True,
        )
        try:
            return await retrying(attempted)
        finally:
            self.waiting_for = None


AT_ONCE: Final = Starting(patience_s=0.0)
"""For commands: a person is waiting, and is told at once."""


class Door:
    """What is answered at a service's address before there is a service.

    Args:
        starting: What it waits for.
    """

    def __init__(self, starting: Starting) -> None:
        self._starting = starting
        self._app: ASGIApp | None = None

    def opens(self, app: ASGIApp) -> None:
        """From now on `app` answers."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app or self._answer(scope.get("path", ""))
        await answer(scope, receive, send)

    def _answer(self, path: str) -> Response:
        part = self._starting.waiting_for
        if path == "/livez":
            return JSONResponse({"live": True})
        if path == "/readyz":
            stores = (
                {part: StoreReadinessView(ready=False, error="does not answer yet")} if part else {}
            )
            view = ReadinessView(ready=False, stores=stores)
            return JSONResponse(view.model_dump(), status_code=503)
        problem = Problem(
            type="about:blank",
            title="Service Unavailable",
            status=503,
            detail=f"waiting for {part} to start" if part else "starting",
            instance=path,
        )
        return Response(
            problem.model_dump_json(),
            status_code=503,
            media_type=PROBLEM_MEDIA_TYPE,
            headers={"Retry-After": "1"},
        )
