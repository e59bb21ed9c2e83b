"""Long lists in pages, by a cursor that says where the page before ended."""

import base64
import binascii
from typing import Final

import msgspec

from lookup.errors import InvalidArgument
from schemas.views import PersonasView

__all__ = ["page_of_personas"]

_LONGEST_CURSOR: Final = 2_048
_VERSION: Final = 1


class _Place(msgspec.Struct, array_like=True, frozen=True):
    """Where a page of personas ended: they are listed by falling size, then by id."""

    version: int
    size: int
    persona: str


_decoder = msgspec.json.Decoder(_Place)


def page_of_personas(view: PersonasView, *, limit: int, cursor: str | None) -> PersonasView:
    """At most `limit` personas after the cursor's place, and the cursor of the next page.

    A cursor names a place in the order, not a number: personas that come, go or change size
    between two pages shift nothing else.

    Raises:
        InvalidArgument: the cursor is none.
    """
    left = view.personas
    if cursor is not None:
        place = _decoded(cursor)
        before = (-place.size, place.persona)
        left = tuple(persona for persona in left if (-persona.size, persona.id) > before)
    page = left[:limit]
    more = len(left) > limit
    return view.model_copy(
        update={
            "personas": page,
            "next_cursor": _encoded(_Place(_VERSION, page[-1].size, page[-1].id)) if more else None,
        }
    )


def _encoded(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _decoded(cursor: str) -> _Place:
    refused = InvalidArgument("query.cursor", "is no cursor of this list")
    if len(cursor) > _LONGEST_CURSOR:
        raise refused
    try:
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        place = _decoder.decode(raw)
    except (UnicodeError, binascii.Error, msgspec.DecodeError):
        raise refused from None
    if place.version != _VERSION:
        raise refused
    return place
