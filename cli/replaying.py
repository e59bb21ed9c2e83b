"""`strata replay --into NAME`: building a version beside what is in force."""

import asyncio
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError
from msgspec.structs import replace

from cli.composition import (
    OpenStores,
    compose_worker,
    load_embedder,
    stores_opened,
    vector_dimension,
)
from cli.errors import CommandFailed, WrongUse
from cli.importing import imported
from cli.logs import configure_quiet
from cli.observing import Observing, ReplayMetrics, metrics_served
from cli.progress import replay_progress
from cli.settings import load_settings
from cli.terminal import cell, stderr, stdout
from cli.versions import (
    Site,
    declarations_of,
    nested,
    range_of,
    settings_of,
    site_opened,
    topics_of,
    version_named,
)
from cli.working import supervised, worker_draining
from schemas.topics import USER_TOPICS
from stores.connect import open_versions
from stores.versions import Version, VersionStore, changed
from streams.offsets import KafkaView, kafka_opened
from streams.pacing import Pacing
from streams.replay import (
    EARLIEST,
    CaughtUp,
    Moment,
    Progress,
    is_complete,
    planned,
    prepared,
    progress_of,
    standing_of,
)
from streams.retrying import until_available
from streams.topics import ensure_topics
from streams.version_topics import version_specs
from streams.watching import NOT_WATCHED, Watch
from streams.worker import UNREAD

__all__ = ["Asked", "replayed_into", "version_working", "versions_of", "worked_beside"]

_POLL_S: Final = 0.5
_COMPLETED_S: Final = 600.0
"""So long a version that has caught up may take to learn its models."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a version is to be made of.

    Attributes:
        policy, personas: Files; None for what the settings name.
        files: Of history that the topics do not hold.
        lag: Records behind the newest at which it counts as caught up; None as of `CaughtUp`.
        workers: Processes that build it, ≥ 1; several need servers.
        nice: How much nicer they are than what they run beside; live traffic goes first.
    """

    name: str
    topics: Collection[str] = USER_TOPICS
    start: Moment = EARLIEST
    until: Moment | None = None
    policy: Path | None = None
    personas: Path | None = None
    embedding_model: str | None = None
    files: tuple[Path, ...] = ()
    lag: int | None = None
    workers: int = 1
    nice: int = 10

    @property
    def is_told(self) -> bool:
        """More is said than the name: that is for a version to come."""
        return self != Asked(name=self.name, lag=self.lag, workers=self.workers, nice=self.nice)


async def replayed_into(asked: Asked) -> None:
    """Build a version until it has caught up, or go on with one that was begun.

    At a lower priority than what else this machine does, if not told otherwise, for as long as
    this process lives.

    Raises:
        CommandFailed, …: it cannot be built; what is there stays, and can be gone on with.
    """
    settings = load_settings()
    configure_quiet()
    _yield_to_others(asked.nice)
    async with (
        site_opened(settings, command="replay", progress=_say) as site,
        versions_of(site) as versions,
        kafka_opened(site.addresses.kafka_bootstrap) as kafka,
    ):
        if asked.workers > 1 and not site.is_shared:
            raise WrongUse(
                "several workers need a Qdrant server, as STRATA_QDRANT_URL=http://HOST:6333: "
                "embedded storage has one owner"
            )
        version = await _imported(await _begun(asked, site, versions, kafka), site, versions, kafka)
        started = time.monotonic()
        observing = Observing()
        metrics = ReplayMetrics(observing.http.registry, settings_of(settings, version).namespace)
        async with (
            metrics_served(settings, observing.http.registry, ready=lambda: True),
            version_working(site, versions, kafka, version, watch=observing.watch) as building,
            _others_working(asked),
        ):
            last = await _caught_up(
                asked, version, site, kafka, reached=metrics.reached, building=building
            )
    ended = "has come to its end" if version.ends else f"is {last.behind:,} records behind"
    stdout().print(
        cell(
            f"{asked.name} {ended} after {time.monotonic() - started:.1f} s: "
            f"{last.done:,} records; compare it with `strata replay diff {asked.name}`"
            + ("" if version.ends else f", put it in force with `strata promote {asked.name}`")
        ),
        soft_wrap=True,
    )


