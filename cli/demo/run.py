"""`strata demo` from start to end, in a stack of its own."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cli.composition import LocalServers, local_servers
from cli.demo.play import play_files
from cli.demo.stage import Stage
from cli.demo.story import play_bookshop
from cli.errors import CommandFailed
from cli.logs import configure_quiet
from cli.processes import everything_running, run_until_stopped, stopped_by_signal
from cli.publishing import Publisher
from cli.settings import Settings, load_settings
from cli.terminal import cell, stderr, stdout

__all__ = ["DemoOptions", "run_demo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What to play.

    Attributes:
        items, events: Files to play instead of the bookshop; both or neither.
        model: As STRATA_EMBEDDING_MODEL; None for what the settings say.
        keep: Leave the data directory behind.
        started_s: When the command began, on the monotonic clock.
    """

    seed: int
    readers: int
    items: Path | None
    events: Sequence[Path]
    model: str | None
    keep: bool
    started_s: float


def run_demo(options: DemoOptions) -> None:
    """Play and show; ends with everything stopped.

    Raises:
        CommandFailed: a part failed, or the stream did not drain.
    """
    started = options.started_s
    configure_quiet()
    given = load_settings()
    out, notes = stdout(), stderr()
    with stopped_by_signal(), _directory(given, keep=options.keep) as directory:
        settings = Settings(
            # Whatever servers the environment names: this is no data for them.
            kafka_bootstrap=None,
            redis_url=None,
            qdrant_url=None,
            data_dir=directory,
            embedding_model=options.model or given.embedding_model,
            namespace="demo",
            group=None,
            partitions=4,
            policy=None,
            # Made-up readers have no secrets: small groups are shown, and counts as they are.
            minimum_persona_size=1,
            http_host="127.0.0.1",
            http_port=0,
        )

        def say(step: str) -> None:
            notes.print(cell(f"{step} …"))

        async def play(servers: LocalServers) -> None:
            async with (
                everything_running(settings, servers, progress=say) as everything,
                Publisher.opened(
                    servers.addresses.kafka_bootstrap, partitions=settings.partitions
                ) as publisher,
            ):
                out.print(
                    f"Kafka, Redis, worker and lookup run after {time.monotonic() - started:.1f} s"
                )
                stage = Stage(everything, publisher, notes)
                if options.items is not None:
                    await play_files(stage, out, items=options.items, events=options.events)
                else:
                    await play_bookshop(stage, out, seed=options.seed, readers=options.readers)

        with local_servers(settings, progress=say) as servers:
            run_until_stopped(play(servers))
    out.print()
    out.print(f"The demo took {time.monotonic() - started:.0f} s.")
    if options.keep:
        out.print(cell(f"The data are kept: STRATA_DATA_DIR={directory} STRATA_NAMESPACE=demo"))


@contextmanager
def _directory(given: Settings, *, keep: bool) -> Iterator[Path]:
    """An empty place: the one that STRATA_DATA_DIR names, or one that is gone afterwards."""
    if os.environ.get("STRATA_DATA_DIR"):
        path = given.data_dir
        if path.exists() and any(path.iterdir()):
            raise CommandFailed(
                f"the demo wants an empty data directory, and {path} holds something"
            )
        yield path
    elif keep:
        yield Path(tempfile.mkdtemp(prefix="strata-demo-"))
    else:
        with tempfile.TemporaryDirectory(prefix="strata-demo-") as path_text:
            yield Path(path_text)
