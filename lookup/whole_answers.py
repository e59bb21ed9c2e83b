"""Answers that are there as a whole, sent in one piece where the server can.

ASGI has an answer sent as messages, each header of which uvicorn looks at by itself. Our own server
offers more (`lookup.server`).
"""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from starlette.types import Scope, Send

__all__ = ["WHOLE", "SendWhole", "send_whole"]

WHOLE: Final = "strata.whole_answer"
"""The extension of ASGI that our server offers, as the scope names it."""

SendWhole: TypeAlias = Callable[[int, Sequence[tuple[bytes, bytes]], bytes], bool]
"""Sends status, headers and body; False if it cannot just now, and nothing was sent."""


async def send_whole(
    scope: Scope, send: Send, status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes
) -> None:
    """Send an answer.

    Args:
        headers: With the body's length where it has one; names in small letters, and nothing in
            them but what belongs into headers.
    """
    offered = scope.get("extensions", {}).get(WHOLE)
    whole: SendWhole | None = None if offered is None else offered["send"]
    if whole is not None and whole(status, headers, body):
        return
    await send({"type": "http.response.start", "status": status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
