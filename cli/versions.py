"""What the settings and a version's own description make together, and where versions are."""

import re
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from cli.composition import Addresses, local_servers, server_addresses
from cli.declarations import Declarations, read_declarations
from cli.errors import NotRunning, WrongUse
from cli.event_files import size_bytes
from cli.running import RunningStack, find_running
from cli.settings import Settings
from profiles.declared import load_personas
from profiles.policy import load_policy
from stores.versions import Version
from streams.ownership import Place
from streams.replay import Range
from streams.version_topics import VersionTopics, version_topics

__all__ = [
    "Site",
    "declarations_of",
    "flat",
    "nested",
    "range_of",
    "settings_of",
    "site_opened",
    "topics_of",
    "version_named",
]

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where versions are built and kept.

    Attributes:
        settings: With what the running stack was started with, if one runs.
        stack: The stack that runs in the data directory; None for servers, or if none runs.
    """

    settings: Settings
    addresses: Addresses
    stack: RunningStack | None

    @property
    def is_shared(self) -> bool:
        """Stores are servers: several processes may have them open."""
        return self.addresses.qdrant_url.startswith(("http://", "https://"))

    @property
    def control(self) -> Path | None:
        """The running stack's socket."""
        return Path(self.stack.control) if self.stack is not None and self.stack.control else None


@asynccontextmanager
async def site_opened(
    settings: Settings, *, command: str, progress: Callable[[str], None]
) -> AsyncIterator[Site]:
    """The servers that are named; else the stack that runs; else one started for the moment.

    Raises:
        WrongUse, CommandFailed, LocalStackError: there is none, and none can be started.
    """
    if settings.qdrant_url:
        addresses = server_addresses(settings, command=command, needs_kafka=True)
        yield Site(settings=settings, addresses=addresses, stack=None)
        return
    try:
        stack = find_running(settings.data_dir)
    except NotRunning:
        with local_servers(settings, progress=progress) as servers:
            yield Site(settings=settings, addresses=servers.addresses, stack=None)
        return
    started_with = {
        "namespace": stack.namespace,
        "partitions": stack.partitions,
        "group": stack.group,
        "embedding_model": stack.embedding_model,
    }
    yield Site(
        settings=settings.model_copy(update=started_with),
        addresses=Addresses(
            # The one named knows how it is spoken to, and is the same.
            kafka_bootstrap=settings.kafka_bootstrap or stack.kafka_bootstrap,
            redis_url=stack.redis_url,
            qdrant_url=stack.qdrant_url,
        ),
        stack=stack,
    )


def version_named(
    name: str,
    settings: Settings,
    *,
    policy: str | None,
    personas: str | None,
    embedding_model: str | None,
    reading: Range,
    files: Sequence[Path] = (),
) -> Version:
    """A new version's description.

    Raises:
        WrongUse: the name cannot be that of topics and collections.
        PolicyError, DeclarationError: what is declared cannot be used.
    """
    if _NAME.fullmatch(name) is None or name == settings.namespace:
        raise WrongUse(
            f"{name!r} is no name for a version: 1 to 24 of a-z, 0-9 and '-', not "
            f"{settings.namespace!r}"
        )
    if policy is not None:
        load_policy(policy)
    if personas is not None:
        load_personas(personas)
    return Version(
        name=name,
        # Two dashes, so that no name of a version makes the namespace of another.
        namespace=f"{settings.namespace}--{name}",
        created_ms=time.time_ns() // 1_000_000,
        embedding_model=embedding_model or settings.embedding_model,
        policy=policy,
        personas=personas,
        files=tuple((str(path.resolve()), size_bytes(path)) for path in files),
        starts=nested(reading.starts),
        ends=nested(reading.ends),
    )


def topics_of(version: Version) -> VersionTopics:
    """The topics of its own."""
    return version_topics(version.name, with_history=bool(version.files))


def settings_of(settings: Settings, version: Version) -> Settings:
    """The settings as they are for a version's workers and lookups."""
    return settings.model_copy(
        update={
            "namespace": version.namespace,
            "group": None,
            "embedding_model": version.embedding_model,
        }
    )


def declarations_of(settings: Settings, version: Version) -> Declarations:
    """What is declared, with what the version declares for itself in its place."""
    declared = read_declarations(settings)
    if version.policy is not None:
        declared = replace(declared, policy=load_policy(version.policy))
    if version.personas is not None:
        declared = replace(declared, personas=load_personas(version.personas))
    return declared


def range_of(version: Version) -> Range:
    """What its workers read."""
    return Range(starts=flat(version.starts), ends=flat(version.ends))


def nested(offsets: Mapping[Place, int]) -> dict[str, dict[int, int]]:
    """By topic, then partition."""
    by_topic: dict[str, dict[int, int]] = {}
    for (topic, partition), offset in offsets.items():
        by_topic.setdefault(topic, {})[partition] = offset
    return by_topic


def flat(offsets: Mapping[str, Mapping[int, int]]) -> dict[Place, int]:
    """Inverse of `nested`."""
    return {
        (topic, partition): offset
        for topic, of_topic in offsets.items()
        for partition, offset in of_topic.items()
    }
