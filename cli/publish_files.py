"""`strata publish`: files of events into Kafka, with what was wrong and how far it is."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from cli.connecting import kafka_site
from cli.errors import CommandFailed
from cli.event_files import InvalidLine, lines_of, outgoing, size_bytes
from cli.logs import configure_quiet
from cli.progress import sending_progress, waiting_progress
from cli.publishing import Publisher, until_effective
from cli.settings import load_settings
from cli.terminal import cell, plain, stderr, stdout
from streams.topics import ensure_topics

__all__ = ["publish_files"]

_MOST_SHOWN: Final = 50


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
        sender = _Sender(publisher, notes)
        with sending_progress(notes) as progress:
            for path in files:
                await sender.send(path, progress)
        await publisher.flush()
        invalid = sender.invalid
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


class _Sender:
    """Sends the valid lines of files and tells of the others.

    Attributes:
        invalid: Lines left out so far.
    """

    def __init__(self, publisher: Publisher, notes: Console) -> None:
        self._publisher = publisher
        self._notes = notes
        self.invalid = 0

    async def send(self, path: Path, progress: Progress) -> None:
        task = progress.add_task(plain(path.name), total=size_bytes(path) or None, events=0)
        before = self._publisher.sent

        def read(position: int) -> None:
            progress.update(task, completed=position, events=self._publisher.sent - before)

        for line in lines_of(path, read_bytes=read):
            event = outgoing(line, now_ms=time.time_ns() // 1_000_000)
            if isinstance(event, InvalidLine):
                self._tell(event)
            else:
                await self._publisher.send(event)
        progress.update(task, events=self._publisher.sent - before)

    def _tell(self, invalid: InvalidLine) -> None:
        self.invalid += 1
        if self.invalid <= _MOST_SHOWN:
            self._notes.print(cell(str(invalid)), soft_wrap=True)
        elif self.invalid == _MOST_SHOWN + 1:
            self._notes.print("… more invalid lines are only counted")
