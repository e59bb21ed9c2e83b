"""Owning a partition: the fencing token, and what the stored positions say of the topics."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

import structlog

from profiles.ports import Control, ControlStore, Fenced
from schemas.topics import ITEMS, PROFILE_UPDATES, USER_TOPICS
from stores.points import finished
from streams.knowledge import ITEMS_MARK, PERSONAS_MARK
from streams.retrying import until_available

__all__ = [
    "BOOKMARK",
    "Consumer",
    "Doubtful",
    "HistoryGone",
    "Ownerships",
    "PartitionLost",
    "Place",
    "Released",
    "TopicRecreated",
]

_log = structlog.get_logger(__name__)

Place = tuple[str, int]
BOOKMARK: Final = "offset:"
"""Before a topic's name in a control point: the next offset to be folded there, stored before it
is committed."""


class TopicRecreated(RuntimeError):
    """A topic ends before a stored position: it was deleted and made again."""


class HistoryGone(RuntimeError):
    """The store is behind and the topic no longer holds the events it lacks."""


class Doubtful(RuntimeError):
    """A write was not answered: it may land at any time, even after a later one.

    Whoever made it takes its partitions anew: once users are claimed under the
    new token, what is still on its way is refused.
    """


class PartitionLost(RuntimeError):
    """The group has moved on: this member may not commit these partitions any more."""


class Released(RuntimeError):
    """The partition was given up in a rebalance while work on it was under way."""


class Consumer(Protocol):
    """What the engines need of the transport's consumer."""

    @property
    def epoch(self) -> int: ...
    async def committed_offsets(self, partitions: list[Place]) -> dict[Place, int | None]: ...
    async def end_offsets(self, partitions: list[Place]) -> dict[Place, tuple[int, int]]: ...
    def fetched(self) -> Mapping[Place, tuple[int, int]]:
        """Where this epoch's reading began, and where it ended when Kafka last told.

        Of each partition of which anything was fetched; of one that is read to an offset only, no
        more than that.
        """
        ...

    async def commit_offsets(self, offsets: Mapping[Place, int]) -> None: ...
    async def rewind(self, offsets: Mapping[Place, int]) -> None: ...


