"""Where `strata backup` and `strata restore` find their stores: here, or in the running stack."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from cli.backing_up import back_up, restore
from cli.composition import (
    Addresses,
    OpenStores,
    local_servers,
    server_addresses,
    stores_opened,
    vector_dimension,
)
from cli.control import Progress, ask
from cli.errors import NotRunning
from cli.logs import configure_quiet
from cli.progress import counting_progress
from cli.running import RunningStack, find_running
from cli.settings import Settings, load_settings
from cli.terminal import cell, stderr, stdout

__all__ = ["backed_up", "restored"]


async def backed_up(path: Path) -> None:
    """Copy to `path`: by the running stack, which owns its stores, else by this process."""
    settings = load_settings()
    configure_quiet()
    stack = None if settings.qdrant_url else _running(settings.data_dir)
    with _counted("backing up") as progress:
        if stack is not None:
            told = await ask(Path(stack.control), "backup", {"path": str(path)}, progress=progress)
        else:
            dimension = await vector_dimension(settings.embedding_model)
            async with _stores_of(settings, command="backup") as (addresses, stores):
                told = await back_up(
                    settings, addresses, stores, dimension=dimension, path=path, progress=progress
                )
    stdout().print(cell(told), soft_wrap=True)


async def restored(path: Path) -> None:
    """Restore from `path`, with no worker running."""
    settings = load_settings()
    configure_quiet()
    with _counted("restoring") as progress:
        async with _stores_of(settings, command="restore") as (addresses, stores):
            told = await restore(settings, addresses, stores, path=path, progress=progress)
    stdout().print(cell(told), soft_wrap=True)


def _running(directory: Path) -> RunningStack | None:
    try:
        return find_running(directory)
    except NotRunning:
        return None


@asynccontextmanager
async def _stores_of(
    settings: Settings, *, command: str
) -> AsyncIterator[tuple[Addresses, OpenStores]]:
    """The servers that are named; else those of the data directory, started for the moment."""
    dimension = await vector_dimension(settings.embedding_model)
    if settings.qdrant_url:
        addresses = server_addresses(settings, command=command, needs_kafka=True)
        async with stores_opened(settings, addresses, dimension=dimension) as stores:
            yield addresses, stores
        return
    with local_servers(settings, progress=_say) as servers:
        async with stores_opened(settings, servers.addresses, dimension=dimension) as stores:
            yield servers.addresses, stores


def _say(step: str) -> None:
    stderr().print(cell(f"{step} …"))


@contextmanager
def _counted(doing: str) -> Iterator[Progress]:
    with counting_progress(stderr()) as progress:
        task = progress.add_task(doing, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
