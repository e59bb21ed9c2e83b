"""The composition root: from settings to stores, worker and lookup."""

import asyncio
import errno
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, Protocol

from cli.access import access_of
from cli.declarations import Declarations, read_declarations
from cli.erasure_key import erasure_secret
from cli.errors import CommandFailed, WrongUse
from cli.settings import Settings
from cli.starting import AT_ONCE, Starting
from local.directory import DataDirectory
from local.kafka import KafkaServer
from local.redis import RedisServer
from local.server import Server
from local.stack import EmbeddedStack
from lookup.contexts import Contexts
from lookup.errors import PortInUse, TokenizerMissing
from lookup.options import LookupOptions
from lookup.queries import Lookup
from lookup.retrieval import EmbedQuery, Retrieval
from lookup.routes_documents import Documents
from lookup.templates import Templates
from lookup.tokenizing import PACKAGED_TOKENIZER, open_tokenizer
from profiles.documents.context import TokenCounter, UpperBound
from profiles.silencing import SilencingSettings
from stores.connect import ProfileStores, RedisStores, open_profile_stores, open_redis
from streams.embedding import DEFAULT_MODEL, Embedder, open_embedder
from streams.erasing import ErasingOptions
from streams.learners import LearnerSpec
from streams.ownership import Place
from streams.pacing import Pacing
from streams.releasing import ReleaseOptions
from streams.version_topics import FIRST_TOPICS, VersionTopics
from streams.watching import NOT_WATCHED, Watch
from streams.worker import LIVE, Cadence, Stores, Worker, WorkerOptions

__all__ = [
    "Addresses",
    "OpenStores",
    "compose_documents",
    "compose_lookup",
    "compose_worker",
    "load_embedder",
    "local_servers",
    "server_addresses",
    "stores_opened",
    "vector_dimension",
]

