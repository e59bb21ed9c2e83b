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

__all__ = ["MOST_AT_ONCE", "Admission"]

MOST_AT_ONCE: Final = 256
"""Questions of one process under way, where nothing else is said."""

_ASKED: Final = "/v1/"


class Admission:
    """Lets `most` requests under `/v1/` be answered at a time.

    Probes, metrics and pages always pass. A request counts from the moment at which all of it is
    there: who sends slowly keeps nobody else out.

    Args:
        most: ≥ 1.
    """

    def __init__(self, app: ASGIApp, *, most: int) -> None:
        self._app = app
        self._most = most
        self._under_way = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_ASKED):
            await self._app(scope, receive, send)
            return
        if self._under_way >= self._most:
            await _refusal(Request(scope))(scope, receive, send)
            return
        counted = False

        def count() -> None:
            nonlocal counted
            if not counted:
                counted = True
                self._under_way += 1

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
                self._under_way -= 1


def _refusal(request: Request) -> ASGIApp:
    return problem_answer(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        kind="urn:strata:problem:overloaded",
        title="Overloaded",
        detail="more is asked than can be answered in time; nothing was done, ask again",
        headers={"Retry-After": "1"},
    )
