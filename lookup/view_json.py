"""Views as JSON that goes into other JSON."""

from typing import Final

import msgspec
from pydantic import BaseModel

__all__ = ["encoded", "members"]


def _encoded(view: object) -> msgspec.Raw:
    if isinstance(view, BaseModel):
        return msgspec.Raw(view.model_dump_json().encode())
    raise NotImplementedError


_encoder: Final = msgspec.json.Encoder(enc_hook=_encoded)


def encoded(value: object) -> bytes:
    """JSON of structs, and of views within them."""
    return _encoder.encode(value)


def members(value: msgspec.Struct) -> bytes:
    """The members of an object, without its braces."""
    return _encoder.encode(value)[1:-1]
