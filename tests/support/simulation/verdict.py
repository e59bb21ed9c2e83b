"""What must hold all the time, and what must be there in the end."""

import json
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from observed import observed_state
from write_side.equality import differences
from write_side.observing import observe

from profiles.ids import user_key
from profiles.privacy.pseudonyms import receipt_key
from profiles.state import decode_state
from schemas import topics
from schemas.letters import letter_key
from simulation.broker import Broker
from simulation.events import Event, Published, accepted
from simulation.invariants import broken
from simulation.shelves import SECRET, Shelves
from streams.emitter import Outgoing
from streams.learners import initial_space
from streams.ownership import Place
from streams.partitions import partition_of

__all__ = ["Watch", "kept", "verdict"]

T = TypeVar("T")


class Watch:
    """Looks at every commit and every record sent.

    Attributes:
        broker: Set once there is one.
    """

    broker: Broker

    def __init__(self, shelves: Shelves, complain: Callable[[str], None]) -> None:
        self._shelves = shelves
        self._complain = complain

    def committing(self, who: str, offsets: Mapping[Place, int]) -> None:
        """No event below a committed offset lies above its user's stored position."""
        for (topic, partition), offset in offsets.items():
            if topic not in topics.USER_TOPICS:
                continue
            known = self.broker.committed.get((topic, partition), 0)
            for record in self.broker.read((topic, partition), known, most=max(0, offset - known)):
                key, value = record.key or b"", record.value or b""
                if value == b"{" or partition_of(key, self.broker.partitions) != partition:
                    continue
                user = str(json.loads(value)["user_id"])
                (stored,) = at_once(self._shelves.users.read([user_key("default", user)]))
                state = decode_state(stored.state if stored else b"")
                if state.positions.get(topic, -1) < record.offset:
                    self._complain(
                        f"{who} commits {topic}/{partition} to {offset}, but {user}'s state "
                        f"is without offset {record.offset}"
                    )

    def sending(self, who: str, record: Outgoing) -> None:
        """No update is sent of a write that never was."""
        stored = self._shelves.outboxes
        if record.topic == topics.PROFILE_UPDATES and record.value not in stored:
            self._complain(f"{who} sends an update of {record.key!r} that was never stored")


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """The result of a call to a store in memory, which never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("a store in memory waited")


async def verdict(shelves: Shelves, broker: Broker, published: Sequence[Published]) -> list[str]:
    """One line for each difference between what is stored and the oracle's account."""
    observed = await observe(shelves.ground, await shelves.opened())
    told = differences(
        observed,
        accepted(published),
        partitions=broker.partitions,
        initial=initial_space(shelves.learner.dimension, shelves.learner),
    )
    laws = broken(observed, accepted(published))
    unreceipted = await _unreceipted(shelves, accepted(published))
    return [*told.lines, *laws, *unreceipted, *_different_letters(broker)]


async def _unreceipted(shelves: Shelves, events: Sequence[Event]) -> list[str]:
    """Every erasure has a receipt that says when it was carried out."""
    lines = []
    for event in events:
        if event["type"] != "erasure":
            continue
        key = receipt_key(SECRET, "default", str(event["event_id"]))
        receipt = await shelves.erasures.receipt(key)
        if receipt is None:
            lines.append(f"erasure {event['event_id']} of {event['user_id']}: no receipt")
        elif receipt.erased_ms is None:
            lines.append(f"erasure {event['event_id']} of {event['user_id']}: not carried out")
    return lines


async def kept(shelves: Shelves) -> object:
    """Equal for equal sets of events, whatever came first: users and counters, no versions."""
    observed = await observe(shelves.ground, await shelves.opened())
    return (
        {
            name: (observed_state(decode_state(record.state)), record.vector.tolist(), record.mass)
            for name, record in observed.users.items()
        },
        observed.counters,
    )


def _different_letters(broker: Broker) -> list[str]:
    """Every record that is no event is told of in a dead letter, and no other is.

    Of users who were erased since there is none.
    """
    erased_ms: dict[bytes, int] = {}
    for (topic, partition), log in broker.logs.items():
        if topic == topics.ERASURES:
            for record in log.records:
                key = record.key or b""
                if partition_of(key, broker.partitions) == partition:
                    erased_ms[key] = max(record.timestamp, erased_ms.get(key, -1))
    bad = {
        letter_key(topic, partition, record.offset)
        for (topic, partition), log in broker.logs.items()
        if topic in topics.USER_TOPICS
        for record in log.records
        if record.value == b"{" and partition_of(record.key or b"", broker.partitions) == partition
        if record.timestamp > erased_ms.get(record.key or b"", -1)
    }
    told: set[bytes] = set()
    for (topic, _), log in broker.logs.items():
        if topic == topics.DEAD_LETTERS:
            for record in log.records:
                # As Kafka compacts them.
                key = record.key or b""
                (told.discard if record.value is None else told.add)(key)
    return [f"dead letter: {place!r}" for place in bad ^ told]
