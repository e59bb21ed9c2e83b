"""`strata.profile-updates`: what one write of a user changed, as aggregates need it.

Every aggregate is a sum over users of a pure function of their state, so a
change is a difference of two contributions. MessagePack, one record per touched
user and flush, keyed as the user's events are.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import msgspec

__all__ = [
    "Change",
    "Contribution",
    "Counts",
    "ProfileUpdate",
    "UpdateFormatError",
    "WholeUser",
    "decode_update",
    "encode_update",
    "scopes_of",
]

# (series, part) → field → signed count; `part` is "" where a series has one table.
Counts = dict[tuple[str, str], dict[bytes, int]]


class Change(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user's part in the counters, or a difference of two parts, before it is spelled out.

    Attributes:
        counts: Of the series that are not about items.
        mean: As in `Contribution`.
        entries: Entries that came and went, of which all counters of items follow;
            rows of `profiles.counting.MARKED`.
    """

    counts: Counts
    mean: bytes = b""
    entries: bytes = b""


class Contribution(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A user's part in the counters, or a difference of two parts, counter by counter.

    Attributes:
        mean: int32 little-endian fixed-point components of the user's vector,
            shape (d,), scale 2^24; empty for all zeros.
    """

    counts: Counts
    mean: bytes = b""


class WholeUser(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What a user's whole contribution is computed from; far smaller than its counters.

    Attributes:
        state: Encoded user state.
        mean: As in `Contribution`.
        space: Version of the item space that the vector lies in.
    """

    state: bytes
    mean: bytes
    space: int = 0


class ProfileUpdate(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What changed between `version` - 1 and `version`.

    Attributes:
        key: The user's 16-byte identity.
        watermark_ms: Newest event time folded, none later than its record's arrival.
        persona_before: None if the user belonged to no persona.
        change: Added for everybody, and for the personas that stayed the same; for all personas
            if it is the first.
        before: The user before; given only if they left or joined a persona and this is not the
            first.
        declared_before, declared_after: Ids of the declared personas.
        declaration: Version of the declaration that named them; 0 for none.
        first: The user had nothing before, so nothing of them is counted.
        last: The user has nothing any more, so nothing of them is to be counted or known.
        token: Of the owner who wrote it.
    """

    tenant: str
    user_id: str
    key: bytes
    version: int
    watermark_ms: int
    persona_before: str | None
    persona_after: str | None
    change: Change
    before: WholeUser | None = None
    declared_before: tuple[str, ...] = ()
    declared_after: tuple[str, ...] = ()
    declaration: int = 0
    first: bool = False
    last: bool = False
    token: int = 0

    @property
    def scopes_before(self) -> frozenset[str]:
        """Scopes of the counters that the user was counted in: everybody's, "", and personas."""
        return scopes_of(self.persona_before, self.declared_before)

    @property
    def scopes_after(self) -> frozenset[str]:
        """Likewise afterwards."""
        return scopes_of(self.persona_after, self.declared_after)


def scopes_of(persona: str | None, declared: Iterable[str]) -> frozenset[str]:
    """Scopes of the counters that a user of these personas is counted in.

    >>> sorted(scopes_of("p1", ["students"]))
    ['', 'p1', 'students']
    """
    return _scopes(persona, tuple(declared))


@lru_cache(maxsize=1 << 12)
def _scopes(persona: str | None, declared: tuple[str, ...]) -> frozenset[str]:
    return frozenset(("", *declared) if persona is None else ("", persona, *declared))


class UpdateFormatError(ValueError):
    """The record is not a profile update of the format that this code reads."""


FORMAT: Final = b"\x03"

_encoder = msgspec.msgpack.Encoder()


_decoder = msgspec.msgpack.Decoder(ProfileUpdate)


def encode_update(update: ProfileUpdate) -> bytes:
    return FORMAT + _encoder.encode(update)


def decode_update(encoded: bytes) -> ProfileUpdate:
    """Inverse of `encode_update`.

    Raises:
        UpdateFormatError: anything else.
    """
    if encoded[:1] != FORMAT:
        raise UpdateFormatError("not a profile update of format 3")
    try:
        return _decoder.decode(memoryview(encoded)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpdateFormatError(f"not a profile update: {error}") from error
