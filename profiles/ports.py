"""What the mathematics needs from the outside, in domain words.

Adapters live in `stores`; each port has one contract suite that every adapter
passes. All writes are durable when the call returns. Every method may raise
`StoreUnavailable`, which callers retry; nothing else is retried.
"""

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NewType, Protocol

import numpy as np
import numpy.typing as npt
from msgspec import Struct

__all__ = [
    "AggregateStore",
    "Applied",
    "Control",
    "ControlStore",
    "CounterTable",
    "Fenced",
    "ItemCounters",
    "ItemRecord",
    "ItemStore",
    "PersonaDocument",
    "PersonaStore",
    "ProfileCache",
    "ScoredItem",
    "ScoredUser",
    "StoreUnavailable",
    "Token",
    "UserRecord",
    "UserStore",
    "Vector",
]

Vector = npt.NDArray[np.float32]
Token = NewType("Token", int)


class StoreUnavailable(ConnectionError):
    """A store did not answer, or answered that it cannot now; the call may be repeated."""


class Fenced(RuntimeError):
    """Another owner holds the partition: stop without emitting or committing."""


@dataclass(frozen=True, slots=True)
class Control:
    """A partition's control point.

    `token` grows with every owner; `nonce` tells owners of one token apart.
    `positions` are the owner's own bookmarks (stream name → offset), written
    only under its token.
    """

    partition: int
    token: Token
    nonce: str
    positions: Mapping[str, int] = field(default_factory=dict)


class ControlStore(Protocol):
    """Who owns which partition."""

    async def take(self, partition: int, nonce: str) -> Control:
        """Own the partition under a token one higher than any before.

        Raises:
            Fenced: another owner took it at the same moment and won.
        """
        ...

    async def read(self, partition: int) -> Control | None: ...

    async def bookmark(self, control: Control, positions: Mapping[str, int]) -> None:
        """Merge `positions` into the control point, if it is still `control`'s.

        Silently nothing otherwise: `read` tells.
        """
        ...

    async def flush(self) -> None:
        """Return when control points survive a loss of power, where storage is ours."""
        ...


class UserRecord(Struct, frozen=True, gc=False):
    """A user as stored. `vector` has unit length or is all zeros, shape (d,).

    Attributes:
        key: 16 bytes, `profiles.ids.user_key`.
        partition: Of the user-keyed topics, ≥ 0.
        token: Under which the record was last claimed or written.
        version: Of the state; 0 for a stub that no event has touched.
        state: Encoded `UserState`; empty for a stub.
        outbox: Encoded update from version - 1 to version; empty if none.
        persona: Id of the assigned persona, or None.
        waiting: Some entry's item is not known yet.
        mass: Evidence after decay, ≥ 0.
        space: Version of the item space that `vector` lies in; 0 before any was learned.
        vacant: The user was erased and is to be removed.
    """

    key: bytes
    tenant: str
    user_id: str
    partition: int
    token: Token
    version: int
    state: bytes
    outbox: bytes
    vector: Vector
    persona: str | None
    waiting: bool
    mass: float
    space: int = 0
    vacant: bool = False


@dataclass(frozen=True, slots=True)
class ScoredUser:
    record: UserRecord
    score: float


class UserStore(Protocol):
    """User states, each with one writer at a time."""

    async def claim(
        self, users: Sequence[tuple[str, str]], *, partition: int, token: Token
    ) -> list[UserRecord]:
        """Claim (tenant, user id) pairs under `token` and read them.

        Missing users become stubs without events (inserted only if absent).
        Each record comes back with the token it carried *before* this claim
        (equal to `token` for a fresh stub), in the order asked; claims with an
        older token change nothing and return the newer one. Repeated under the
        same token before a write, a claim reports the same token again, so an
        answer that was lost loses nothing. After `claim` returns, no write
        under an older token has any effect on these users.
        """
        ...

    async def write(self, records: Sequence[UserRecord]) -> None:
        """Replace records, each only where the stored token equals the record's own.

        All records of one call carry the same token. A refused write is
        silent: the caller reads its control point afterwards.

        A write that raised `StoreUnavailable` may still be applied, even after a
        later one under the same token; taking the partition anew excludes that.

        Raises:
            ValueError: a vector or mass is not finite, or the tokens differ.
        """
        ...

    async def remove(self, records: Sequence[UserRecord], *, token: Token) -> None:
        """Delete vacant users, each only where token and version are still these.

        A refused one is silent, as with `write`.
        """
        ...

    async def read(self, keys: Sequence[bytes]) -> list[UserRecord | None]: ...

    def scan(
        self,
        *,
        partition: int | None = None,
        tenant: str | None = None,
        waiting: bool | None = None,
        vacant: bool | None = None,
        draw_below: int | None = None,
        page: int = 512,
    ) -> AsyncIterator[list[UserRecord]]:
        """All users that match, in pages, in the order of their keys; stubs included.

        Args:
            draw_below: Only users whose `profiles.ids.draw_of` is smaller: a random
                sample that stays the same while users come and go.
        """
        ...

    def versions(
        self, *, tenant: str, draw_below: int | None = None, page: int = 4_096
    ) -> AsyncIterator[list[tuple[bytes, int]]]:
        """Key and version of the tenant's users, as `scan` would find them, but cheaply."""
        ...

    async def similar(
        self,
        *,
        tenant: str,
        vector: Vector,
        space: int,
        limit: int,
        exclude: bytes | None = None,
    ) -> list[ScoredUser]:
        """Users of the tenant nearest by cosine, best first.

        Only those with mass > 0 whose vectors lie in the same version of the item
        space: cosines across versions mean nothing.
        """
        ...

    async def count(self, *, tenant: str | None = None) -> int: ...


