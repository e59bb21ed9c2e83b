"""Hashes of identities: BLAKE2b over parts, each after its length in four bytes."""

import hashlib
import struct
from functools import cache


def _hash(purpose: bytes, size_bytes: int, *parts: str) -> bytes:
    message = b"".join(
        struct.pack("<I", len(part.encode("utf-8"))) + part.encode("utf-8") for part in parts
    )
    return hashlib.blake2b(message, digest_size=size_bytes, person=purpose).digest()


def hash_of_user(tenant: str, user_id: str) -> bytes:
    return _hash(b"strata-user", 16, tenant, user_id)


@cache
def hash_of_item(tenant: str, item_id: str) -> int:
    (number,) = struct.unpack("<Q", _hash(b"strata-item", 8, tenant, item_id))
    return int(number)


def hash_of_event(event_id: str) -> int:
    (number,) = struct.unpack("<I", _hash(b"strata-event", 4, event_id))
    return int(number)


@cache
def hash_of_action(action: str) -> int:
    (number,) = struct.unpack("<H", _hash(b"strata-action", 2, action))
    return int(number)
