"""Answers that are not sent again to who has them (RFC 9110, section 13)."""

from hashlib import blake2b

from starlette.responses import Response

__all__ = ["conditional"]


def conditional(if_none_match: str | None, body: bytes) -> Response:
    """200 with an entity tag, or 304 if the caller names that tag already.

    The tag is weak: it stands for the JSON, however that is compressed on its way.

    Args:
        if_none_match: The request's header, if it has one.
    """
    tag = f'W/"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "ETag": tag,
        # To be kept by the caller alone, and asked about before each use.
        "Cache-Control": "private, no-cache",
        "Vary": "X-Strata-Tenant, Authorization",
    }
    if _is_named(tag, if_none_match):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _is_named(tag: str, if_none_match: str | None) -> bool:
    if if_none_match is None:
        return False
    # Weak comparison; our tags hold no comma.
    named = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return "*" in named or tag.removeprefix("W/") in named
