"""What is left of an erased user, the receipt they are given, and the port to where both are.

What is left is a *residue*: up to when everything was forgotten, and the positions and the
version at which that happened. Any event that comes again, by a replay or from a producer
that was late, is folded into the residue and finds that it has no place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import msgspec

from profiles.state import CONSENTED, UserState

__all__ = ["Asked", "Counts", "ErasureStore", "Receipt", "Residue", "holdings", "log_until"]

Counts = dict[str, dict[str, int]]
"""Store → what it holds → how many."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An erasure event: its id, its event time and when the broker took it, in ms."""

    erasure_id: str
    occurred_ms: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class Residue:
    """What is left of a user.

    Attributes:
        subject: `profiles.privacy.pseudonyms.pseudonym` of the user, 16 bytes.
        version: Of the state; grows with each erasure of the same user.
        state: Encoded; it holds no entry, no attribute and no consent.
    """

    subject: bytes
    version: int
    state: bytes


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What an erasure found, and what was left after it.

    Attributes:
        subject: Pseudonym of the user, 16 bytes.
        partition: Of the user's topics.
        requested_ms: When the erasure was asked for: its event time. Everything of event
            times up to it is forgotten.
        received_ms: When the broker took it.
        before, after: Counts per store; `after` is None until the user is erased.
        erased_ms: When the stores held nothing any more.
        letters: Dead letters that named the user; None until they were looked for.
        letters_ms: When the last of them was taken out: nobody is shown it any more.
        rewritten_ms: When the files of the stores were written anew, without what was deleted.
        log_until_ms: Topic → when the broker has deleted the last record; None for never.
    """

    tenant: str
    subject: bytes
    partition: int
    requested_ms: int
    received_ms: int
    before: Counts
    log_until_ms: dict[str, int | None]
    after: Counts | None = None
    erased_ms: int | None = None
    letters: int | None = None
    letters_ms: int | None = None
    rewritten_ms: int | None = None


class ErasureStore(Protocol):
    """Residues and receipts; durable, and never holding an id. May raise `StoreUnavailable`."""

    async def bury(self, residues: Sequence[Residue]) -> None:
        """Store residues, each unless one of a later version is there."""
        ...

    async def residues(self, subjects: Sequence[bytes]) -> list[Residue | None]: ...

    async def open(self, receipts: Mapping[bytes, Receipt]) -> None:
        """Store receipts under their keys where nothing is yet; what is there stays."""
        ...

    async def reach(self, receipts: Mapping[bytes, Receipt]) -> None:
        """Add to receipts what was reached since they were opened.

        What one of them does not say stays as it is, so that a write which lands late takes
        nothing back. Nothing happens to receipts that were never opened.
        """
        ...

    async def receipt(self, key: bytes) -> Receipt | None: ...

    async def unfinished(self, partition: int) -> dict[bytes, Receipt]:
        """Receipts of a partition that wait for `erased_ms` or `rewritten_ms`, by key."""
        ...

    async def bar_letters(self, through_ms: Mapping[bytes, int]) -> None:
        """Note up to when records about subjects may leave no dead letter; joins by maximum."""
        ...

    async def letters_barred(self, subjects: Sequence[bytes]) -> list[int | None]:
        """What was noted so, in ms of the broker's time; None for who was never erased."""
        ...


def holdings(state: UserState) -> dict[str, int]:
    """How much the user store keeps of a user: entries per kind of data, and attributes.

    >>> from profiles.state import EMPTY_STATE
    >>> holdings(EMPTY_STATE)["interactions"]
    0
    """
    counts = {kind.value: len(state.entries(kind)) for kind in CONSENTED}
    return counts | {"stated attributes": len(state.attributes)}


def log_until(
    received_ms: int, retention_ms: Mapping[str, int | None], *, segment_ms: int
) -> dict[str, int | None]:
    """When a broker has deleted what came before `received_ms`, per topic.

    A record leaves with its segment, once the segment's newest record is too old; a segment
    is closed after `segment_ms` at the latest.
    """
    return {
        topic: None if kept_ms is None else received_ms + kept_ms + segment_ms
        for topic, kept_ms in retention_ms.items()
    }
