"""Raw confluent-kafka: `consume` in a loop, each record decoded as Strata decodes it."""

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from benchmarks.contenders.task import Result, Stopwatch, Task, answer, asked
from schemas.fast import decode
from schemas.rejection import Rejection

_AT_ONCE = 5_000


def measured(task: Task) -> Result:
    """Read all events; offsets are committed after each call."""
    consumer = Consumer(
        {
            "bootstrap.servers": task.bootstrap,
            "group.id": task.name,
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 100,
        }
    )
    consumer.assign(
        [TopicPartition(task.topic, one, OFFSET_BEGINNING) for one in range(task.partitions)]
    )
    watch, counted = Stopwatch(), 0
    while counted < task.events:
        messages = consumer.consume(_AT_ONCE, timeout=0.5)
        if not messages:
            continue
        watch.start()
        for message in messages:
            event = decode(message.value() or b"", received_ms=message.timestamp()[1])
            counted += not isinstance(event, Rejection)
        consumer.commit(asynchronous=True)
    result = watch.result(counted)
    consumer.close()
    return result


if __name__ == "__main__":
    answer(measured(asked()))
