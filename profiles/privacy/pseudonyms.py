"""Who was erased, known by a keyed hash only.

A plain hash of an id can be matched by whoever guesses ids; one that is keyed with a secret
cannot (BLAKE2b in its keyed mode, RFC 7693, section 2.1).
"""

from hashlib import blake2b
from typing import Final, NewType

__all__ = ["SECRET_BYTES", "Secret", "pseudonym", "receipt_key", "secret_of"]

Secret = NewType("Secret", bytes)

SECRET_BYTES: Final = 32


def secret_of(text: str) -> Secret:
    """The secret that a setting of any length stands for; 32 bytes."""
    return Secret(
        blake2b(text.encode(), digest_size=SECRET_BYTES, person=b"strata-secret").digest()
    )


def pseudonym(secret: Secret, tenant: str, user_id: str) -> bytes:
    """16 bytes that stand for a user to whoever holds the secret, and for nobody to others.

    >>> key = secret_of("long and random")
    >>> pseudonym(key, "a", "bc") == pseudonym(key, "ab", "c")
    False
    """
    return _keyed(b"strata-erased", secret, tenant, user_id)


def receipt_key(secret: Secret, tenant: str, erasure_id: str) -> bytes:
    """16 bytes under which a receipt is found by whoever was given the erasure's id."""
    return _keyed(b"strata-receipt", secret, tenant, erasure_id)


def _keyed(purpose: bytes, secret: Secret, *parts: str) -> bytes:
    state = blake2b(digest_size=16, key=secret, person=purpose)
    for part in parts:
        encoded = part.encode()
        state.update(len(encoded).to_bytes(4, "little"))
        state.update(encoded)
    return state.digest()
