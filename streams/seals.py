"""Whether users and cache are as new as each other: a number that each flush writes to both."""

import asyncio
from collections.abc import Iterable
from functools import partial
from hashlib import blake2b
from itertools import count
from typing import Final

from profiles.ports import ProfileCache
from streams.ownership import Ownerships
from streams.retrying import until_available

__all__ = ["SEAL", "Seals"]

SEAL: Final = "seal"
"""In a control point: the partition's seal."""

_BITS: Final = 52


class Seals:
    """The seal of each owned partition: in its control point, and in the cache.

    A flush puts a new one into the cache together with its views, only in the place of the one
    before, and into the control point once the users would survive a loss of power. So where the
    two differ, one of the stores was put back to an older copy, or the flush never ended. A seal
    is never used again, whatever the copies: it is drawn from the worker's nonce.

    Attributes:
        changing: Held by a flush while the two differ, and by whoever compares them.
    """

    def __init__(self, *, ownerships: Ownerships, cache: ProfileCache, nonce: str) -> None:
        self._ownerships = ownerships
        self._cache = cache
        self._nonce = nonce
        self._drawn = count()
        self.changing = asyncio.Lock()

    def draw(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """The seal of each, and the one to replace it.

        Raises:
            Released: a partition is not held now.
        """
        return {partition: (self._of(partition), self._draw()) for partition in partitions}

    async def differ(self, partition: int) -> bool:
        """Whether the two stores are not as new as each other."""
        async with self.changing:
            found = await until_available(partial(self._cache.read_seal, partition))
            return found != self._of(partition)

    async def mend(self, partition: int) -> None:
        """The cache is about to be made as new as the users, or newer."""
        async with self.changing:
            await until_available(partial(self._cache.set_seal, partition, self._of(partition)))

    def _of(self, partition: int) -> int:
        return self._ownerships.require(partition).positions.get(SEAL, 0)

    def _draw(self) -> int:
        name = f"{self._nonce}:{next(self._drawn)}".encode()
        digest = int.from_bytes(blake2b(name, digest_size=8).digest(), "little")
        # None is 0: that is what a cache without a seal says.
        return 1 + digest % (1 << _BITS)
