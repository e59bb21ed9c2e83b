"""Quix Streams: a dataframe whose one step counts."""

import logging
import os

from quixstreams import Application

from benchmarks.contenders.task import Stopwatch, answer, asked


def main() -> None:
    """Run until the last event has been counted."""
    task = asked()
    app = Application(
        broker_address=task.bootstrap,
        consumer_group=task.name,
        auto_offset_reset="earliest",
        state_dir=task.directory,
        loglevel=logging.ERROR,
    )
    watch, counted = Stopwatch(), 0

    def count(_: bytes) -> None:
        nonlocal counted
        watch.start()
        counted += 1
        if counted == task.events:
            answer(watch.result(counted))
            os._exit(0)

    source = app.topic(task.topic, value_deserializer="bytes", key_deserializer="bytes")
    app.dataframe(source).update(count)
    app.run()


if __name__ == "__main__":
    main()
