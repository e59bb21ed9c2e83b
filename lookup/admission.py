"""How many questions are answered at a time: what is beyond is refused at once, not kept waiting.

Whoever takes everything in answers nothing in time once more comes than can be answered: each waits
for all before it, until its caller has gone. With a bound, what is taken in is answered, and the
rest is told within a millisecond to come back.
"""

from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lookup.problems import problem_answer

__all__ = ["MOST_AT_ONCE", "Admission", "Places"]

MOST_AT_ONCE: Final = 256
"""Questions of one process under way, where nothing else is said."""

_ASKED: Final = "/v1/"


class Places:
    """For requests that are answered at a time.

    Args:
        most: ≥ 1.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0

    @property
    def are_taken(self) -> bool:
        return self._taken >= self._most

    def take(self) -> None:
        self._taken += 1

    def give_back(self) -> None:
        self._taken -= 1


class Admission:
    """Lets as many requests under `/v1/` be answered at a time as there are places.

    Probes, metrics and pages always pass. A request counts from the moment at which all of it is
    there: who sends slowly keeps nobody else out.
    """

    def __init__(self, app: ASGIApp, *, places: Places) -> None:
        self._app = app
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_ASKED):
            await self._app(scope, receive, send)
            return
        if self._places.are_taken:
            await _refusal(Request(scope))(scope, receive, send)
            return
        counted = False

        def count() -> None:
            nonlocal counted
            if not counted:
                counted = True
                self._places.take()

        async def received() -> Message:
            message = await receive()
            if not message.get("more_body", False):
                count()
            return message

        if scope["method"] in ("GET", "HEAD"):
            count()
        try:
            await self._app(scope, received, send)
        finally:
            if counted:
                self._places.give_back()


def _refusal(request: Request) -> ASGIApp:
    return problem_answer(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        kind="urn:strata:problem:overloaded",
        title="Overloaded",
        detail="more is asked than can be answered in time; nothing was done, ask again",
        headers={"Retry-After": "1"},
    )
