"""Keys of records, users and items, as Strata makes them."""

import json
from hashlib import blake2b
from typing import Final

__all__ = ["DEFAULT_TENANT", "item_key", "record_key", "user_key"]

DEFAULT_TENANT: Final = "default"


def record_key(tenant: str, ident: str) -> bytes:
    """The key of a user's or an item's records in Kafka.

    >>> record_key("default", "anna"), record_key("shop", "anna")
    (b'anna', b'["shop","anna"]')
    """
    if tenant == DEFAULT_TENANT and not ident.startswith("["):
        return ident.encode()
    return json.dumps([tenant, ident], ensure_ascii=False, separators=(",", ":")).encode()


def user_key(tenant: str, user_id: str) -> bytes:
    """16 bytes that name a user in the stores."""
    return _digest(16, b"strata-user", tenant, user_id)


def item_key(tenant: str, item_id: str) -> int:
    """Number in [0, 2**64) that names an item in cached profiles."""
    return int.from_bytes(_digest(8, b"strata-item", tenant, item_id), "little")


def _digest(size_bytes: int, purpose: bytes, *parts: str) -> bytes:
    state = blake2b(digest_size=size_bytes, person=purpose)
    for part in parts:
        encoded = part.encode()
        state.update(len(encoded).to_bytes(4, "little"))
        state.update(encoded)
    return state.digest()
