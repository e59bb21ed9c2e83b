"""What the dashboard's page of versions shows and does, over what this process follows.

How far a version is stands where its workers keep it: in the offsets of its consumer group. So a
replay in another process is watched without being asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

from aiokafka.errors import KafkaError

from cli.composition import Addresses
from cli.errors import CommandFailed
from cli.failures import line_of, record_bug
from cli.hosting import Hosting
from cli.settings import Settings
from cli.switching import put_back, put_in_force
from cli.version_states import first_version, version_states
from lookup.dashboard.comparison import Comparison
from lookup.dashboard.sources import (
    NotDone,
    SourceUnavailable,
    Undertaking,
    VersionsNow,
    VersionSource,
)
from stores.versions import VersionConflict, VersionRefused, VersionStore
from streams.offsets import KafkaView, kafka_opened
from streams.topics import TopicsUnavailable

__all__ = ["HostedVersions"]

_PATIENCE_S: Final = 10.0
_KAFKA_AWAY: Final = "Kafka does not respond just now; try again in a moment"


class HostedVersions(VersionSource):
    """Use `opened`."""

    def __init__(self, hosting: Hosting, settings: Settings, addresses: Addresses) -> None:
        """Not for callers: use `opened`."""
        self._hosting = hosting
        self._settings = settings
        self._addresses = addresses
        self._undertaking: Undertaking | None = None
        self._task: asyncio.Task[None] | None = None
        self._comparisons: dict[str, Comparison] = {}
        self._kafka: KafkaView | None = None
        self._connections = AsyncExitStack()
        self._asking = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, hosting: Hosting, settings: Settings, addresses: Addresses
    ) -> AsyncIterator["HostedVersions"]:
        """What is under way is given up in the end; connections are made when somebody looks."""
        versions = cls(hosting, settings, addresses)
        async with versions._connections:
            try:
                yield versions
            finally:
                if versions._task is not None:
                    versions._task.cancel()
                    await asyncio.wait((versions._task,))

    async def now(self) -> VersionsNow:
        document = await self._document.read()
        if not document.others:
            # Nothing that Kafka would have to be asked about.
            states = [first_version(document, self._settings)]
        else:
            try:
                async with asyncio.timeout(_PATIENCE_S), self._asking:
                    kafka = await self._connected()
                    states = await version_states(document, kafka, settings=self._settings)
            except (KafkaError, TopicsUnavailable, TimeoutError) as error:
                raise SourceUnavailable(_KAFKA_AWAY) from error
        return VersionsNow(at_ms=time.time_ns() // 1_000_000, versions=tuple(states))

    @property
    def undertaking(self) -> Undertaking | None:
        return self._undertaking

    def comparison(self, name: str) -> Comparison | None:
        return self._comparisons.get(name)

    def compare(self, name: str) -> None:
        self._begin("compare", name, self._compared(name))

    def promote(self, name: str) -> None:
        self._begin("promote", name, self._promoted(name))

    async def roll_back(self) -> str:
        self._require_idle()
        try:
            now = await put_back(
                self._document,
                qdrant_url=self._addresses.qdrant_url,
                namespace=self._settings.namespace,
            )
        except (VersionRefused, VersionConflict) as error:
            raise NotDone(str(error)) from error
        self._undertaking = None
        # Each was a comparison with what was in force.
        self._comparisons.clear()
        return now.current or self._settings.namespace

    @property
    def _document(self) -> VersionStore:
        return self._hosting.versions.store

    async def _connected(self) -> KafkaView:
        if self._kafka is None:
            self._kafka = await self._connections.enter_async_context(
                kafka_opened(self._addresses.kafka_bootstrap)
            )
        return self._kafka

    def _require_idle(self) -> None:
        if self._task is not None and not self._task.done():
            raise NotDone("something else is under way; wait for its end")

    def _begin(self, what: str, name: str, work: Coroutine[None, None, None]) -> None:
        try:
            self._require_idle()
        except NotDone:
            work.close()
            raise
        self._undertaking = Undertaking(what=what, name=name)
        self._task = asyncio.create_task(self._seen_through(work), name=f"{what} {name}")

    async def _seen_through(self, work: Coroutine[None, None, None]) -> None:
        """To its end, whatever that is: it belongs to nobody who could be told but the page."""
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the page says it, and a bug is recorded
            line = str(error) if isinstance(error, CommandFailed) else line_of(error)
            if line is None:
                record_bug(error)
                line = "stopped by a bug, which the log has"
            self._note(lambda now: replace(now, failed=line, ended=True))
        else:
            self._note(lambda now: replace(now, ended=True))

    def _note(self, change: Callable[[Undertaking], Undertaking]) -> None:
        if self._undertaking is not None:
            self._undertaking = change(self._undertaking)

    def _reached(self, done: int, total: int) -> None:
        self._note(lambda now: replace(now, done=done, total=total))

    async def _compared(self, name: str) -> None:
        self._comparisons.pop(name, None)
        self._comparisons[name] = await self._hosting.compare(name, progress=self._reached)

    async def _promoted(self, name: str) -> None:
        # Connections of its own: it may wait for minutes, and people look meanwhile.
        async with kafka_opened(self._addresses.kafka_bootstrap) as kafka:
            await put_in_force(
                name,
                settings=self._settings,
                qdrant_url=self._addresses.qdrant_url,
                versions=self._document,
                kafka=kafka,
                lag=None,
                followed=self._hosting.follow,
                reached=lambda now: self._reached(now.done, now.total),
            )
        self._comparisons.clear()