class Ownerships:
    """Control points that this worker holds, taken on first use after an assignment.

    Taking a partition also compares three positions per topic: what the store
    says it has folded in (bookmarked before each commit), what is committed, and
    what the topic still holds.

    Args:
        known: How far the announcements have been read, by the names of bookmarks. A
            worker may know less than the last owner of a partition did; what it writes
            has to be swept again once it knows as much, so the bookmarks are put back.
        sync: Makes storage survive a loss of power. A token is used only once it does, or a
            later owner may be given the same one again.
        topics: All that users' events are read from; those of everybody come first.
        updates: Where the updates of these users lie.
    """

    def __init__(
        self,
        *,
        control: ControlStore,
        consumer: Callable[[], Consumer],
        nonce: str,
        known: Callable[[], Mapping[str, int]],
        sync: Callable[[], Awaitable[None]],
        topics: Sequence[str] = USER_TOPICS,
        updates: str = PROFILE_UPDATES,
    ) -> None:
        self._control = control
        self._consumer = consumer
        self._nonce = nonce
        self._known = known
        self._sync = sync
        self._topics = topics
        self._updates = updates
        self._held: dict[int, Control] = {}
        self._taking = asyncio.Lock()
        self._releases = 0

    @property
    def held(self) -> Mapping[int, Control]:
        return self._held

    def require(self, partition: int) -> Control:
        """The partition's control point.

        Raises:
            Released: it is not held now.
        """
        held = self._held.get(partition)
        if held is None:
            raise Released(f"partition {partition} was given up meanwhile")
        return held

    async def release(self) -> None:
        """Forget all control points; the next assignment takes what it gets anew.

        Waits for one that is being taken: its next owner must come after it.
        """
        self._releases += 1
        async with self._taking:
            self._held.clear()

    async def own(self, partition: int) -> Control:
        """The partition's control point under this worker's token.

        Raises:
            Fenced: another worker took it at the same moment.
            PartitionLost: the group has moved on without this worker.
            Released: it was given up before it could be taken.
            TopicRecreated, HistoryGone: see there; an operator has to decide.
        """
        await self.own_all([partition])
        return self.require(partition)

    async def own_all(self, partitions: Iterable[int]) -> None:
        """Take those that are not held yet; storage is synced once for all of them.

        Raises:
            As `own` does.
        """
        releases = self._releases
        async with self._taking:
            if releases != self._releases:
                raise Released("partitions were given up meanwhile")
            new = [partition for partition in partitions if partition not in self._held]
            taken = [await self._take(partition) for partition in new]
            if not taken:
                return
            await until_available(self._sync)
            for control in taken:
                self._held[control.partition] = control
                _log.info("partition taken", partition=control.partition, token=control.token)

    async def _take(self, partition: int) -> Control:
        await self._require_membership(partition)
        control = await until_available(partial(self._control.take, partition, self._nonce))
        await self._align(control)
        known = self._known()
        unknown = {
            name: known.get(name, 0)
            for name, mark in control.positions.items()
            if name.startswith((ITEMS_MARK, PERSONAS_MARK)) and known.get(name, 0) < mark
        }
        if unknown:
            await until_available(partial(self._control.bookmark, control, unknown))
            control = replace(control, positions={**control.positions, **unknown})
        return control

    async def confirm(self, partitions: Sequence[int]) -> None:
        """Make sure that writes since `own` were not refused.

        A refused write is silent, but it implies a newer owner, and a newer owner
        has replaced the control point first.

        Raises:
            Fenced: a control point is no longer this worker's.
            Released: the partition was given up in a rebalance meanwhile.
        """
        before = {partition: self.require(partition) for partition in partitions}
        stored = await finished(
            until_available(partial(self._control.read, partition)) for partition in before
        )
        for (partition, held), found in zip(before.items(), stored, strict=True):
            if self.require(partition).token != held.token:
                raise Released(f"partition {partition} was taken anew meanwhile")
            if found is None or (found.token, found.nonce) != (held.token, held.nonce):
                raise Fenced(f"partition {partition} has a newer owner")

    async def bookmark(self, partition: int, positions: Mapping[str, int]) -> None:
        """Store positions with the control point, under this worker's token.

        Raises:
            Released: the partition was given up in a rebalance meanwhile.
        """
        held = self.require(partition)
        await until_available(partial(self._control.bookmark, held, positions))
        now = self._held.get(partition)
        if now is not None and now.token == held.token:
            # Read again: another bookmark, or a rebalance, may have come between.
            merged = {**now.positions, **positions}
            self._held[partition] = Control(now.partition, now.token, now.nonce, merged)

    async def settle(self) -> None:
        """Return when what was bookmarked survives a loss of power."""
        await until_available(self._control.flush)

    async def committed_updates(self, partition: int) -> int:
        """The offset up to which updates of the partition's users are committed as counted."""
        place = (self._updates, partition)
        committed = (await self._consumer().committed_offsets([place]))[place]
        return committed or 0

    async def sent_updates(self, partition: int) -> int:
        """The offset up to which updates of the partition's users have been sent."""
        place = (self._updates, partition)
        _, end = (await self._consumer().end_offsets([place]))[place]
        return end

    async def _require_membership(self, partition: int) -> None:
        """Commit what is committed, as only members of the group's present generation may.

        A worker that stood still past its session still believes in its assignment; were it
        to take a partition, it would end the one that reads it now.

        Raises:
            PartitionLost: this worker is no such member.
        """
        place = (USER_TOPICS[0], partition)
        consumer = self._consumer()
        committed = (await consumer.committed_offsets([place]))[place]
        if committed is None:
            committed, _ = (await consumer.end_offsets([place]))[place]
        await consumer.commit_offsets({place: committed})

    async def _align(self, control: Control) -> None:
        consumer = self._consumer()
        places = [(topic, control.partition) for topic in self._topics]
        # In this order: whoever is overtaken between them by another owner, who commits
        # what was appended meanwhile, must not take the topic for a shorter one.
        committed = await consumer.committed_offsets(places)
        ends = await consumer.end_offsets(places)
        starts: dict[Place, int] = {}
        behind: dict[Place, int] = {}
        for place in places:
            topic, partition = place
            first, end = ends[place]
            stored = control.positions.get(BOOKMARK + topic)
            known = committed[place]
            if max(stored or 0, known or 0) > end:
                raise TopicRecreated(
                    f"{topic}/{partition} ends at {end}, but offset {max(stored or 0, known or 0)} "
                    "was folded in before: the topic was recreated; start under a new namespace"
                )
            if known is None:
                # Retention must not make "nothing committed" mean "start at the end".
                starts[place] = first
            elif known > (stored or 0) and known > first:
                if first > (stored or 0):
                    raise HistoryGone(
                        f"the store holds {topic}/{partition} up to {stored or 0}, committed is "
                        f"{known}, but the topic begins at {first}: restore a newer copy of the "
                        "store (strata restore), or publish the history again and build a version "
                        "from it (strata replay --into NAME, strata promote NAME)"
                    )
                _log.warning(
                    "store is behind the committed offset, reading again",
                    topic=topic,
                    partition=partition,
                    stored=stored,
                    committed=known,
                )
                behind[place] = stored or 0
        if starts:
            await consumer.commit_offsets(starts)
        if behind:
            # How far descriptions were stored is not bookmarked. Whoever lacks events may lack
            # them too, and reading one again changes nothing.
            described = (ITEMS, control.partition)
            behind[described] = (await consumer.end_offsets([described]))[described][0]
            await consumer.rewind(behind)