@dataclass(frozen=True, slots=True)
class ItemRecord:
    """An item as stored.

    A record with `revision` 0 is a stub: its id was seen in an event, but no
    description has come yet; its vector is zeros.

    Attributes:
        key: `profiles.ids.item_key`, in [0, 2**64).
        described_ms: Event time of the description, ms; orders descriptions.
        content_hash: Of the text that was embedded; 16 bytes, empty for a stub.
        revision: How many vectors this item has had.
        attributes: JSON object, encoded.
    """

    key: int
    tenant: str
    item_id: str
    title: str
    text: str
    attributes: bytes
    described_ms: int
    event_hash: int
    content_hash: bytes
    revision: int
    retired: bool
    vector: Vector


@dataclass(frozen=True, slots=True)
class ScoredItem:
    record: ItemRecord
    score: float


class ItemStore(Protocol):
    """Item descriptions and vectors; written by the owner of the item's partition."""

    async def put(self, items: Sequence[ItemRecord]) -> None:
        """Raises ValueError if a vector is not finite."""
        ...

    async def put_stubs(self, items: Sequence[tuple[str, str]]) -> None:
        """Insert (tenant, item id) names that are absent; never replaces anything."""
        ...

    async def read(self, keys: Sequence[int]) -> list[ItemRecord | None]: ...

    def scan(
        self, *, tenant: str | None = None, page: int = 512
    ) -> AsyncIterator[list[ItemRecord]]: ...

    async def nearest(
        self, *, tenant: str, vector: Vector, limit: int, exclude: Iterable[int] = ()
    ) -> list[ScoredItem]:
        """Described, unretired items of the tenant nearest by dot product, best first."""
        ...

    async def nearest_keys(
        self, *, tenant: str, vector: Vector, limit: int, exclude: Iterable[int] = ()
    ) -> list[int]:
        """As `nearest`, for who knows the items themselves already: far less to carry."""
        ...


@dataclass(frozen=True, slots=True)
class PersonaDocument:
    """One tenant's published personas: `body` is encoded `profiles.personas.PersonaSet`."""

    tenant: str
    version: int
    token: Token
    body: bytes
    centroids: Mapping[str, Vector]


class PersonaStore(Protocol):
    async def publish(self, document: PersonaDocument) -> bool:
        """Replace the tenant's personas if `version` and `token` are not older; True if it did."""
        ...

    async def read(self, tenant: str) -> PersonaDocument | None: ...

    async def tenants(self) -> list[str]: ...


class ProfileCache(Protocol):
    """Encoded profile views by user, and a seal per partition; may forget at any time."""

    async def put(
        self,
        views: Sequence[tuple[bytes, int, bytes | None]],
        *,
        seals: Mapping[int, tuple[int, int]] | None = None,
        anew: bool = False,
    ) -> None:
        """Store (user key, version, view), each only if newer than what is there.

        None for a view removes an older one; no view is empty.

        Args:
            seals: By partition, the seal before and the one after. The second replaces the
                first, and no other, once all views are there: also if the cache is put back
                to an older copy meanwhile, it has the second only with all of them. Repeated
                after a failure, the call makes up for whatever was lost.
            anew: Views replace those of the same version too.
        """
        ...

    async def get(self, keys: Sequence[bytes]) -> list[bytes | None]: ...

    async def forget(self, keys: Sequence[bytes]) -> None: ...

    async def read_seal(self, partition: int) -> int:
        """0 if there is none."""
        ...

    async def set_seal(self, partition: int, seal: int) -> None:
        """Whatever was there."""
        ...

    async def read_versions(self, cursor: int) -> tuple[int, list[tuple[bytes, int]]]:
        """Some views' (user key, version), and the cursor to go on with, until it is 0 again.

        From 0 to 0 every view that is there all the time is told at least once.
        """
        ...


@dataclass(frozen=True, slots=True, order=True)
class CounterTable:
    """Name of a table of integer counters.

    Attributes:
        scope: "" for everybody, else a persona's id.
        series: Which statistic, e.g. "popularity".
        part: Within the series, e.g. a time bucket or an item; "" if one.
    """

    tenant: str
    scope: str
    series: str
    part: str = ""


