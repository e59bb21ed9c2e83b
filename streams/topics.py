"""The topics, created with equal partition counts and the retention each kind of data needs."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from schemas import topics as names
from stores.kafka import client_options

__all__ = [
    "PartitionCountMismatch",
    "TopicSpec",
    "TopicsUnavailable",
    "ensure_topics",
    "remove_topics",
    "specs",
]

_DAY_MS: Final = 86_400_000
_FOR_EVER: Final = -1
SEGMENT_MS: Final = _DAY_MS
"""A segment of a topic that forgets is closed after so long."""

LETTERS_SEGMENT_MS: Final = 3_600_000
"""A segment of dead letters is closed after so long, and cleaned of what was taken out."""

LETTERS_GONE_MS: Final = 2 * LETTERS_SEGMENT_MS
"""So long after a letter was taken out it is in no file of Kafka's.

An hour and a minute at most until its segment is closed, by what comes or by whoever owns the
partition; the rest is for Kafka's cleaner, which looks every 15 s.
"""

_LARGEST_INTERNAL_RECORD_BYTES: Final = 8 << 20


class TopicsUnavailable(ConnectionError):
    """The broker cannot be reached, or did not create the topics."""


class PartitionCountMismatch(RuntimeError):
    """A user-keyed topic has another partition count than the rest: users would have two owners."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How one topic is created.

    Attributes:
        partitions: None for the common count.
        retention_ms: -1 keeps records for ever.
        compacted: Keeps the last record of each key, and drops keys whose last has no value.
        cleaned_ms: Of a compacted topic that also forgets with time: what it need not keep by
            key is dropped so soon; None for whenever Kafka sees fit.
    """

    name: str
    retention_ms: int = _FOR_EVER
    compacted: bool = False
    cleaned_ms: int | None = None
    partitions: int | None = None
    largest_record_bytes: int | None = None

    @property
    def of_users(self) -> bool:
        """Whether its records are about users, under their keys."""
        return self.name in (*names.USER_TOPICS, names.DEAD_LETTERS, names.PROFILE_UPDATES)

    def configs(self) -> dict[str, str]:
        """Topic-level configuration; broker time stamps make decisions repeatable."""
        configs = {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "compact" if self.compacted else "delete",
        }
        if not self.compacted:
            configs["retention.ms"] = str(self.retention_ms)
            # A record leaves with its segment: one that is never closed keeps it for ever.
            configs["segment.ms"] = str(SEGMENT_MS)
        elif self.cleaned_ms is not None:
            configs["cleanup.policy"] = "compact,delete"
            configs["retention.ms"] = str(self.retention_ms)
            configs["segment.ms"] = configs["max.compaction.lag.ms"] = str(self.cleaned_ms)
        if self.largest_record_bytes is not None:
            configs["max.message.bytes"] = str(self.largest_record_bytes)
        return configs


def specs(*, events_retention_days: int = 30) -> tuple[TopicSpec, ...]:
    """All topics.

    Consents, erasures and attributes are kept for ever and uncompacted: what a
    person said must survive any replay. Items are compacted, and so is what is
    derived from them.
    """
    events_ms = events_retention_days * _DAY_MS
    return (
        TopicSpec(names.INTERACTIONS, events_ms),
        TopicSpec(names.PREFERENCES, events_ms),
        TopicSpec(names.DOCUMENTS, events_ms),
        TopicSpec(names.ATTRIBUTES),
        TopicSpec(names.CONSENTS),
        TopicSpec(names.ERASURES),
        TopicSpec(names.ITEMS, compacted=True),
        TopicSpec(names.DEAD_LETTERS, events_ms, compacted=True, cleaned_ms=LETTERS_SEGMENT_MS),
        TopicSpec(
            names.PROFILE_UPDATES,
            7 * _DAY_MS,
            largest_record_bytes=_LARGEST_INTERNAL_RECORD_BYTES,
        ),
        TopicSpec(names.ITEM_VECTORS, compacted=True),
        TopicSpec(names.PERSONAS, compacted=True, partitions=1),
        TopicSpec(names.PERSONA_EVENTS, partitions=1),
    )


async def ensure_topics(
    bootstrap: str,
    *,
    partitions: int,
    replication: int = 1,
    wanted: Iterable[TopicSpec] | None = None,
    timeout_s: float = 30.0,
) -> None:
    """Create the topics that are missing; check the counts of those that exist.

    Raises:
        TopicsUnavailable: no broker, or it refused.
        PartitionCountMismatch: an existing topic has another count. Changing the
            count moves users between partitions.
    """
    wanted = tuple(wanted if wanted is not None else specs())
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=10_000, **client_options(bootstrap)
    )
    try:
        async with asyncio.timeout(timeout_s):
            await admin.start()
            await _create(admin, wanted, partitions, replication)
            await _check(admin, wanted, partitions)
    except TimeoutError as error:
        raise TopicsUnavailable(
            f"Kafka at {bootstrap} did not answer in {timeout_s:g} s"
        ) from error
    except KafkaConnectionError as error:
        raise TopicsUnavailable(f"Kafka at {bootstrap} cannot be reached: {error}") from error
    except KafkaError as error:
        raise TopicsUnavailable(f"Kafka at {bootstrap} refused: {error}") from error
    finally:
        await admin.close()


async def remove_topics(bootstrap: str, names: Iterable[str]) -> None:
    """Delete those that exist, with all that is in them.

    Raises:
        TopicsUnavailable: no broker, or it refused.
    """
    admin = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap, request_timeout_ms=10_000, **client_options(bootstrap)
    )
    try:
        await admin.start()
        there = sorted(set(names) & set(await admin.list_topics()))
        if there:
            await admin.delete_topics(there)
    except KafkaError as error:
        raise TopicsUnavailable(f"Kafka at {bootstrap}: {error}") from error
    finally:
        await admin.close()


async def _create(
    admin: AIOKafkaAdminClient, wanted: Iterable[TopicSpec], partitions: int, replication: int
) -> None:
    existing = set(await admin.list_topics())
    missing = [
        NewTopic(
            spec.name,
            spec.partitions or partitions,
            replication,
            topic_configs=spec.configs(),
        )
        for spec in wanted
        if spec.name not in existing
    ]
    if not missing:
        return
    answer = await admin.create_topics(missing)
    for topic, code, *_ in answer.topic_errors:
        error = for_code(code)
        # Two workers may start at the same moment: existing is as good as created.
        if code and error is not TopicAlreadyExistsError:
            raise error(topic)


async def _check(admin: AIOKafkaAdminClient, wanted: Iterable[TopicSpec], partitions: int) -> None:
    wanted_of = {spec.name: spec.partitions or partitions for spec in wanted}
    while True:
        found = await admin.describe_topics(list(wanted_of))
        if all(not topic["error_code"] and topic["partitions"] for topic in found):
            break
        await asyncio.sleep(0.1)
    for topic in found:
        count = len(topic["partitions"])
        if count != wanted_of[topic["topic"]]:
            raise PartitionCountMismatch(
                f"topic {topic['topic']} has {count} partitions, but "
                f"{wanted_of[topic['topic']]} are configured; another count needs new topics, "
                "and the history published again"
            )
