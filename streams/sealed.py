"""Snapshots that a leader publishes, each under a seal that tells whether all are still there."""

from functools import partial
from typing import Final

from profiles.ports import AggregateStore
from streams.retrying import until_available

__all__ = ["SealedSnapshots"]

_SEAL: Final = "published-by"
_ROUNDS_TRUSTED: Final = 60


class SealedSnapshots:
    """Puts snapshots and notices when the store holds others than it put.

    The seal is another with each snapshot, changed in the same step and compared with what it
    was. So a store that was emptied or put back to an older copy, in the middle of a round too,
    and whatever a leader wrote who had stood still, is noticed at the next check.
    """

    def __init__(self, aggregates: AggregateStore) -> None:
        self._aggregates = aggregates
        self._leader = ""
        self._drawn = 0
        self._seal = b""
        self._lost = True
        self._rounds = 0

    def begin(self, leader: str) -> None:
        """A leadership begins: whatever is there is not its own."""
        self._leader = leader
        self._lost = True

    async def check(self) -> bool:
        """Begin a round; whether everything has to be put again.

        What nobody can have noticed is healed by putting everything again now and then.
        """
        self._rounds += 1
        await self._swap({})
        lost, self._lost = self._lost, False
        return lost or self._rounds % _ROUNDS_TRUSTED == 0

    async def put(self, name: str, body: bytes) -> None:
        """Put a snapshot under the next seal."""
        await self._swap({name: body})

    async def _swap(self, beside: dict[str, bytes]) -> None:
        self._drawn += 1
        seal = f"{self._leader}:{self._drawn}".encode()
        found = await until_available(
            partial(self._aggregates.swap_snapshot, _SEAL, seal, beside=beside)
        )
        self._lost = self._lost or found != self._seal
        self._seal = seal