Increments = dict[CounterTable, dict[bytes, int]]


@dataclass(frozen=True, slots=True)
class ItemCounters:
    """Counters of items in the tables of one series, those of the first table first.

    Attributes:
        tenant, scope, series: As of `CounterTable`.
        parts: Of the tables, each once.
        sizes: Counters of each table, ≥ 1.
        items: By key, shape (sum of sizes,), each once in its table.
        counts: Likewise; none is 0.
    """

    tenant: str
    scope: str
    series: str
    parts: Sequence[str]
    sizes: Sequence[int]
    items: npt.NDArray[np.uint64]
    counts: npt.NDArray[np.int64]

    def tables(self) -> Iterator[tuple[CounterTable, dict[bytes, int]]]:
        """The tables one by one; a field is an item's key in 8 bytes, little-endian."""
        packed = self.items.astype("<u8").tobytes()
        start = 0
        for part, size in zip(self.parts, self.sizes, strict=True):
            end = start + size
            fields = (packed[8 * at : 8 * at + 8] for at in range(start, end))
            counts = self.counts[start:end].tolist()
            table = CounterTable(self.tenant, self.scope, self.series, part)
            yield table, dict(zip(fields, counts, strict=True))
            start = end

    def only(self, kept: Sequence[bool]) -> "ItemCounters":
        """Without the tables for which `kept` is False."""
        rows = np.repeat(np.asarray(kept, np.bool_), self.sizes)
        return replace(
            self,
            parts=[part for part, keep in zip(self.parts, kept, strict=True) if keep],
            sizes=[size for size, keep in zip(self.sizes, kept, strict=True) if keep],
            items=self.items[rows],
            counts=self.counts[rows],
        )


@dataclass(frozen=True, slots=True)
class Applied:
    """What a partition of the aggregates holds of the users asked for.

    Attributes:
        epoch: Of the build; None if the partition was never built or is gone.
        versions: Last version applied, per user key; 0 for none.
    """

    epoch: int | None
    versions: Mapping[bytes, int]


class AggregateStore(Protocol):
    """Integer counters that are sums over users, kept per partition of users."""

    async def applied(self, partition: int, users: Sequence[bytes]) -> Applied: ...

    async def apply(
        self,
        *,
        partition: int,
        token: Token,
        epoch: int,
        expected: Mapping[bytes, int],
        versions: Mapping[bytes, int],
        increments: Increments,
        items: Sequence[ItemCounters] = (),
        watermarks_ms: Mapping[str, int],
    ) -> bool:
        """Add `increments` and `items` and set the users' `versions`, all or nothing.

        Nothing happens, and False is returned, when the stored epoch differs,
        when any user's applied version is not as `expected`, or when a newer
        token has been seen. Counters that reach zero vanish. `watermarks_ms`
        (per tenant) are joined by maximum.
        """
        ...

    async def begin_build(self, partition: int, *, token: Token, epoch: int) -> None:
        """Empty the partition and mark it as being built for `epoch` (readers see it as stale).

        Raises:
            Fenced: a newer token has been seen.
        """
        ...

    async def finish_build(self, partition: int, *, token: Token, epoch: int) -> None:
        """Mark the build as finished, if `epoch` is still the one being built.

        Raises:
            Fenced: a newer token has been seen.
        """
        ...

    async def tables(
        self, partition: int, *, series: Collection[str] | None = None
    ) -> list[CounterTable]:
        """Tables that hold counters, of some series or of all, in order."""
        ...

    async def drop(self, partition: int, tables: Sequence[CounterTable]) -> None: ...

    async def trim(self, partition: int, table: CounterTable, *, keep: int) -> None:
        """Keep the `keep` largest counters of a table; ties by field."""
        ...

    async def counters(
        self, partition: int, tables: Sequence[CounterTable]
    ) -> list[dict[bytes, int]]: ...

    async def watermarks_ms(self, partition: int) -> dict[str, int]: ...

    async def wanted_epoch(self) -> int:
        """The epoch that every partition should have been built for, ≥ 1."""
        ...

    async def want_rebuild(self) -> int:
        """Raise the wanted epoch by one and return it."""
        ...

    async def built_epoch(self, partition: int) -> int | None:
        """Epoch of the finished build, or None while it is absent or under way."""
        ...

    async def put_snapshot(self, name: str, body: bytes) -> None: ...

    async def swap_snapshot(
        self, name: str, body: bytes, *, beside: Mapping[str, bytes]
    ) -> bytes | None:
        """As `put_snapshot`, in one step with reading what was there.

        Args:
            beside: Other snapshots that are put in the same step, by name.
        """
        ...

    async def get_snapshots(self, names: Sequence[str]) -> list[bytes | None]: ...

    async def drop_snapshots(self, names: Sequence[str]) -> None:
        """Remove those that are there."""
        ...
