"""Every request has an id, which its answer, its log lines and its problems carry."""

import os
import re
from typing import Any, Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["REQUEST_ID", "REQUEST_ID_HEADER", "RequestIds", "identified", "request_id_of"]

REQUEST_ID: Final = "X-Request-ID"

REQUEST_ID_HEADER: Final = REQUEST_ID.lower().encode()

_ACCEPTED: Final = re.compile(rb"[A-Za-z0-9._~:/+=-]{1,128}")
_STATE: Final = "request_id"


class RequestIds:
    """Takes over a caller's id of 1 to 128 harmless characters, or makes one."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = identified(scope)
        header = (REQUEST_ID_HEADER, request_id.encode())

        async def with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                others = [
                    one for one in message.get("headers", ()) if one[0].lower() != REQUEST_ID_HEADER
                ]
                message["headers"] = [*others, header]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, with_id)


def identified(scope: Scope) -> str:
    """The id of the request, which has one from now on."""
    # In place: whoever answers for a bug stands outside of this and sees the same scope.
    state: dict[str, Any] = scope.setdefault("state", {})
    found: str | None = state.get(_STATE)
    if found is None:
        given = next((value for name, value in scope["headers"] if name == REQUEST_ID_HEADER), b"")
        found = given.decode() if _ACCEPTED.fullmatch(given) else os.urandom(16).hex()
        state[_STATE] = found
    return found


def request_id_of(scope: Scope) -> str | None:
    """The id of the request; None before it has one."""
    found: str | None = scope.get("state", {}).get(_STATE)
    return found
