"""Strata's transport: an agent that counts the records of its batches, or decodes them too."""

import asyncio
import logging
from pathlib import Path

from benchmarks.contenders.task import Result, Stopwatch, Task, answer, asked
from schemas import topics
from streams.app import Handlers, StrataApp, build_app
from streams.batches import RecordBatch
from streams.gate import Gate


async def measured(task: Task) -> Result:
    """Read all events; with the option `decode`, through the gate. Every batch is committed."""
    watch = Stopwatch()
    done: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
    gate = Gate(partitions=task.partitions) if task.options.get("decode") else None
    counted = 0

    async def count(batch: RecordBatch) -> None:
        nonlocal counted
        if batch.topic != topics.INTERACTIONS:
            return
        watch.start()
        counted += len(batch.records) if gate is None else len(gate.admit(batch).passed)
        await app.batches.commit_offsets({(batch.topic, batch.partition): batch.next_offset})
        if counted == task.events:
            done.set_result(watch.result(counted))

    async def ignore(_: RecordBatch) -> None:
        return

    async def revoked() -> None:
        return

    async def assigned(_: frozenset[tuple[str, int]]) -> None:
        return

    app: StrataApp = build_app(
        Handlers(
            profiles=count, items=ignore, statistics=ignore, revoked=revoked, assigned=assigned
        ),
        bootstrap=task.bootstrap,
        group=task.name,
        directory=Path(task.directory),
    )
    await app.start()
    try:
        return await done
    finally:
        await app.stop()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    answer(asyncio.run(measured(asked())))
