"""How long after its publishing an event shows in a lookup.

An open-loop publisher: events leave by the clock, whether or not earlier ones have arrived
anywhere. Some are of users who are watched: a reader polls what a lookup in Redis reads, and an
event is visible once as many events are counted there as had been published of its user. Its time
runs from when it was due, so what the publisher was late counts.
"""

import asyncio
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
from confluent_kafka import Producer

from benchmarks.ground import Ground
from benchmarks.load import Load, Record
from benchmarks.running import ContenderFailed
from benchmarks.spread import quantile
from benchmarks.workers import working
from profiles.ids import user_key
from schemas import topics
from schemas.snapshots import decode_profile
from stores.connect import open_redis
from streams.partitions import partition_of

__all__ = ["STEADY_S", "WARM_UP_S", "Due", "Seen", "Watched", "interleaved", "seen", "watch"]

WARM_UP_S: Final = 10.0
STEADY_S: Final = 30.0
_WATCHED_A_SECOND: Final = 50.0
_WATCHED_USERS: Final = 200
_TICK_S: Final = 0.002
_POLL_S: Final = 0.01
_AFTER_S: Final = 60.0
_DRAIN_S: Final = 300.0
_BY_THE_CLOCK: Final = {"linger.ms": 5, "queue.buffering.max.messages": 1_000_000}
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of one steady phase.

    Attributes:
        p50_ms, p99_ms: From when an event was due until a lookup showed it.
        watched: Events that this was measured of.
        late_ms: The most that the publisher was behind its clock.
    """

    p50_ms: float
    p99_ms: float
    watched: int
    late_ms: float


@dataclass(frozen=True, slots=True)
class Due:
    """One event to publish.

    Attributes:
        due_s: After the first.
        watched: Its user, if somebody looks for it.
    """

    due_s: float
    record: Record
    watched: str | None


@dataclass(slots=True)
class Watched:
    """Events of watched users that nobody has seen yet.

    Attributes:
        took_s: By event that was seen: when it was due, and how long it took.
    """

    took_s: list[tuple[float, float]] = field(default_factory=list)
    _published: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _unseen: dict[str, deque[tuple[int, float]]] = field(default_factory=dict)

    def published(self, user_id: str, due_s: float) -> None:
        """One more event of the user."""
        self._published[user_id] += 1
        waiting = self._unseen.setdefault(user_id, deque())
        waiting.append((self._published[user_id], due_s))

    def users(self) -> list[str]:
        """Those of whom something is to be seen."""
        return list(self._unseen)

    def shown(self, user_id: str, events: int, now_s: float) -> None:
        """A lookup says that so many events of the user have been counted."""
        waiting = self._unseen[user_id]
        while waiting and waiting[0][0] <= events:
            _, due_s = waiting.popleft()
            self.took_s.append((due_s, now_s - due_s))
        if not waiting:
            del self._unseen[user_id]


def interleaved(load: Load, *, rate: float, seconds: float) -> Iterator[Due]:
    """Events at `rate` a second: the load's, and every so often one of a watched user."""
    total = round(rate * seconds)
    every = max(2, round(rate / _WATCHED_A_SECOND))
    events = replace(load, events=total).interactions()
    for number in range(total):
        due_s = number / rate
        if number % every:
            yield Due(due_s, next(events), None)
            continue
        user_id = f"watched-{number // every % _WATCHED_USERS:04}"
        event = {
            "event_id": f"watched-{number:012x}",
            "type": "interaction",
            "occurred_at": 1_735_689_600 + number * load.spacing_ms // 1_000,
            "user_id": user_id,
            "item_id": load.item_id(number // every % load.items),
            "action": "view",
        }
        yield Due(due_s, (user_id.encode(), _encoder.encode(event)), user_id)


def seen(ground: Ground, load: Load, *, rate: float) -> Seen:
    """Run a worker, publish at `rate` for `WARM_UP_S` and then for `STEADY_S`, and watch.

    Args:
        ground: The topic of items holds the load's, that of interactions nothing.

    Raises:
        ContenderFailed: the worker did not start, or did not come to show all events.
    """
    events = list(interleaved(load, rate=rate, seconds=WARM_UP_S + STEADY_S))
    with working(ground, workers=1) as group:
        group.wait_until_drained(_DRAIN_S)
        return asyncio.run(watch(ground, group.name, events))


async def watch(
    ground: Ground, namespace: str, events: list[Due], *, warm_up_s: float = WARM_UP_S
) -> Seen:
    """Publish events by the clock, and watch the cache of a worker that runs.

    Args:
        warm_up_s: What is due before does not count.

    Raises:
        ContenderFailed: the worker did not come to show all events.
    """
    watched, done = Watched(), asyncio.Event()
    start_s = time.perf_counter()
    reading = asyncio.create_task(_read(ground, namespace, watched, start_s, done))
    try:
        late_s = await _publish(ground, events, watched, start_s)
        done.set()
        await reading
    finally:
        reading.cancel()
    steady = [took_s for due_s, took_s in watched.took_s if due_s >= warm_up_s]
    p50, p99 = (quantile(steady, part) * 1e3 for part in (0.5, 0.99))
    return Seen(p50_ms=p50, p99_ms=p99, watched=len(steady), late_ms=late_s * 1e3)


async def _publish(ground: Ground, events: list[Due], watched: Watched, start_s: float) -> float:
    """Publish by the clock; seconds that an event was late, at most."""
    producer = Producer({"bootstrap.servers": ground.bootstrap, **_BY_THE_CLOCK})
    late_s = 0.0
    for one in events:
        while (ahead_s := start_s + one.due_s - time.perf_counter()) > 0:
            producer.poll(0)
            await asyncio.sleep(max(_TICK_S, ahead_s))
        late_s = max(late_s, -ahead_s)
        key, value = one.record
        producer.produce(topics.INTERACTIONS, value, key, partition_of(key, ground.partitions))
        if one.watched is not None:
            watched.published(one.watched, one.due_s)
            # The reader has its turn also while the publisher is behind.
            await asyncio.sleep(0)
    await asyncio.to_thread(producer.flush)
    return late_s


async def _read(
    ground: Ground, namespace: str, watched: Watched, start_s: float, done: asyncio.Event
) -> None:
    """Look watched users up until all is published and seen."""
    live = await open_redis(ground.redis_url, namespace=namespace, partitions=ground.partitions)
    try:
        ended_s: float | None = None
        while not done.is_set() or watched.users():
            if done.is_set():
                ended_s = time.perf_counter() if ended_s is None else ended_s
                if time.perf_counter() - ended_s > _AFTER_S:
                    raise ContenderFailed(
                        f"{len(watched.users())} users' events did not show in {_AFTER_S:g} s"
                    )
            users = watched.users()
            views = await live.cache.get([user_key("default", user_id) for user_id in users])
            now_s = time.perf_counter() - start_s
            for user_id, view in zip(users, views, strict=True):
                if view:
                    watched.shown(user_id, sum(decode_profile(view).totals.values()), now_s)
            await asyncio.sleep(_POLL_S)
    finally:
        await live.close()
