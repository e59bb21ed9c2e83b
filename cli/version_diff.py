"""`strata replay diff`: where the comparison is made, and how it is shown."""

from pathlib import Path

import msgspec
from rich.table import Table

from cli.control import ask
from cli.hosting import Hosting
from cli.logs import configure_quiet
from cli.progress import counting_progress
from cli.settings import load_settings
from cli.terminal import cell, stderr, stdout
from cli.versions import Site, site_opened
from lookup.dashboard.comparison import Comparison, Scores
from stores.connect import open_versions

__all__ = ["compared"]


async def compared(name: str, *, as_json: bool) -> None:
    """Compare, in the running stack if there is one, and print.

    Raises:
        VersionRefused, CommandFailed, …: it cannot be compared.
    """
    settings = load_settings()
    configure_quiet()
    async with site_opened(
        settings, command="replay", progress=lambda step: stderr().print(cell(step))
    ) as site:
        found = await _comparison(site, name)
    if as_json:
        stdout().print_json(msgspec.json.encode(found).decode())
    else:
        _show(found)


async def _comparison(site: Site, name: str) -> Comparison:
    with counting_progress(stderr()) as progress:
        task = progress.add_task(f"comparing {name}", total=None)

        def told(done: int, of: int) -> None:
            progress.update(task, completed=done, total=of)

        if site.control is not None:
            body = await ask(site.control, "compare", {"name": name}, progress=told)
            return msgspec.json.decode(body, type=Comparison)
        versions = await open_versions(site.addresses.qdrant_url, namespace=site.settings.namespace)
        try:
            here = Hosting(
                site.settings,
                site.addresses,
                versions,
                working=False,
                answering=True,
                directory=Path(),
            )
            return await here.compare(name, progress=told)
        finally:
            await versions.close()


def _show(found: Comparison) -> None:
    out = stdout()
    first, second = found.names
    out.print(
        cell(
            f"{found.differing:,} of {found.users:,} users differ: "
            f"{found.facts:,} in what happened, {found.weighed:,} only in what it is worth, "
            f"{found.only_in[0]:,} only in {first}, {found.only_in[1]:,} only in {second}"
        ),
        soft_wrap=True,
    )
    if found.distances is not None:
        median, most, largest = found.distances
        out.print(
            f"distance of those who differ (1 - cosine of what items are worth): "
            f"median {median:.3f}, 90 % below {most:.3f}, largest {largest:.3f}",
            soft_wrap=True,
        )
    if found.overlap is not None:
        out.print(
            f"of the ten best items of {found.ranked:,} users, {found.overlap:.1f} are the same",
            soft_wrap=True,
        )
    if found.largest:
        table = Table("tenant", "user", "distance", "events", "effective sample size")
        for one in found.largest:
            sizes = one.effective_sample_size
            table.add_row(
                cell(one.tenant),
                cell(one.user_id),
                f"{one.distance:.3f}",
                f"{one.events[0]} / {one.events[1]}",
                f"{sizes[0]:.2f} / {sizes[1]:.2f}",
            )
        out.print(table)
    scores = Table("version", "tenant", "personas", "users", "silhouette", "nats per event")
    for name, of_version in zip(found.names, found.scores, strict=True):
        for one_tenant in of_version:
            scores.add_row(cell(name), *_scored(one_tenant))
    if scores.row_count:
        out.print(scores)


def _scored(one: Scores) -> tuple[str, ...]:
    return (
        cell(one.tenant).plain,
        str(one.personas),
        f"{one.users:,}",
        f"{one.silhouette:.3f}",
        "too few users" if one.nats is None else f"{one.nats:+.4f}",
    )