# So that a lookup apart from the worker need not load a model of gigabytes to learn its width.
_KNOWN_DIMENSIONS: Final = {DEFAULT_MODEL: 384, "hashing": 128}


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Where the parts are that Strata stands on."""

    kafka_bootstrap: str
    redis_url: str
    qdrant_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStores:
    """Open connections of one process."""

    profiles: ProfileStores
    redis: RedisStores


class _Watched(Protocol):
    def check(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalServers:
    """What runs as our children, and where everything is."""

    directory: Path
    addresses: Addresses
    watched: tuple[_Watched, ...]

    def check(self) -> None:
        """Return if every child runs and has space.

        Raises:
            ChildDied, DiskFull: naming which.
        """
        for child in self.watched:
            child.check()


@contextmanager
def local_servers(settings: Settings, *, progress: Callable[[str], None]) -> Iterator[LocalServers]:
    """Own the data directory and run in it what the settings do not name a server for.

    Raises:
        LocalStackError: see `local.errors`.
        PortInUse: the lookup's port is taken.
        CommandFailed, PolicyError, DeclarationError: see `cli.declarations`.
        WrongUse: see `cli.access`.
    """
    # What cannot be used is better known before anything starts.
    read_declarations(settings)
    access_of(settings)
    with ExitStack() as running:
        # Before anything in it is opened: a second owner would break the first one's flushes.
        directory = running.enter_context(DataDirectory.lock(settings.data_dir))
        _require_free(settings.http_host, settings.http_port)
        watched: list[_Watched] = []

        def child(server: Server) -> Server:
            watched.append(running.enter_context(server))
            return server

        if settings.kafka_bootstrap is None and settings.redis_url is None:
            stack = running.enter_context(EmbeddedStack(directory, progress=progress))
            watched.append(stack)
            # Already started: this only asks for the addresses.
            started = stack.start()
            kafka_bootstrap, redis_url = started.kafka_bootstrap, started.redis_url
        else:
            kafka_bootstrap = (
                settings.kafka_bootstrap or child(KafkaServer(directory, progress=progress)).address
            )
            redis_url = settings.redis_url or child(RedisServer(directory)).address
        yield LocalServers(
            directory=directory.path,
            addresses=Addresses(
                kafka_bootstrap=kafka_bootstrap,
                redis_url=redis_url,
                qdrant_url=settings.qdrant_url or f"edge://{directory.path / 'qdrant'}",
            ),
            watched=tuple(watched),
        )


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CommandFailed(f"cannot listen on {host}:{port}: {error.strerror}") from error
        raise PortInUse(
            f"{host}:{port} is in use by another program (STRATA_HTTP_PORT chooses another port)"
        ) from error


def server_addresses(settings: Settings, *, command: str, needs_kafka: bool) -> Addresses:
    """Addresses for a process that shares the stores with others.

    Raises:
        WrongUse: a server is not named, or the Qdrant named can have one owner only.
    """
    wanted = {
        "STRATA_KAFKA_BOOTSTRAP": settings.kafka_bootstrap if needs_kafka else "",
        "STRATA_REDIS_URL": settings.redis_url,
        "STRATA_QDRANT_URL": settings.qdrant_url,
    }
    missing = [name for name, value in wanted.items() if value is None]
    if missing:
        raise WrongUse(
            f"strata {command} shares its stores with other processes and needs servers: set "
            f"{', '.join(missing)}; without servers, `strata up` runs everything in one process"
        )
    qdrant_url = settings.qdrant_url or ""
    if not qdrant_url.startswith(("http://", "https://")):
        raise WrongUse(
            f"strata {command} needs a Qdrant server, as STRATA_QDRANT_URL=http://HOST:6333: "
            "embedded storage has one owner, and that is `strata up`"
        )
    return Addresses(
        kafka_bootstrap=settings.kafka_bootstrap or "",
        redis_url=settings.redis_url or "",
        qdrant_url=qdrant_url,
    )


async def load_embedder(model: str) -> Embedder:
    """Load a model, off the event loop.

    Raises:
        EmbeddingModelMissing: no such model, or the extra is missing.
    """
    # Read when the libraries are first imported: without these they paint bars on stderr.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    return await asyncio.to_thread(open_embedder, model)


async def vector_dimension(model: str) -> int:
    """Length of the vectors of a model, which is loaded only if nothing else tells."""
    known = _KNOWN_DIMENSIONS.get(model)
    return known if known is not None else (await load_embedder(model)).dimension


@asynccontextmanager
async def stores_opened(
    settings: Settings, addresses: Addresses, *, dimension: int, starting: Starting = AT_ONCE
) -> AsyncIterator[OpenStores]:
    """Open every store, and close them at the end.

    Args:
        starting: Waits for those that are away.

    Raises:
        UnknownStore, StoreMismatch, StoreInUse, StoreUnavailable: see `stores.connect`.
    """
    profiles = await starting.reached(
        "Qdrant",
        partial(
            open_profile_stores,
            addresses.qdrant_url,
            namespace=settings.namespace,
            dimension=dimension,
            space_dimension=LearnerSpec().dimension,
        ),
    )
    try:
        redis = await starting.reached(
            "Redis",
            partial(
                open_redis,
                addresses.redis_url,
                namespace=settings.namespace,
                partitions=settings.partitions,
            ),
        )
        try:
            yield OpenStores(profiles=profiles, redis=redis)
        finally:
            await redis.close()
    finally:
        await profiles.close()


def compose_worker(
    settings: Settings,
    addresses: Addresses,
    stores: OpenStores,
    *,
    embedder: Embedder,
    declarations: Declarations,
    directory: Path,
    topics: VersionTopics = FIRST_TOPICS,
    until: Mapping[Place, int] | None = None,
    watch: Watch = NOT_WATCHED,
    pacing: Pacing | None = None,
    cadence: Cadence = LIVE,
) -> Worker:
    """A worker over open stores; `directory` is for files of its own.

    Args:
        topics, until: Of the version that the stores are of.
        watch: Told what the worker does.
        pacing: Says when events may be folded; None for always.
        cadence: How often it flushes, counts and publishes, and whether it counts at the end.
    """
    return Worker(
        stores=Stores.over(stores.profiles, stores.redis),
        embedder=embedder,
        options=WorkerOptions(
            bootstrap=addresses.kafka_bootstrap,
            directory=directory,
            group=settings.consumer_group,
            partitions=settings.partitions,
            policy=declarations.policy,
            declared=declarations.personas,
            data_policy=declarations.data_policy,
            vocabulary=declarations.vocabulary,
            erasing=ErasingOptions(secret=erasure_secret(settings)),
            silencing=SilencingSettings(
                fraction=settings.silenced_fraction, floor=settings.minority_floor
            ),
            release=ReleaseOptions(k=settings.minimum_persona_size),
            topics=topics,
            until=until or {},
            watch=watch,
            pacing=pacing,
            cadence=cadence,
        ),
    )


def compose_lookup(settings: Settings, stores: OpenStores, *, declarations: Declarations) -> Lookup:
    """Lookup over open stores."""
    return Lookup(
        users=stores.profiles.users,
        items=stores.profiles.items,
        personas=stores.profiles.personas,
        cache=stores.redis.cache,
        aggregates=stores.redis.aggregates,
        policy=declarations.policy,
        declared=declarations.personas,
        norms=declarations.norms,
        data_policy=declarations.data_policy,
        options=LookupOptions(minimum_size=settings.minimum_persona_size),
    )


def compose_documents(
    settings: Settings,
    stores: OpenStores,
    lookup: Lookup,
    *,
    declarations: Declarations,
    embed: EmbedQuery,
) -> Documents:
    """What users wrote, over open stores; reads tokenizer and templates, so it blocks.

    Raises:
        TokenizerMissing, TemplateUnusable: what the settings name cannot be used.
    """
    retrieval = Retrieval(
        lookup=lookup,
        users=stores.profiles.users,
        items=stores.profiles.items,
        passages=stores.profiles.passages,
        embed=embed,
        data_policy=declarations.data_policy,
    )
    contexts = Contexts(
        lookup=lookup,
        retrieval=retrieval,
        counter=_token_counter(settings),
        templates=Templates.from_directory(settings.context_templates),
        norms=declarations.norms,
        data_policy=declarations.data_policy,
    )
    return Documents(retrieval=retrieval, contexts=contexts)


def _token_counter(settings: Settings) -> TokenCounter:
    if settings.tokenizer is not None:
        return open_tokenizer(settings.tokenizer)
    try:
        return open_tokenizer(PACKAGED_TOKENIZER)
    except TokenizerMissing:
        # Answers say what they were counted with.
        return UpperBound()
