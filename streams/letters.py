"""Dead letters of people who were erased: none is kept, whoever wrote it and whenever.

Of each erasure it is noted, before anything else is done about it, up to when records about its
subject may leave no letter. Whoever has written letters asks for such notes *afterwards*, and
whoever carries an erasure out reads the letters after it was noted; so of any two that meet, one
sees the other. A letter falls by a tombstone under its position: no reader shows it from then on.
From Kafka's files it goes with the next cleaning, which its segment must have been closed for.
Kafka closes segments only when something is appended; where nothing comes, the owner of the
partition sees to it, and goes through its letters once more before that.
"""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

import structlog

from profiles.privacy.erasure import ErasureStore
from profiles.privacy.pseudonyms import Secret, pseudonym
from schemas import topics
from schemas.letters import RECEIVED_HEADER, Headers, original_key, people_named, position_of
from streams.batches import Record, RecordBatch
from streams.emitter import Outgoing, Sender
from streams.retrying import until_available
from streams.topics import LETTERS_SEGMENT_MS

__all__ = ["Fallen", "LetterKeeping", "LetterLog"]

_log = structlog.get_logger(__name__)

_CLOSING: Final = b"closed"
"""Key of a record whose only purpose is that a segment ends before it."""

_LOOKED_INTO: Final = 512
_LONGEST_TIME: Final = 18
_LOOKING_MS: Final = 60_000


class LetterLog(Protocol):
    """The topic of dead letters. May raise `StoreUnavailable`."""

    def read(self, partitions: Sequence[int]) -> AsyncIterator[RecordBatch]:
        """All that lies in the partitions when reading begins, each in its order."""
        ...

    async def last(self, partitions: Sequence[int]) -> Mapping[int, Record]:
        """The last record of each partition that has one."""
        ...


@dataclass(slots=True)
class Fallen:
    """Letters that erasures reach.

    Attributes:
        places: (partition, position), by which each is taken out.
        subjects: Erased users → letters that named them.
    """

    places: list[tuple[int, bytes]] = field(default_factory=list)
    subjects: Counter[bytes] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class _Named:
    """Whom a letter names, and when its record came."""

    subjects: frozenset[bytes]
    received_ms: int


class LetterKeeping:
    """Sends records on, and keeps no dead letter of an erased user.

    Args:
        sender: Where letters and all other records go.
        segment_ms: After so long a segment of letters is to be closed.
    """

    def __init__(
        self,
        *,
        sender: Sender,
        log: LetterLog,
        store: ErasureStore,
        secret: Secret,
        clock_ms: Callable[[], int],
        partitions: int,
        segment_ms: int = LETTERS_SEGMENT_MS,
    ) -> None:
        self._sender = sender
        self._log = log
        self._store = store
        self._secret = secret
        self._clock_ms = clock_ms
        self._partitions = partitions
        self._segment_ms = segment_ms
        self._looked_ms = 0

    async def send(self, records: Sequence[Outgoing]) -> None:
        """As `Sender.send`; what is sent here and falls to an erasure is out when this returns."""
        await self._sender.send(records)
        named = {}
        for record in records:
            if record.topic == topics.DEAD_LETTERS:
                place, whom = self._named(record.key, record.value, record.headers)
                if whom is not None:
                    named[record.partition, place] = whom
        if named:
            fallen = Fallen()
            await self._note_fallen(named, fallen)
            await self.take_out(fallen)

    async def fallen(self, partitions: Sequence[int] | None = None) -> Fallen:
        """All letters that fall to what has been noted so far; in all partitions by default."""
        where = range(self._partitions) if partitions is None else partitions
        return await until_available(partial(self._fallen, where))

    async def take_out(self, fallen: Fallen) -> None:
        """No reader shows them from now on."""
        if not fallen.places:
            return
        await self._sender.send([_tombstone(*place) for place in fallen.places])
        _log.info("dead letters of erased users taken out", letters=len(fallen.places))

    async def keep(self, partitions: Sequence[int]) -> None:
        """See to it, for owned partitions, that what was taken out leaves the files."""
        now_ms = self._clock_ms()
        if now_ms < self._looked_ms + min(_LOOKING_MS, self._segment_ms // 4):
            return
        self._looked_ms = now_ms
        last = await until_available(partial(self._log.last, partitions))
        quiet = [
            partition
            for partition, record in last.items()
            if record.key != _CLOSING and now_ms - record.timestamp >= self._segment_ms
        ]
        if quiet:
            # An owner before may have written one without coming to ask.
            await self.take_out(await self.fallen(quiet))
            await self._sender.send([_tombstone(partition, _CLOSING) for partition in quiet])

    async def _fallen(self, partitions: Sequence[int]) -> Fallen:
        fallen = Fallen()
        there: dict[tuple[int, bytes], _Named] = {}
        async for batch in self._log.read(partitions):
            for record in batch.records:
                place, whom = self._named(record.key, record.value, record.headers)
                if whom is None:
                    there.pop((batch.partition, place), None)
                else:
                    there[batch.partition, place] = whom
        await self._note_fallen(there, fallen)
        return fallen

    def _named(
        self, key: bytes | None, value: bytes | None, headers: Headers
    ) -> tuple[bytes, _Named | None]:
        """A letter's position, and whom it names; None for nobody, a tombstone or a stranger."""
        place = position_of(key, headers) or b""
        said = dict(headers)
        if value is None or "strata-topic" not in said:
            return place, None
        topic = said["strata-topic"].decode("utf-8", "replace")
        people = people_named(topic, original_key(key, headers), value)
        received = said.get(RECEIVED_HEADER, b"")
        if not people or not received.isdigit() or len(received) > _LONGEST_TIME:
            return place, None
        subjects = frozenset(pseudonym(self._secret, *person) for person in people)
        return place, _Named(subjects, int(received))

    async def _note_fallen(self, named: Mapping[tuple[int, bytes], _Named], fallen: Fallen) -> None:
        through_ms = await self._barred({one for whom in named.values() for one in whom.subjects})
        reached: dict[tuple[int, bytes], list[bytes]] = defaultdict(list)
        for place, whom in named.items():
            for subject in whom.subjects:
                if whom.received_ms <= through_ms.get(subject, -1):
                    reached[place].append(subject)
        fallen.places.extend(reached)
        for subjects in reached.values():
            fallen.subjects.update(subjects)

    async def _barred(self, subjects: set[bytes]) -> dict[bytes, int]:
        asked = sorted(subjects)
        found: dict[bytes, int] = {}
        for start in range(0, len(asked), _LOOKED_INTO):
            some = asked[start : start + _LOOKED_INTO]
            answers = await until_available(partial(self._store.letters_barred, some))
            found |= {
                subject: through_ms
                for subject, through_ms in zip(some, answers, strict=True)
                if through_ms is not None
            }
        return found


def _tombstone(partition: int, key: bytes) -> Outgoing:
    return Outgoing(topics.DEAD_LETTERS, partition, key, None)
