"""How far each version is: from the document of versions, and the offsets of their groups."""

import sys

import msgspec
from rich.table import Table

from cli.logs import configure_quiet
from cli.replaying import versions_of
from cli.settings import Settings, load_settings
from cli.terminal import cell, stderr, stdout
from cli.versions import range_of, settings_of, site_opened, topics_of
from lookup.dashboard.sources import VersionState
from stores.versions import Version, Versions
from streams.offsets import KafkaView, kafka_opened
from streams.replay import Progress, progress_of

__all__ = ["first_version", "listed", "version_states"]

_FIRST = ""


async def version_states(
    document: Versions, kafka: KafkaView, *, settings: Settings
) -> list[VersionState]:
    """The first version, then the others by age.

    Args:
        settings: Of the first version.
    """
    others = sorted(document.others.values(), key=lambda one: (one.created_ms, one.name))
    return [
        first_version(document, settings),
        *[await _state(document, one, kafka, settings) for one in others],
    ]


def first_version(document: Versions, settings: Settings) -> VersionState:
    """The one that was there before any other; how far it is, `strata doctor` says."""
    return VersionState(
        name=_FIRST,
        shown=settings.namespace,
        in_force=document.current == _FIRST,
        previous=document.previous == _FIRST,
    )


async def _state(
    document: Versions, version: Version, kafka: KafkaView, settings: Settings
) -> VersionState:
    group = settings_of(settings, version).consumer_group
    reached = Progress(done=0, total=0, behind=0)
    if version.prepared and not version.dropping:
        reached = await progress_of(
            kafka, group=group, reading=range_of(version), names=topics_of(version)
        )
    return VersionState(
        name=version.name,
        shown=version.name,
        in_force=document.current == version.name,
        previous=document.previous == version.name,
        created_ms=version.created_ms,
        embedding_model=version.embedding_model,
        own_policy=version.policy is not None,
        own_personas=version.personas is not None,
        follows=not version.ends,
        prepared=version.prepared,
        kept=version.kept,
        dropping=version.dropping,
        workers=await kafka.members(group),
        done=reached.done,
        total=reached.total,
        behind=reached.behind,
    )


async def listed(*, as_json: bool) -> None:
    """Print them."""
    settings = load_settings()
    configure_quiet()
    async with (
        site_opened(
            settings, command="replay", progress=lambda step: stderr().print(cell(step))
        ) as site,
        versions_of(site) as versions,
        kafka_opened(site.addresses.kafka_bootstrap) as kafka,
    ):
        states = await version_states(await versions.read(), kafka, settings=site.settings)
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(states)).decode() + "\n")
    else:
        stdout().print(_table(states))


def _table(states: list[VersionState]) -> Table:
    table = Table("version", "", "records", "behind", "workers", "model")
    for one in states:
        is_first = one.name == _FIRST
        table.add_row(
            cell(one.shown),
            "in force" if one.in_force else "before" if one.previous else "",
            "" if is_first else f"{one.done:,} of {one.total:,}",
            "" if is_first else f"{one.behind:,}",
            "" if is_first else str(one.workers),
            cell(one.embedding_model or ""),
        )
    return table
