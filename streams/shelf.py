"""Where learned models are kept: in the snapshot store, found and removed by an index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import msgspec

from profiles.ports import AggregateStore
from schemas.snapshots import Blob, ModelPointer
from stores.blobs import blob_of, drop_blob, put_blob
from streams.retrying import until_available

__all__ = ["Shelf"]

_index: Final = msgspec.msgpack.Decoder(list[Blob])


@dataclass(frozen=True, slots=True)
class _Left:
    """Models that nothing points to any more, to be removed at a time."""

    at_s: float
    blobs: list[Blob]


class Shelf:
    """The models of all tenants; waits for a store that does not answer.

    Args:
        kept_s: How long models that are no longer in force can still be read.
    """

    def __init__(
        self, aggregates: AggregateStore, *, kept_s: float, clock_s: Callable[[], float]
    ) -> None:
        self._aggregates = aggregates
        self._kept_s = kept_s
        self._clock_s = clock_s
        self._left: dict[str, _Left] = {}
        self._promised: dict[str, frozenset[Blob]] = {}

    def forget(self) -> None:
        """What was to be removed is the next leader's."""
        self._left.clear()
        self._promised.clear()

    async def is_lost(self, tenant: str) -> bool:
        """The store does not even know what was put: it came back empty."""
        return await self._stored(tenant) is None

    async def put(
        self, tenant: str, bodies: Sequence[bytes], *, in_force: ModelPointer | None
    ) -> None:
        """Store what is not in force already; the index first, so that nothing is left unnamed."""
        stored = await self._stored(tenant)
        known = () if stored is None or in_force is None else in_force.blobs()
        held = stored or []
        new = {blob_of(body): body for body in bodies}
        await self._write_index(tenant, [*held, *(blob for blob in new if blob not in held)])
        self._promised[tenant] = frozenset(new)
        for blob, body in new.items():
            if blob not in known:
                await until_available(partial(put_blob, self._aggregates, tenant, body))

    async def published(self, tenant: str, pointer: ModelPointer) -> None:
        """A pointer is in force: what it does not name is removed after a while."""
        self._promised.pop(tenant, None)
        left = [blob for blob in await self._stored(tenant) or [] if blob not in pointer.blobs()]
        if left and tenant not in self._left:
            self._left[tenant] = _Left(self._clock_s() + self._kept_s, left)

    async def clear(self, tenant: str, *, in_force: ModelPointer | None) -> None:
        """Remove what was left long enough ago, unless it has come into force again."""
        due = self._left.get(tenant)
        if due is None or self._clock_s() < due.at_s:
            return
        del self._left[tenant]
        kept = self._promised.get(tenant, frozenset())
        kept |= frozenset(in_force.blobs() if in_force is not None else ())
        gone = [blob for blob in due.blobs if blob not in kept]
        for blob in gone:
            await until_available(partial(drop_blob, self._aggregates, tenant, blob))
        stored = await self._stored(tenant) or []
        await self._write_index(tenant, [blob for blob in stored if blob not in gone])

    async def _stored(self, tenant: str) -> list[Blob] | None:
        """What has been put and not removed; None if there is no index."""
        name = _index_name(tenant)
        (body,) = await until_available(partial(self._aggregates.get_snapshots, [name]))
        return None if body is None else _index.decode(body)

    async def _write_index(self, tenant: str, blobs: Sequence[Blob]) -> None:
        body = msgspec.msgpack.encode(list(blobs))
        name = _index_name(tenant)
        await until_available(partial(self._aggregates.put_snapshot, name, body))


def _index_name(tenant: str) -> str:
    return f"models:{tenant}"
