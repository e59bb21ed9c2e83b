"""What a worker tells whoever watches it: once per batch, flush or round, never per event."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Final, Protocol

from schemas.rejection import Reason
from streams.batches import RecordBatch

__all__ = ["NOT_WATCHED", "Figures", "NotWatched", "Watch", "Watches"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How a worker stands at one moment.

    Attributes:
        lag: Records not yet committed, by topic, when it was last asked for.
        owned_partitions: Of the user-keyed topics.
        held_users: In memory, changed or not.
        dirty_users: Changed, and not stored yet.
        personas: In force, of all tenants.
        items: With a vector.
        written_users, applied_updates, rebuilds, sweeps, swept_users, embedded_items,
        erased_users: Since the worker began.
        learned_s: When what is in force was learned, in seconds since the epoch, by model; the
            oldest of all tenants. Only what this worker has learned as the leader.
        silenced: Part of the users whose persona the average silences, and what protecting
            costs the others; None where this worker does not lead or nothing was looked at.
    """

    lag: Mapping[str, int] = field(default_factory=dict)
    owned_partitions: int = 0
    held_users: int = 0
    dirty_users: int = 0
    personas: int = 0
    items: int = 0
    written_users: int = 0
    applied_updates: int = 0
    rebuilds: int = 0
    sweeps: int = 0
    swept_users: int = 0
    embedded_items: int = 0
    erased_users: int = 0
    learned_s: Mapping[str, float] = field(default_factory=dict)
    silenced: tuple[float, float] | None = None


class Watch(Protocol):
    """Told what a worker does. It must be quick, must not raise, and changes nothing."""

    def working(self, figures: Callable[[], Figures]) -> AbstractContextManager[None]:
        """Around the life of a worker, whose figures may be asked for meanwhile."""
        ...

    def folding(
        self, chunk: RecordBatch, counts: Mapping[str, int]
    ) -> AbstractContextManager[None]:
        """Around the fold of records of one partition.

        Args:
            counts: The engine's, by what became of records; the fold raises them.
        """
        ...

    def rejected(self, reasons: Mapping[Reason, int]) -> None:
        """Records became dead letters."""
        ...

    def flushing(self, users: int) -> AbstractContextManager[None]:
        """Around making durable, visible and committed what was folded since the last one.

        Args:
            users: Who have changed.
        """
        ...

    def forgotten(self) -> None:
        """What was folded and not flushed was dropped; it is read again."""
        ...


class NotWatched(Watch):
    """Nobody watches."""

    def working(self, figures: Callable[[], Figures]) -> AbstractContextManager[None]:
        del figures
        return nullcontext()

    def folding(
        self, chunk: RecordBatch, counts: Mapping[str, int]
    ) -> AbstractContextManager[None]:
        del chunk, counts
        return nullcontext()

    def rejected(self, reasons: Mapping[Reason, int]) -> None:
        pass

    def flushing(self, users: int) -> AbstractContextManager[None]:
        del users
        return nullcontext()

    def forgotten(self) -> None:
        pass


NOT_WATCHED: Final = NotWatched()


class Watches(Watch):
    """Several at once."""

    def __init__(self, *watches: Watch) -> None:
        self._watches = watches

    def working(self, figures: Callable[[], Figures]) -> AbstractContextManager[None]:
        return _together(watch.working(figures) for watch in self._watches)

    def folding(
        self, chunk: RecordBatch, counts: Mapping[str, int]
    ) -> AbstractContextManager[None]:
        return _together(watch.folding(chunk, counts) for watch in self._watches)

    def rejected(self, reasons: Mapping[Reason, int]) -> None:
        for watch in self._watches:
            watch.rejected(reasons)

    def flushing(self, users: int) -> AbstractContextManager[None]:
        return _together(watch.flushing(users) for watch in self._watches)

    def forgotten(self) -> None:
        for watch in self._watches:
            watch.forgotten()


@contextmanager
def _together(parts: Iterable[AbstractContextManager[None]]) -> Iterator[None]:
    with ExitStack() as entered:
        for part in parts:
            entered.enter_context(part)
        yield
