"""What a client publishes through when not over HTTP."""

from collections.abc import Sequence
from typing import Protocol

from strata_client.events import Record
from strata_client.positions import Positions

__all__ = ["AsyncPublisher", "Publisher"]


class Publisher(Protocol):
    """Where a `Strata` leaves events."""

    def send(self, records: Sequence[Record]) -> Positions:
        """Return how far each partition reached, once every record is safe.

        Raises:
            NotAcknowledged: some may be safe; all may be sent again.
        """
        ...


class AsyncPublisher(Protocol):
    """Where an `AsyncStrata` leaves events."""

    async def send(self, records: Sequence[Record]) -> Positions:
        """As `Publisher.send`."""
        ...
