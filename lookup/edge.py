"""What happens to a request before it is routed."""

from collections.abc import Mapping
from typing import Final

from fastapi import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["BodyLimit", "RawPath"]

_MAX_BODY_BYTES: Final = 1_048_576


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
    """Refuses a body once it has grown past 1 MiB, whatever its headers said.

    Args:
        larger: Path → bytes that a body there may have instead.
    """

    def __init__(self, app: ASGIApp, larger: Mapping[str, int]) -> None:
        self._app = app
        self._larger = larger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received_bytes = 0
        max_bytes = self._larger.get(scope.get("path", ""), _MAX_BODY_BYTES)

        async def bounded() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > max_bytes:
                raise HTTPException(413, f"a body may have {max_bytes} bytes")
            return message

        await self._app(scope, bounded, send)
