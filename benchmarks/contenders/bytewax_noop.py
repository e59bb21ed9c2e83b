"""Bytewax: a flow from Kafka into a sink that counts."""

import os

import bytewax.operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import run_main
from confluent_kafka import OFFSET_BEGINNING

from benchmarks.contenders.task import Stopwatch, Task, answer, asked

_AT_ONCE = 1_000


class _Count(StatelessSinkPartition[object]):
    def __init__(self, task: Task) -> None:
        self._task = task
        self._watch = Stopwatch()
        self._counted = 0

    def write_batch(self, items: list[object]) -> None:
        self._watch.start()
        self._counted += len(items)
        if self._counted == self._task.events:
            answer(self._watch.result(self._counted))
            os._exit(0)


class _Counting(DynamicSink[object]):
    def __init__(self, task: Task) -> None:
        self._task = task

    def build(self, step_id: str, worker_index: int, worker_count: int) -> _Count:  # noqa: ARG002 - Bytewax's
        return _Count(self._task)


def main() -> None:
    """Run until the last event has been counted."""
    task = asked()
    flow = Dataflow("noop")
    source = KafkaSource(
        [task.bootstrap],
        [task.topic],
        starting_offset=OFFSET_BEGINNING,
        batch_size=_AT_ONCE,
    )
    op.output("count", op.input("events", flow, source), _Counting(task))
    run_main(flow)


if __name__ == "__main__":
    main()
