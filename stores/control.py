"""Control points: id = the partition's number, a vector of one zero nobody searches."""

from collections.abc import Mapping

import msgspec
import numpy as np

from profiles.ports import Control, ControlStore, Fenced, Token
from stores.points import Collection, Equals, Point, Points

__all__ = ["CONTROL_COLLECTION", "PointControlStore"]

CONTROL_COLLECTION = Collection(name="control", dimension=1)


class _Fields(msgspec.Struct, frozen=True, kw_only=True):
    token: int = 0
    nonce: str = ""
    positions: dict[str, int] = msgspec.field(default_factory=dict)


class PointControlStore(ControlStore):
    """Partition owners over any `Points`.

    The token is written only where it is still the one that was read, so of
    several takers at one moment one wins and reads its own nonce back. A take
    repeated after a lost answer ends one token higher, which is as good.
    """

    def __init__(self, points: Points) -> None:
        self._points = points

    async def take(self, partition: int, nonce: str) -> Control:
        seen = await self.read(partition)
        if seen is None:
            # A conditional write does not guard a first insert; an insert-only stub does.
            await self._points.insert_only(
                [Point(partition, np.zeros(1, np.float32), msgspec.to_builtins(_Fields()))]
            )
            seen = Control(partition=partition, token=Token(0), nonce="")
        await self._points.set_payload_if(
            [partition],
            {"token": seen.token + 1, "nonce": nonce},
            (Equals("token", seen.token),),
        )
        taken = await self.read(partition)
        if taken is None or taken.token != seen.token + 1 or taken.nonce != nonce:
            raise Fenced(f"partition {partition} was taken by another owner at the same moment")
        return taken

    async def read(self, partition: int) -> Control | None:
        (point,) = await self._points.retrieve([partition], vectors=False)
        if point is None:
            return None
        fields = msgspec.convert(point.payload, _Fields)
        return Control(
            partition=partition,
            token=Token(fields.token),
            nonce=fields.nonce,
            positions=fields.positions,
        )

    async def bookmark(self, control: Control, positions: Mapping[str, int]) -> None:
        if positions:
            await self._points.set_payload_if(
                [control.partition],
                dict(positions),
                (Equals("token", control.token), Equals("nonce", control.nonce)),
                under="positions",
            )

    async def flush(self) -> None:
        await self._points.flush()
