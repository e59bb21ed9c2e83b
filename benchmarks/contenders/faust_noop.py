"""Stock Faust: an agent that counts."""

import os

import faust
from faust.types import StreamT

from benchmarks.contenders.task import Stopwatch, answer, asked


def main() -> None:
    """Run Faust's own worker until the last event has reached the agent."""
    task = asked()
    app = faust.App(
        task.name,
        broker=f"kafka://{task.bootstrap}",
        store="memory://",
        datadir=task.directory,
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    source = app.topic(task.topic, value_serializer="raw", key_serializer="raw")
    watch = Stopwatch()

    @app.agent(source)
    async def count(stream: StreamT) -> None:
        counted = 0
        async for _ in stream:
            watch.start()
            counted += 1
            if counted == task.events:
                answer(watch.result(counted))
                # A stop in order takes Faust seconds and is nobody's concern here.
                os._exit(0)

    faust.Worker(app, loglevel="ERROR", redirect_stdouts=False).execute_from_commandline()


if __name__ == "__main__":
    main()