async def worked_beside(name: str) -> None:
    """One more worker of a version, for as long as the process that started this one lives."""
    settings = load_settings()
    configure_quiet()
    parent = os.getppid()
    async with (
        site_opened(settings, command="replay", progress=_say) as site,
        versions_of(site) as versions,
        kafka_opened(site.addresses.kafka_bootstrap) as kafka,
    ):
        version = (await versions.read()).known(name)
        async with version_working(site, versions, kafka, version):
            while os.getppid() == parent:  # noqa: ASYNC110 - a parent that dies sets no event
                await asyncio.sleep(_POLL_S)


@asynccontextmanager
async def _others_working(asked: Asked) -> AsyncIterator[None]:
    """Workers beside that of this process, each in one of its own; all have ended in the end."""
    if asked.workers == 1:
        yield
        return
    command = (sys.executable, "-m", "cli.main", "replay", "--into", asked.name, "--beside")
    others = [
        await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        for _ in range(asked.workers - 1)
    ]
    try:
        async with supervised(*(_ended(other) for other in others)):
            yield
    finally:
        for other in others:
            if other.returncode is None:
                other.terminate()
        for other in others:
            await other.wait()


async def _ended(other: asyncio.subprocess.Process) -> None:
    code = await other.wait()
    raise CommandFailed(f"one of the workers has ended with exit code {code}")


@asynccontextmanager
async def versions_of(site: Site) -> AsyncIterator[VersionStore]:
    """The document of versions."""
    opened = await open_versions(site.addresses.qdrant_url, namespace=site.settings.namespace)
    try:
        yield opened.store
    finally:
        await opened.close()


async def _begun(asked: Asked, site: Site, versions: VersionStore, kafka: KafkaView) -> Version:
    """The version, described."""
    found = (await versions.read()).others.get(asked.name)
    if found is not None:
        if asked.is_told:
            raise WrongUse(
                f"{asked.name} exists: what it is made of cannot be changed any more "
                f"(strata replay drop {asked.name} removes it)"
            )
        if found.dropping:
            raise CommandFailed(f"{asked.name} is being dropped: strata replay drop {asked.name}")
        if found.kept:
            raise CommandFailed(f"{asked.name} is kept up to date by the stack itself")
        stderr().print(cell(f"going on with {asked.name}"))
        return found
    await ensure_topics(site.addresses.kafka_bootstrap, partitions=site.settings.partitions)
    reading = await planned(kafka, chosen=asked.topics, start=asked.start, until=asked.until)
    for topic, records in sorted(reading.gone.items()):
        _say(f"{topic} no longer holds its first {records:,} records: {asked.name} lacks them")
    version = version_named(
        asked.name,
        site.settings,
        policy=_text(asked.policy),
        personas=_text(asked.personas),
        embedding_model=asked.embedding_model,
        reading=reading,
        files=asked.files,
    )
    await changed(versions, lambda now: now.with_version(version))
    return version


async def _imported(
    version: Version, site: Site, versions: VersionStore, kafka: KafkaView
) -> Version:
    """The version, with its files in a topic of its own that is read from the beginning."""
    topic = topics_of(version).history
    if topic is None or version.imported:
        return version
    bootstrap, partitions = site.addresses.kafka_bootstrap, site.settings.partitions
    await ensure_topics(bootstrap, partitions=partitions, wanted=version_specs(topics_of(version)))
    sent = await imported(version, kafka, topic=topic, bootstrap=bootstrap, partitions=partitions)
    _say(f"{sent:,} events of files are in {topic}")
    beginnings = nested(await kafka.beginnings(await kafka.places([topic])))
    done = replace(version, imported=True, starts={**version.starts, **beginnings})
    await changed(versions, lambda now: now.with_version(done))
    return done


