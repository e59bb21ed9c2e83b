"""Position tokens: how far the topics reached when something had been published.

To whoever holds one it is opaque; a session joins those of several publications.
"""

import base64
import binascii
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from strata_client.errors import UnexpectedAnswer

__all__ = ["Positions", "joined", "positions_of", "token_of"]

Positions = Mapping[tuple[str, int], int]
"""(topic, partition) → offset of the last record that matters."""

_VERSION: Final = b"\x01"
_CHECK_BYTES: Final = 4
_PREFIX: Final = "strata."
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, dict[int, int]])


def token_of(positions: Positions) -> str:
    """The token of these positions.

    >>> positions_of(token_of({("strata.items", 2): 7}))
    {('strata.items', 2): 7}
    """
    by_topic: dict[str, dict[int, int]] = {}
    for (topic, partition), offset in sorted(positions.items()):
        by_topic.setdefault(topic.removeprefix(_PREFIX), {})[partition] = offset
    body = _VERSION + _encoder.encode(by_topic)
    return base64.urlsafe_b64encode(body + _check(body)).decode().rstrip("=")


def positions_of(token: str) -> dict[tuple[str, int], int]:
    """Inverse of `token_of`.

    Raises:
        UnexpectedAnswer: the token is of a version that this client cannot read.
    """
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if check != _check(body) or body[:1] != _VERSION:
            raise UnexpectedAnswer("the token is of another version")
        by_topic = _decoder.decode(body[1:])
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise UnexpectedAnswer(f"{token[:40]!r} is no position token") from error
    return {
        (_PREFIX + name, partition): offset
        for name, by_partition in by_topic.items()
        for partition, offset in by_partition.items()
    }


def joined(one: Positions, other: Positions) -> dict[tuple[str, int], int]:
    """Positions that are as far as both.

    >>> joined({("t", 0): 3}, {("t", 0): 2, ("t", 1): 1})
    {('t', 0): 3, ('t', 1): 1}
    """
    together = dict(one)
    for place, offset in other.items():
        together[place] = max(together.get(place, offset), offset)
    return together


def _check(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK_BYTES, person=b"strata-position").digest()
