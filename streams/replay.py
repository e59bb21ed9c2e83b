"""From where to where a version is built, putting that in force, and how far it has come."""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from profiles.ports import AggregateStore, ControlStore, PersonaStore
from schemas import topics
from streams.knowledge import PERSONAS_MARK
from streams.learning import LearningOptions
from streams.offsets import KafkaView, commit_for
from streams.ownership import BOOKMARK, Place
from streams.pacing import Standing
from streams.topics import ensure_topics
from streams.version_topics import VersionTopics, version_specs

__all__ = [
    "EARLIEST",
    "READ_WHOLE",
    "CaughtUp",
    "Moment",
    "Progress",
    "Range",
    "is_complete",
    "planned",
    "prepared",
    "progress_of",
    "standing_of",
]

READ_WHOLE: Final = (topics.CONSENTS, topics.ERASURES)
"""Whatever is chosen: what a person withdrew stays withdrawn in every version."""

_NONCE: Final = "replay"
_FEW: Final = 1_000
_ON_THEIR_WAY_S: Final = 10.0
_WATCHED_S: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A place in every topic: its beginning, a time, or offsets; the first that is given.

    Attributes:
        time_ms: Of arrival at the broker, since the epoch.
        offsets: By (topic, partition); other partitions as if nothing were given.
    """

    time_ms: int | None = None
    offsets: Mapping[Place, int] = field(default_factory=dict)


EARLIEST: Final = Moment()


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """What is read of each topic of events.

    Attributes:
        starts: The first offset.
        ends: The offset after the last; empty to follow what comes.
        gone: Records that a topic no longer holds, by topic, where that is any.
    """

    starts: Mapping[Place, int]
    ends: Mapping[Place, int]
    gone: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """In records of the topics of events and items.

    Attributes:
        behind: Left of these, and updates left to count.
        uncounted: The latter alone.
    """

    done: int
    total: int
    behind: int
    uncounted: int = 0


class CaughtUp:
    """Whether a version has little enough left.

    What has just come in is always on its way through a flush, and its updates wait to be counted
    together. So where nothing is said, it has caught up with 1,000 records left to take in, or as
    many as come in within ten seconds, if that is more, and with as many updates left to count.

    Args:
        lag: Records and updates that may be left; None for as many as that.
        few: Others than the 1,000.
    """

    def __init__(self, lag: int | None, *, few: int = _FEW) -> None:
        self._lag = lag
        self._few = few
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, now: Progress, *, now_s: float) -> bool:
        """Whether that is so now.

        Args:
            now_s: Of a clock that never goes back.
        """
        self._seen.append((now_s, now.total))
        while self._seen[0][0] < now_s - _WATCHED_S:
            self._seen.popleft()
        if self._lag is not None:
            return now.behind <= self._lag
        then_s, total = self._seen[0]
        per_s = (now.total - total) / (now_s - then_s) if now_s > then_s else 0.0
        allowed = max(self._few, per_s * _ON_THEIR_WAY_S)
        return max(now.behind - now.uncounted, now.uncounted) <= allowed


async def planned(
    kafka: KafkaView,
    *,
    chosen: Collection[str] = topics.USER_TOPICS,
    start: Moment = EARLIEST,
    until: Moment | None = None,
) -> Range:
    """Offsets for what was asked, from what the topics hold now.

    Topics that are not chosen are left out up to now; what comes from now on is taken in all
    the same, because a version that follows has to know what the others know.
    """
    places = await kafka.places(topics.USER_TOPICS)
    first, ends = await kafka.beginnings(places), await kafka.ends(places)
    started = await _offsets(kafka, places, start, otherwise=first)
    starts = {
        place: first[place]
        if place[0] in READ_WHOLE
        else min(max(started[place], first[place]), ends[place])
        if place[0] in chosen
        else ends[place]
        for place in places
    }
    if until is None:
        stops: dict[Place, int] = {}
    else:
        found = await _offsets(kafka, places, until, otherwise=ends)
        stops = {
            place: max(found[place], starts[place])
            for place in places
            # What was withdrawn since is withdrawn in a picture of the past, too.
            if place[0] not in READ_WHOLE
        }
    gone: dict[str, int] = {}
    for place, offset in first.items():
        if offset and starts[place] == offset and place[0] not in READ_WHOLE:
            gone[place[0]] = gone.get(place[0], 0) + offset
    return Range(starts=starts, ends=stops, gone=gone)


async def _offsets(
    kafka: KafkaView, places: list[Place], moment: Moment, *, otherwise: Mapping[Place, int]
) -> dict[Place, int]:
    if moment.time_ms is not None:
        return await kafka.at_time(places, moment.time_ms)
    return {place: moment.offsets.get(place, otherwise[place]) for place in places}


async def prepared(
    bootstrap: str,
    kafka: KafkaView,
    control: ControlStore,
    *,
    group: str,
    reading: Range,
    names: VersionTopics,
    partitions: int,
) -> None:
    """Make topics, control points and offsets such that workers begin where they should.

    To be repeated, if interrupted, before the first worker begins. The control points know the
    start, too: a worker that finds them behind its offsets would read from the beginning.

    Raises:
        GroupAtWork: workers are at it already.
        TopicsUnavailable, StoreUnavailable: see there.
    """
    await ensure_topics(bootstrap, partitions=partitions, wanted=version_specs(names))
    whole = await kafka.places([topics.ITEMS, names.profile_updates])
    await commit_for(bootstrap, group, {**reading.starts, **await kafka.beginnings(whole)})
    for partition in range(partitions):
        taken = await control.take(partition, _NONCE)
        marks = {
            BOOKMARK + topic: offset
            for (topic, place), offset in reading.starts.items()
            if place == partition
        }
        await control.bookmark(taken, marks)


async def progress_of(
    kafka: KafkaView, *, group: str, reading: Range, names: VersionTopics
) -> Progress:
    """How far the group has come."""
    items = await kafka.places([topics.ITEMS])
    starts = {**dict.fromkeys(items, 0), **reading.starts}
    ends = await kafka.ends(starts)
    ends = {place: min(end, reading.ends.get(place, end)) for place, end in ends.items()}
    committed = await kafka.committed(group)
    total = sum(max(0, ends[place] - start) for place, start in starts.items())
    left = sum(
        max(0, ends[place] - max(committed.get(place, start), start))
        for place, start in starts.items()
    )
    updates = await kafka.ends(await kafka.places([names.profile_updates]))
    uncounted = sum(max(0, end - committed.get(place, 0)) for place, end in updates.items())
    return Progress(done=total - left, total=total, behind=left + uncounted, uncounted=uncounted)


async def is_complete(
    aggregates: AggregateStore,
    personas: PersonaStore,
    control: ControlStore,
    *,
    partitions: int,
    least_users: int = LearningOptions().least_users,
) -> bool:
    """Whether counters are built, models learned, and users brought up to these once.

    Args:
        least_users: With a direction, of a tenant that models are learned for.
    """
    directed: Counter[str] = Counter()
    for partition in range(partitions):
        if await aggregates.built_epoch(partition) is None:
            return False
        tables = await aggregates.tables(partition, series=["size"])
        for table, counters in zip(
            tables, await aggregates.counters(partition, tables), strict=True
        ):
            if not table.scope:
                directed[table.tenant] += counters.get(b"directed", 0)
    learned = [tenant for tenant, users in directed.items() if users >= least_users]
    if any([await personas.read(tenant) is None for tenant in learned]):
        return False
    held = [await control.read(partition) for partition in range(partitions)]
    return all(
        one is not None and all(one.positions.get(PERSONAS_MARK + name) for name in learned)
        for one in held
    )


async def standing_of(kafka: KafkaView, *, group: str) -> Standing:
    """How the first version's group stands with events and items, and with counting updates.

    Of partitions that the group has begun to read.
    """
    places = await kafka.places([*topics.USER_TOPICS, topics.ITEMS, topics.PROFILE_UPDATES])
    committed = await kafka.committed(group)
    begun = [place for place in places if place in committed]
    ends = await kafka.ends(begun)

    def summed(*, updates: bool) -> tuple[int, int]:
        own = [place for place in begun if (place[0] == topics.PROFILE_UPDATES) is updates]
        left = sum(max(0, ends[place] - committed[place]) for place in own)
        return sum(committed[place] for place in own), left

    return Standing(*summed(updates=False), *summed(updates=True))
