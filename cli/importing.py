"""`strata replay --from-files`: history that Kafka no longer holds, into a topic of one version."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from cli.errors import CommandFailed
from cli.event_files import InvalidLine, Line, OutgoingEvent, lines_of, outgoing, size_bytes
from cli.progress import sending_progress
from cli.publishing import Publisher
from cli.terminal import cell, plain, stderr
from schemas.topics import USER_TOPICS
from stores.versions import Version
from streams.offsets import KafkaView
from streams.partitions import partition_of

__all__ = ["imported"]

_LINE: Final = "strata-line"
"""Header of a record: number of the file and of the line, from 0 and from 1."""

_MOST_SHOWN: Final = 50
_READ_S: Final = 30.0

Place = tuple[int, int]
"""Of a line: the number of its file, and its own."""


async def imported(
    version: Version, kafka: KafkaView, *, topic: str, bootstrap: str, partitions: int
) -> int:
    """Send the users' events of all files to the version's own topic; how many were sent now.

    Each partition holds its lines in order, so its last record tells how far it came: after an
    interruption this goes on there, and no line is in the topic twice.

    Raises:
        CommandFailed: a file cannot be read or is not the one that was begun with, or Kafka
            does not answer.
    """
    for name, size in version.files:
        if size_bytes(Path(name)) != size:
            raise CommandFailed(f"{name} is not the file that {version.name} was begun with")
    reached = await _reached(kafka, bootstrap, topic)
    async with Publisher.opened(bootstrap, partitions=partitions) as publisher:
        sending = _Sending(publisher, topic, reached, partitions)
        with sending_progress(stderr()) as bars:
            for number, (name, size) in enumerate(version.files):
                path = Path(name)
                task = bars.add_task(plain(path.name), total=size or None, events=0)
                before = publisher.sent

                def read(position: int) -> None:
                    done = publisher.sent - before  # noqa: B023 - called before the next file
                    bars.update(task, completed=position, events=done)  # noqa: B023

                for line in lines_of(path, read_bytes=read):
                    await sending.take(number, line)
        await publisher.flush()
    sending.tell()
    return publisher.sent


class _Sending:
    """Lines on their way.

    Args:
        reached: Of each partition that has any, the last line.
    """

    def __init__(
        self, publisher: Publisher, topic: str, reached: dict[int, Place], partitions: int
    ) -> None:
        self._publisher = publisher
        self._topic = topic
        self._reached = reached
        self._partitions = partitions
        self._invalid = 0
        self._of_items = 0

    async def take(self, number: int, line: Line) -> None:
        event = outgoing(line, now_ms=time.time_ns() // 1_000_000)
        if isinstance(event, InvalidLine):
            self._invalid += 1
            if self._invalid <= _MOST_SHOWN:
                stderr().print(cell(str(event)), soft_wrap=True)
        elif event.topic not in USER_TOPICS:
            self._of_items += 1
        elif (number, line.number) > self._last(event):
            place = f"{number}:{line.number}".encode()
            own = replace(event, topic=self._topic)
            await self._publisher.send(own, headers=[(_LINE, place)])

    def tell(self) -> None:
        """Of what was left out."""
        if self._invalid:
            stderr().print(f"left out {self._invalid:,} invalid lines")
        if self._of_items:
            stderr().print(
                f"left out {self._of_items:,} lines about items: Kafka keeps items for ever, and "
                "`strata publish` adds those that it lacks"
            )

    def _last(self, event: OutgoingEvent) -> Place:
        return self._reached.get(partition_of(event.key, self._partitions), (-1, 0))


async def _reached(kafka: KafkaView, bootstrap: str, topic: str) -> dict[int, Place]:
    """The last line in each partition that has any."""
    ends = await kafka.ends(await kafka.places([topic]))
    filled = {TopicPartition(*place): end for place, end in ends.items() if end}
    if not filled:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        reached: dict[int, Place] = {}
        for place, end in filled.items():
            consumer.assign([place])
            consumer.seek(place, end - 1)
            records = await consumer.getmany(place, timeout_ms=int(1_000 * _READ_S))
            if not records.get(place):
                raise CommandFailed(f"the end of {topic}/{place.partition} cannot be read")
            reached[place.partition] = _place(records[place][-1])
        return reached
    finally:
        await consumer.stop()


def _place(record: ConsumerRecord[bytes, bytes]) -> Place:
    number, _, line = dict(record.headers)[_LINE].decode().partition(":")
    return int(number), int(line)
