"""Answers that are not sent again to who has them (RFC 9110, section 13)."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from starlette.responses import Response
from starlette.types import Scope, Send

from lookup.whole_answers import send_whole

__all__ = ["conditional", "send_conditional"]

_HEADERS: Final = {
    # To be kept by the caller alone, and asked about before each use.
    "Cache-Control": "private, no-cache",
    "Vary": "X-Strata-Tenant, Authorization",
}
_JSON: Final = "application/json"
_KEPT: Final = [(name.lower().encode(), value.encode()) for name, value in _HEADERS.items()]
_TYPED: Final = (b"content-type", _JSON.encode())


def conditional(if_none_match: str | None, body: bytes) -> Response:
    """200 with an entity tag, or 304 if the caller names that tag already.

    The tag is weak: it stands for the JSON, however that is compressed on its way.

    Args:
        if_none_match: The request's header, if it has one.
    """
    tag = _tag_of(body)
    headers = {"ETag": tag, **_HEADERS}
    if _is_named(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type=_JSON)


async def send_conditional(
    scope: Scope,
    send: Send,
    if_none_match: str | None,
    body: bytes,
    *,
    more: Sequence[tuple[bytes, bytes]] = (),
) -> int:
    """`conditional`, sent without a response in between; its status.

    Args:
        more: Headers, their names in small letters.
    """
    tag = _tag_of(body)
    unchanged = if_none_match is not None and _is_named(tag, if_none_match)
    headers = [(b"etag", tag.encode()), *_KEPT, *more]
    status = 304 if unchanged else 200
    if unchanged:
        body = b""
    else:
        headers += [(b"content-length", b"%d" % len(body)), _TYPED]
    await send_whole(scope, send, status, headers, body)
    return status


def _tag_of(body: bytes) -> str:
    return f'W/"{blake2b(body, digest_size=12).hexdigest()}"'


def _is_named(tag: str, if_none_match: str | None) -> bool:
    if if_none_match is None:
        return False
    # Weak comparison; our tags hold no comma.
    named = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in named or tag.removeprefix("W/") in named
