"""What happens to a request before it is routed."""

import asyncio
from collections.abc import Mapping
from typing import Final

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["MAX_BODY", "BodyLimit", "RawPath"]

MAX_BODY: Final = "max_body_bytes"
"""In a request's state: bytes that its body may have, where that is less than elsewhere."""

_MAX_BODY_BYTES: Final = 1_048_576
# The rest of such a body is not waited for.
_CLOSE: Final = {"Connection": "close"}


class RawPath:
    """Routes by the path as it was sent, so that an encoded slash in an id is not a separator.

    Otherwise nothing could tell a user named "ann/explanation" from the
    explanation of "ann". Path parameters therefore arrive percent-encoded.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw_path = scope.get("raw_path")
        if scope["type"] == "http" and raw_path is not None:
            scope = {**scope, "path": raw_path.decode("latin-1")}
        await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a body that grows past 1 MiB, whatever its headers said, or comes too slowly.

    Whoever decides about the request may lower the limit, as `MAX_BODY` of its state.

    Args:
        larger: Path → bytes that a body there may have instead.
        within_s: A whole body has to be there so long after it was first waited for; > 0.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int], *, within_s: float) -> None:
        self._app = app
        self._larger = larger
        self._within_s = within_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received_bytes = 0
        deadline_s: float | None = None
        whole = False

        async def bounded() -> Message:
            nonlocal received_bytes, deadline_s, whole
            if whole:
                # What comes now is the end of the connection, which may take its time.
                return await receive()
            if deadline_s is None:
                deadline_s = asyncio.get_running_loop().time() + self._within_s
            try:
                async with asyncio.timeout_at(deadline_s):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408, f"a body has to be there within {self._within_s:g} s", _CLOSE
                ) from None
            received_bytes += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            max_bytes = min(
                self._larger.get(scope["path"], _MAX_BODY_BYTES),
                scope.get("state", {}).get(MAX_BODY, received_bytes),
            )
            if received_bytes > max_bytes:
                raise HTTPException(413, f"a body may have {max_bytes} bytes", _CLOSE)
            return message

        await self._app(scope, bounded, send)