@dataclass(frozen=True, slots=True)
class Building:
    """A version that is being worked on.

    Attributes:
        pacing: How it lets the first version go first.
        stores: Its own.
        partitions: Of each topic of events.
    """

    pacing: Pacing
    stores: OpenStores
    partitions: int

    async def is_complete(self) -> bool:
        """As of `streams.replay`."""
        profiles = self.stores.profiles
        return await is_complete(
            self.stores.redis.aggregates,
            profiles.personas,
            profiles.control,
            partitions=self.partitions,
        )


@asynccontextmanager
async def version_working(
    site: Site,
    versions: VersionStore,
    kafka: KafkaView,
    version: Version,
    *,
    watch: Callable[[str], Watch] = lambda _: NOT_WATCHED,
) -> AsyncIterator[Building]:
    """A worker of the version beside what is inside; drained in the end.

    It lets the first version go first, and counts once it has taken in nearly everything.
    """
    settings = settings_of(site.settings, version)
    declarations = declarations_of(settings, version)
    names = topics_of(version)
    reading = range_of(version)
    # Before the model, which may take its time: its width may be known.
    dimension = await vector_dimension(settings.embedding_model)
    async with stores_opened(settings, site.addresses, dimension=dimension) as stores:
        if not version.prepared:
            await prepared(
                site.addresses.kafka_bootstrap,
                kafka,
                stores.profiles.control,
                group=settings.consumer_group,
                reading=reading,
                names=names,
                partitions=settings.partitions,
            )
            done = replace(version, prepared=True)
            await changed(versions, lambda now: now.with_version(done))
        embedder = await load_embedder(settings.embedding_model)
        with tempfile.TemporaryDirectory(prefix="strata-replay-") as directory:
            worker = compose_worker(
                settings,
                site.addresses,
                stores,
                embedder=embedder,
                declarations=declarations,
                directory=Path(directory),
                topics=names,
                until=reading.ends,
                watch=watch(settings.namespace),
                pacing=(pacing := Pacing()),
                cadence=UNREAD,
            )
            live = site.settings.consumer_group
            async with supervised(
                worker_draining(worker), _live_watched(kafka, group=live, pacing=pacing)
            ):
                await worker.ready.wait()
                yield Building(pacing, stores, settings.partitions)


async def _live_watched(kafka: KafkaView, *, group: str, pacing: Pacing) -> None:
    """Tell the pacing how the workers of the first version stand, for as long as this runs."""
    while True:
        with suppress(KafkaError):  # whoever needs Kafka will notice
            pacing.seen(await standing_of(kafka, group=group), now_s=time.monotonic())
        await asyncio.sleep(_POLL_S)


async def _caught_up(
    asked: Asked,
    version: Version,
    site: Site,
    kafka: KafkaView,
    *,
    reached: Callable[[Progress], None],
    building: Building,
) -> Progress:
    """Return when little enough is left and the version is complete, and show the way there."""
    group = settings_of(site.settings, version).consumer_group
    names, reading = topics_of(version), range_of(version)
    caught_up = CaughtUp(0 if version.ends else asked.lag)
    with replay_progress(stderr()) as bars:
        task = bars.add_task(f"replaying into {version.name}", total=None)
        completed_by_s: float | None = None
        while True:
            now = await progress_of(kafka, group=group, reading=reading, names=names)
            reached(now)
            bars.update(
                task,
                total=now.total,
                completed=now.done,
                behind=now.behind,
                waits="live goes first" if building.pacing.stands_back else "",
            )
            if caught_up.look(now, now_s=time.monotonic()):
                if await until_available(building.is_complete):
                    return now
                completed_by_s = completed_by_s or time.monotonic() + _COMPLETED_S
                if time.monotonic() >= completed_by_s:
                    _say(f"{version.name} has not learned its models yet: it will, as it is kept")
                    return now
            await asyncio.sleep(_POLL_S)


def _text(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} cannot be read: {error}") from error


def _yield_to_others(nice: int) -> None:
    """Also for the processes that this one starts."""
    if hasattr(os, "nice"):  # Windows has none
        os.nice(nice)


def _say(step: str) -> None:
    stderr().print(cell(step), soft_wrap=True)
