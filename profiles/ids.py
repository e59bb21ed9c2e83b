"""Identities as fixed-width hashes of length-prefixed parts.

Joining parts with a separator lets ``("a:b", "c")`` meet ``("a", "b:c")``;
prefixing each part with its length cannot (injective encoding, then BLAKE2b,
RFC 7693).
"""

from functools import lru_cache
from hashlib import blake2b
from typing import Final

__all__ = [
    "DRAWS",
    "action_code",
    "draw_of",
    "event_hash",
    "exported_event",
    "exported_text",
    "item_key",
    "key_of_exported_text",
    "user_key",
]

DRAWS: Final = 2**32
"""Draws are below this."""


def _digest(size_bytes: int, purpose: bytes, *parts: str) -> bytes:
    joined = b""
    for part in parts:
        encoded = part.encode()
        joined += len(encoded).to_bytes(4, "little") + encoded
    return blake2b(joined, digest_size=size_bytes, person=purpose).digest()


@lru_cache(maxsize=1 << 16)
def user_key(tenant: str, user_id: str) -> bytes:
    """128-bit identity of a user, 16 bytes; the point id in the user store.

    >>> user_key("a", "b:c") == user_key("a:b", "c")
    False
    """
    return _digest(16, b"strata-user", tenant, user_id)


def draw_of(key: bytes) -> int:
    """A user's place in the order by which samples are drawn, in [0, 2**32).

    The first four bytes of the key, big-endian: uniform, the same for ever, and in the
    order of keys. Those below a bound are a simple random sample.

    >>> draw_of(bytes.fromhex("000001ff") + bytes(12))
    511
    """
    return int.from_bytes(key[:4], "big")


@lru_cache(maxsize=1 << 18)
def item_key(tenant: str, item_id: str) -> int:
    """64-bit identity of an item, in [0, 2**64); the point id in the item store.

    Two of a million items meet with a probability of 3e-8.
    """
    return int.from_bytes(_digest(8, b"strata-item", tenant, item_id), "little")


_EXPORTED: Final = "exported:"
_EVENT_DIGITS: Final = 8
_TEXT_DIGITS: Final = 16


def _of_export(text: str, digits: int) -> int | None:
    """The hash that an exported name stands for; None for every other name."""
    code = text[len(_EXPORTED) :]
    if len(code) != digits or not set(code) <= set("0123456789abcdef"):
        return None
    return int(code, 16)


def event_hash(event_id: str) -> int:
    """32-bit hash of an event id, in [0, 2**32).

    An entry is identified by this *and* its time, item, weight and action, so a
    collision needs all of them equal.

    Ids are not kept. An exported event therefore carries its hash as its id
    (`exported_event`), and reading it back changes nothing.

    >>> event_hash(exported_event(event_hash("e-81"))) == event_hash("e-81")
    True
    """
    if event_id.startswith(_EXPORTED) and (code := _of_export(event_id, _EVENT_DIGITS)) is not None:
        return code
    return int.from_bytes(_digest(4, b"strata-event", event_id), "little")


def exported_event(event: int) -> str:
    """An event id whose `event_hash` is `event`."""
    return f"{_EXPORTED}{event:0{_EVENT_DIGITS}x}"


def key_of_exported_text(text: str) -> int | None:
    """The key that stands in the place of a text that was not kept; None for any other text.

    >>> key_of_exported_text(exported_text(7))
    7
    """
    return _of_export(text, _TEXT_DIGITS) if text.startswith(_EXPORTED) else None


def exported_text(key: int) -> str:
    """What is written in the place of a text of which only its key is kept."""
    return f"{_EXPORTED}{key:0{_TEXT_DIGITS}x}"


@lru_cache(maxsize=1 << 12)
def action_code(action: str) -> int:
    """16-bit code of an action's name, in [0, 2**16); independent of any table's order."""
    return int.from_bytes(_digest(2, b"strata-action", action), "little")
