"""The versions that a process keeps up to date and answers with, as the document of versions says.

Promoting a version is a change of that document, made by any process that may write it. This is
what follows it: whoever runs workers runs one for each version that is kept, and whoever answers
requests answers each by the version that is in force when it comes.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from cli.comparing import Compared, compare_versions
from cli.composition import (
    Addresses,
    OpenStores,
    compose_documents,
    compose_lookup,
    compose_worker,
    load_embedder,
    stores_opened,
    vector_dimension,
)
from cli.control import Progress
from cli.declarations import Declarations, read_declarations
from cli.query_vectors import QueryVectors, already_loaded
from cli.settings import Settings
from cli.versions import declarations_of, settings_of, topics_of
from cli.working import worker_draining
from lookup.answering import Answering, Documents, VersionChoice
from lookup.dashboard.comparison import Comparison
from lookup.own_writes import OwnWrites
from lookup.persons import Persons
from lookup.queries import Lookup
from profiles.ports import StoreUnavailable
from profiles.privacy.erasure import ErasureStore
from stores.connect import OpenVersions
from stores.errors import StoreInUse
from stores.versions import Version, Versions
from streams.embedding import Embedder
from streams.watching import NOT_WATCHED, Watch

__all__ = ["FIRST", "Hosting", "answering_over"]

_log = structlog.get_logger(__name__)

FIRST: Final = ""
"""Name of the version that was there before any other."""

_POLL_S: Final = 0.5
_REMEMBERED_S: Final = 0.25
_FINISHING_S: Final = 30.0


@dataclass(slots=True)
class _Hosted:
    """A version at work in this process.

    Attributes:
        requests: Being answered by it now.
        worker: Ends only when it fails.
    """

    answering: Answering | None
    stores: OpenStores
    opened: AsyncExitStack = field(default_factory=AsyncExitStack)
    requests: int = 0
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    worker: "asyncio.Task[None] | None" = None


class Hosting(VersionChoice):
    """Follows the document of versions.

    Args:
        working: Run a worker for each version that is kept.
        answering: Be ready to answer by each of them.
        watch: Who watches the worker of a version.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        settings: Settings,
        addresses: Addresses,
        versions: OpenVersions,
        *,
        working: bool,
        answering: bool,
        directory: Path,
        watch: Callable[[str], Watch] = lambda _: NOT_WATCHED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._addresses = addresses
        self._versions = versions
        self._working = working
        self._answering = answering
        self._directory = directory
        self._watch = watch
        self._clock = clock
        self._hosted: dict[str, _Hosted] = {}
        self._embedders: dict[str, Embedder] = {}
        self._changing = asyncio.Lock()
        self._current = FIRST
        self._asked_at_s = float("-inf")

    @property
    def names(self) -> list[str]:
        """Of the versions that are open here; "" is the first one."""
        return sorted(self._hosted)

    @property
    def versions(self) -> OpenVersions:
        """The document that is followed; stays its opener's to close."""
        return self._versions

    def erasure_stores(self) -> dict[str, ErasureStore]:
        """Of the versions that are open here beside the first one, by name."""
        return {
            name: hosted.stores.profiles.erasures
            for name, hosted in self._hosted.items()
            if name != FIRST
        }

    def has_loaded(self, model: str, embedder: Embedder) -> None:
        """A model that versions may share."""
        self._embedders[model] = embedder

    def answer_first(self, answering: Answering, stores: OpenStores) -> None:
        """What the first version is asked by; both stay the caller's to close."""
        self._hosted[FIRST] = _Hosted(answering, stores)

    @asynccontextmanager
    async def chosen(self) -> AsyncIterator[Answering]:
        """As of `VersionChoice`: one reading of the pointer, and one version until the end."""
        hosted = self._hosted.get(await self._in_force())
        if hosted is None:
            # It was promoted a moment ago, and this process has not opened it yet.
            await self.follow()
            hosted = self._hosted.get(await self._in_force())
        if hosted is None or hosted.answering is None:
            raise StoreUnavailable(f"version {self._current} is in force, but not open here")
        hosted.requests += 1
        hosted.idle.clear()
        try:
            yield hosted.answering
        finally:
            hosted.requests -= 1
            if not hosted.requests:
                hosted.idle.set()

    async def _in_force(self) -> str:
        now_s = self._clock()
        # A file is looked at each time; a server is asked now and then, once for many requests.
        if self._versions.shared and now_s - self._asked_at_s < _REMEMBERED_S:
            return self._current
        self._asked_at_s = now_s
        try:
            self._current = (await self._versions.store.read()).current
        except StoreUnavailable as error:
            _log.warning("which version is in force cannot be asked", error=str(error))
        return self._current

    async def run(self) -> None:
        """Follow until cancelled.

        Raises:
            Whatever ended a version's worker.
        """
        while True:
            await asyncio.sleep(_POLL_S)
            for name, hosted in list(self._hosted.items()):
                if hosted.worker is not None and hosted.worker.done():
                    _log.error("the worker of a version has ended", version=name)
                    hosted.worker.result()
            try:
                await self.follow()
            except (StoreUnavailable, StoreInUse) as error:
                _log.warning("versions cannot be followed, trying again", error=str(error))

    async def follow(self) -> None:
        """Open what is kept now, and close what is no longer.

        Raises:
            StoreUnavailable, StoreInUse, …: a version cannot be opened.
        """
        async with self._changing:
            others = (await self._versions.store.read()).others
            kept = {name: one for name, one in others.items() if one.kept and one.prepared}
            for name in [name for name in self._hosted if name != FIRST and name not in kept]:
                await self._close(self._hosted.pop(name))
                _log.info("version left", version=name)
            for name, version in kept.items():
                if name not in self._hosted:
                    self._hosted[name] = await self._open(version)
                    _log.info("version hosted", version=name)

    async def close(self) -> None:
        """Stop all workers but the first version's, and close what was opened."""
        async with self._changing:
            for name in [name for name in self._hosted if name != FIRST]:
                await self._close(self._hosted.pop(name))

    async def _open(self, version: Version) -> _Hosted:
        settings = settings_of(self._settings, version)
        declarations = declarations_of(settings, version)
        model = settings.embedding_model
        async with AsyncExitStack() as opened:
            dimension = await vector_dimension(model)
            stores = await opened.enter_async_context(
                stores_opened(settings, self._addresses, dimension=dimension)
            )
            hosted = _Hosted(None, stores)
            if self._answering:
                hosted.answering = await answering_over(
                    settings, stores, declarations=declarations, embed=self._queries(model)
                )
                opened.push_async_callback(hosted.answering.lookup.close)
            if self._working:
                hosted.worker = await self._work(
                    version, settings, stores, declarations=declarations
                )
                opened.push_async_callback(_stopped, hosted.worker)
            hosted.opened = opened.pop_all()
        return hosted

    def _queries(self, model: str) -> QueryVectors:
        known = self._embedders.get(model)
        return QueryVectors(
            partial(load_embedder, model) if known is None else already_loaded(known)
        )

    async def compare(self, name: str, *, progress: Progress) -> Comparison:
        """The version against the one in force; against the one before, if that is itself.

        Raises:
            VersionRefused: there is no such version.
            StoreInUse, StoreUnavailable: one of them cannot be read.
        """
        now = await self._versions.store.read()
        now.known(name)
        before = now.current if now.current != name else (now.previous or FIRST)
        async with self._side(now, before) as one, self._side(now, name) as other:
            return await compare_versions(one, other, progress=progress)

    @asynccontextmanager
    async def _side(self, now: Versions, name: str) -> AsyncIterator[Compared]:
        """A version to read, opened for the moment if it is not open here."""
        shown = name or self._settings.namespace
        hosted = self._hosted.get(name)
        if hosted is not None and hosted.answering is not None:
            yield Compared(name=shown, stores=hosted.stores, lookup=hosted.answering.lookup)
            return
        if name == FIRST:
            settings = self._settings
            declarations = read_declarations(settings)
        else:
            settings = settings_of(self._settings, now.known(name))
            declarations = declarations_of(settings, now.known(name))
        dimension = await vector_dimension(settings.embedding_model)
        async with stores_opened(settings, self._addresses, dimension=dimension) as stores:
            lookup = compose_lookup(settings, stores, declarations=declarations)
            try:
                yield Compared(name=shown, stores=stores, lookup=lookup)
            finally:
                await lookup.close()

    async def _work(
        self,
        version: Version,
        settings: Settings,
        stores: OpenStores,
        *,
        declarations: Declarations,
    ) -> "asyncio.Task[None]":
        """A worker at work: it has taken its partitions."""
        model = settings.embedding_model
        if model not in self._embedders:
            self._embedders[model] = await load_embedder(model)
        worker = compose_worker(
            settings,
            self._addresses,
            stores,
            embedder=self._embedders[model],
            declarations=declarations,
            directory=self._directory / version.name,
            topics=topics_of(version),
            watch=self._watch(settings.namespace),
        )
        running = asyncio.create_task(worker_draining(worker), name=f"worker of {version.name}")
        ready = asyncio.create_task(worker.ready.wait())
        try:
            await asyncio.wait((running, ready), return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        except BaseException:
            await _stopped(running)
            raise
        finally:
            ready.cancel()
        return running

    async def _close(self, hosted: _Hosted) -> None:
        if hosted.requests:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FINISHING_S):
                    await hosted.idle.wait()
        await hosted.opened.aclose()


async def answering_over(
    settings: Settings, stores: OpenStores, *, declarations: Declarations, embed: QueryVectors
) -> Answering:
    """All that one version is asked by, over its open stores."""
    lookup: Lookup = compose_lookup(settings, stores, declarations=declarations)
    documents: Documents = await asyncio.to_thread(
        compose_documents, settings, stores, lookup, declarations=declarations, embed=embed
    )
    return Answering(
        lookup=lookup,
        own_writes=OwnWrites(
            control=stores.profiles.control,
            users=stores.profiles.users,
            cache=stores.redis.cache,
            partitions=settings.partitions,
        ),
        documents=documents,
        persons=Persons(
            users=stores.profiles.users,
            items=stores.profiles.items,
            passages=stores.profiles.passages,
            policy=declarations.policy,
            data_policy=declarations.data_policy,
        ),
    )


async def _stopped(worker: "asyncio.Task[None]") -> None:
    """End a worker; it finishes what it has folded."""
    worker.cancel()
    await asyncio.wait((worker,))
    if not worker.cancelled() and (error := worker.exception()) is not None:
        # Whoever watches it has been told; here only what follows matters.
        _log.warning("a worker ended with an error", error=repr(error))
