"""`strata publish`: files of events into Kafka, with what was wrong and how far it is."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from cli.connecting import kafka_site
from cli.errors import CommandFailed
from cli.event_files import InvalidLine, lines_of, outgoing
from cli.logs import configure_quiet
from cli.publishing import Publisher, until_effective
from cli.settings import load_settings
from cli.terminal import cell, plain, stderr, stdout
from streams.topics import ensure_topics

__all__ = ["EventRate", "publish_files", "waiting_progress"]

_MOST_SHOWN: Final = 50


class EventRate(ProgressColumn):
    """Events sent, and per second, from the task's field `events`."""

    def render(self, task: Task) -> Text:
        events = task.fields.get("events", 0)
        rate = events / task.elapsed if task.elapsed else 0
        return Text(f"{events:,} events  {rate:,.0f}/s")


def sending_progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        EventRate(),
        TimeRemainingColumn(),
        console=console,
    )


def waiting_progress(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


async def publish_files(files: Sequence[Path], *, wait: bool, allow_invalid: bool) -> None:
    """Send the valid lines of all files, in order.

    Raises:
        CommandFailed: lines were invalid (unless that is allowed), a file cannot be read,
            or Kafka cannot be reached.
    """
    settings = load_settings()
    configure_quiet()
    site = kafka_site(settings)
    await ensure_topics(site.kafka_bootstrap, partitions=site.partitions)
    notes = stderr()
    started = time.monotonic()
    async with Publisher.opened(site.kafka_bootstrap, partitions=site.partitions) as publisher:
        invalid = await _send_all(publisher, files, notes)
        await publisher.flush()
        seconds = time.monotonic() - started
    stdout().print(
        f"published {publisher.sent:,} events in {seconds:.1f} s"
        + (f"; left out {invalid:,} invalid lines" if invalid else "")
    )
    if wait:
        with waiting_progress(notes) as progress:
            task = progress.add_task("waiting for the worker")
            await until_effective(
                site.kafka_bootstrap,
                group=site.group,
                next_offsets=publisher.next_offsets,
                left=lambda left: progress.update(
                    task, description=f"waiting for the worker: {left:,} records left"
                ),
            )
        stdout().print(f"in effect after {time.monotonic() - started:.1f} s")
    if invalid and not allow_invalid:
        raise CommandFailed(
            f"{invalid:,} invalid lines were not sent (--allow-invalid makes this a success)"
        )


async def _send_all(publisher: Publisher, files: Sequence[Path], notes: Console) -> int:
    invalid = 0
    with sending_progress(notes) as progress:
        for path in files:
            task = progress.add_task(
                cell(path.name).plain, total=path.stat().st_size or None, events=0
            )
            before = publisher.sent
            for line in lines_of(
                path, read_bytes=lambda position, task=task: progress.update(task, completed=position)
            ):
                event = outgoing(line, now_ms=time.time_ns() // 1_000_000)
                if isinstance(event, InvalidLine):
                    invalid += 1
                    if invalid <= _MOST_SHOWN:
                        notes.print(cell(str(event)), soft_wrap=True)
                    elif invalid == _MOST_SHOWN + 1:
                        notes.print("… more invalid lines are only counted")
                    continue
                await publisher.send(event)
                if publisher.sent % 512 == 0:
                    progress.update(task, events=publisher.sent - before)
            progress.update(task, events=publisher.sent - before)
    return invalid
