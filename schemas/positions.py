"""Positions in the topics of events, and the token that carries them to a reader.

Whoever publishes is told how far each partition then reached; whoever reads may ask for an
answer that knows at least as much. To both the token is opaque. It is checked, so that one that
was cut or mistyped is refused; it is no secret and proves nothing.
"""

import base64
import binascii
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

import msgspec

from schemas.json_values import INT64_MAX
from schemas.topics import TOPIC_OF

__all__ = ["LONGEST_TOKEN", "InvalidToken", "Positions", "decode_token", "encode_token"]

Positions = Mapping[tuple[str, int], int]
"""(topic, partition) → offset of the last record that matters, ≥ 0."""

LONGEST_TOKEN: Final = 16_384
"""Characters; enough for a thousand partitions."""

_VERSION: Final = b"\x01"
_CHECK_BYTES: Final = 4
_PREFIX: Final = "strata."
_TOPICS: Final = frozenset(TOPIC_OF.values())

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, dict[int, int]])


class InvalidToken(ValueError):
    """Not a position token of a version that this code reads."""


def encode_token(positions: Positions) -> str:
    """The token of these positions; equal positions give equal tokens.

    Letters, digits, `-` and `_`: fit for a query string.

    >>> token = encode_token({("strata.interactions", 3): 1042})
    >>> token, decode_token(token) == {("strata.interactions", 3): 1042}
    ('AYGsaW50ZXJhY3Rpb25zgQPNBBK7GV66', True)
    """
    by_topic: dict[str, dict[int, int]] = {}
    for (topic, partition), offset in sorted(positions.items()):
        by_topic.setdefault(topic.removeprefix(_PREFIX), {})[partition] = offset
    body = _VERSION + _encoder.encode(by_topic)
    return base64.urlsafe_b64encode(body + _check(body)).decode().rstrip("=")


def decode_token(token: str) -> dict[tuple[str, int], int]:
    """Inverse of `encode_token`.

    Raises:
        InvalidToken: too long, cut, altered, of another version, or of topics that do not exist.
    """
    if len(token) > LONGEST_TOKEN:
        raise InvalidToken(f"is longer than {LONGEST_TOKEN} characters")
    try:
        raw = base64.b64decode(
            token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
        )
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidToken("is no position token") from None
    body, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    if check != _check(body):
        raise InvalidToken("is no position token, or was cut")
    if body[:1] != _VERSION:
        raise InvalidToken("is of another version")
    try:
        by_topic = _decoder.decode(body[1:])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidToken("is no position token") from None
    positions = {
        (_PREFIX + name, partition): offset
        for name, by_partition in by_topic.items()
        for partition, offset in by_partition.items()
    }
    for (topic, partition), offset in positions.items():
        if topic not in _TOPICS or not (0 <= partition < 2**31 and 0 <= offset <= INT64_MAX):
            raise InvalidToken("names a place that cannot exist")
    return positions


def _check(body: bytes) -> bytes:
    return blake2b(body, digest_size=_CHECK_BYTES, person=b"strata-position").digest()
