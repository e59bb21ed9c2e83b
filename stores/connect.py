"""Stores chosen by URL: the one place that names adapters."""

import asyncio
import math
import re
import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from qdrant_client import AsyncQdrantClient

from profiles.documents.passages import PassageStore
from profiles.ports import (
    AggregateStore,
    ControlStore,
    ItemStore,
    PersonaStore,
    ProfileCache,
    UserStore,
)
from profiles.privacy.erasure import ErasureStore
from stores.answers import AnswerStore, MemoryAnswerStore, RedisAnswerStore
from stores.control import CONTROL_COLLECTION, PointControlStore
from stores.deferred import DeferredInserts
from stores.edge_process import EdgeProcess
from stores.erasures import ERASURE_COLLECTION, PointErasureStore
from stores.errors import UnknownStore
from stores.items import PointItemStore, item_collection
from stores.memory import MemoryPoints
from stores.memory_aggregates import MemoryAggregateStore
from stores.memory_cache import MemoryProfileCache
from stores.passages import PointPassageStore, passage_collection
from stores.personas import PERSONA_COLLECTION, PointPersonaStore
from stores.points import Collection, Points
from stores.qdrant_server import (
    ServerPoints,
    drop_collections,
    require_version,
    show_current,
)
from stores.redis_aggregates import RedisAggregateStore
from stores.redis_cache import RedisProfileCache
from stores.redis_connection import RedisConnection
from stores.redis_erasing import erase_namespace
from stores.redis_files import rewrite_files
from stores.users import USERS, PointUserStore, user_collection
from stores.versions import (
    VERSION_COLLECTION,
    FileVersionStore,
    PointVersionStore,
    VersionStore,
)

__all__ = [
    "OpenVersions",
    "ProfileStores",
    "RedisStores",
    "drop_profile_stores",
    "open_profile_stores",
    "open_redis",
    "open_versions",
    "show_current_version",
]

_GRPC_PORT = "6334"
_NAMESPACE = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def _nothing() -> None:
    return


@dataclass(frozen=True, slots=True)
class _Opened:
    """Collections in the order asked, and how to release and to sync all of them."""

    collections: list[Points]
    close: Callable[[], Awaitable[None]] = _nothing
    flush: Callable[[], Awaitable[None]] = _nothing


@dataclass(frozen=True, slots=True)
class _Request:
    url: str
    namespace: str
    collections: list[Collection]
    timeout_s: float


_Opener = Callable[[_Request], Awaitable[_Opened]]


@dataclass(frozen=True, slots=True)
class ProfileStores:
    """What is kept in Qdrant. `flush` makes embedded storage survive a loss of power.

    Attributes:
        collections: What the stores are written over, by name: to be copied as it is.
        rewrite: Writes its files anew where they are ours: without what was deleted.
    """

    users: UserStore
    items: ItemStore
    control: ControlStore
    personas: PersonaStore
    passages: PassageStore
    collections: Mapping[str, Points]
    erasures: ErasureStore
    rewrite: Callable[[], Awaitable[None]]
    flush: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RedisStores:
    """What is kept in Redis: it can be rebuilt, or (answers) is forgotten soon.

    Attributes:
        erase: Removes all of the namespace; how many keys there were.
        rewrite: Has its files written anew: without what was deleted.
    """

    cache: ProfileCache
    aggregates: AggregateStore
    answers: AnswerStore
    erase: Callable[[], Awaitable[int]]
    rewrite: Callable[[], Awaitable[None]]
    close: Callable[[], Awaitable[None]]


async def open_profile_stores(
    qdrant_url: str,
    *,
    namespace: str,
    dimension: int,
    space_dimension: int | None = None,
    timeout_s: float = 10.0,
) -> ProfileStores:
    """Open, and create where absent, the collections of a namespace.

    Args:
        qdrant_url: `memory://` (lives as long as the result); `edge:///directory`, Qdrant's
            segment in a child process; `http(s)://host:6333`, a server, with gRPC on port 6334
            or as `?grpc_port=` says (0: none), and `https://:KEY@host` for an API key;
            `:memory:`, qdrant-client without a server.
        namespace: Prefix of every collection's name; letters, digits, `_` and `-`.
        dimension: Of item vectors, ≥ 1.
        space_dimension: Of user vectors, which lie in the item space; as items by default.
        timeout_s: For each request to a server.

    Raises:
        UnknownStore: no adapter answers to the URL.
        StoreMismatch: a collection exists with another dimension or distance.
        StoreInUse: another process has the embedded directory open.
        StoreUnavailable: the server does not answer.
    """
    # ":memory:" is no URL, but it is what Qdrant's own client calls it.
    scheme = qdrant_url if qdrant_url == ":memory:" else urlsplit(qdrant_url).scheme
    opener = _PROFILE_STORES.get(scheme)
    if opener is None:
        raise UnknownStore(f"no profile store answers to {qdrant_url!r}")
    made = _collections(dimension, space_dimension or dimension)
    opened = await opener(
        _Request(
            url=qdrant_url,
            namespace=_checked(namespace),
            collections=made,
            timeout_s=timeout_s,
        )
    )
    users, items, control, personas, passages, erasures = opened.collections

    async def rewrite() -> None:
        # The others hold nothing of users.
        for points in (users, passages):
            await points.rewrite()

    return ProfileStores(
        users=PointUserStore(users),
        items=PointItemStore(items),
        control=PointControlStore(control),
        personas=PointPersonaStore(personas),
        passages=PointPassageStore(passages),
        collections={
            collection.name: points
            for collection, points in zip(made, opened.collections, strict=True)
        },
        erasures=PointErasureStore(erasures),
        rewrite=rewrite,
        flush=opened.flush,
        close=opened.close,
    )


@dataclass(frozen=True, slots=True)
class OpenVersions:
    """The versions of a namespace.

    Attributes:
        shared: Several processes on several machines may read it; asking costs a request.
    """

    store: VersionStore
    shared: bool
    close: Callable[[], Awaitable[None]]


async def open_versions(
    qdrant_url: str, *, namespace: str, timeout_s: float = 10.0
) -> OpenVersions:
    """Open the document of versions, which may be open elsewhere.

    Args:
        qdrant_url: As of `open_profile_stores`; with `edge://` it is a file in the directory.

    Raises:
        UnknownStore, StoreUnavailable: as `open_profile_stores`.
    """
    _checked(namespace)
    if qdrant_url.startswith("edge://"):
        path = Path(qdrant_url.removeprefix("edge://")) / f"{namespace}.versions.json"
        return OpenVersions(FileVersionStore(path), shared=False, close=_nothing)
    scheme = qdrant_url if qdrant_url == ":memory:" else urlsplit(qdrant_url).scheme
    opener = _PROFILE_STORES.get(scheme)
    if opener is None:
        raise UnknownStore(f"no profile store answers to {qdrant_url!r}")
    opened = await opener(
        _Request(
            url=qdrant_url,
            namespace=namespace,
            collections=[VERSION_COLLECTION],
            timeout_s=timeout_s,
        )
    )
    (points,) = opened.collections
    return OpenVersions(PointVersionStore(points), shared=True, close=opened.close)


def _collections(dimension: int, space_dimension: int) -> list[Collection]:
    return [
        user_collection(space_dimension),
        item_collection(dimension),
        CONTROL_COLLECTION,
        PERSONA_COLLECTION,
        passage_collection(dimension),
        ERASURE_COLLECTION,
    ]


async def drop_profile_stores(qdrant_url: str, *, namespace: str, timeout_s: float = 10.0) -> None:
    """Delete all collections of a namespace, as `open_profile_stores` made them.

    Raises:
        UnknownStore: nothing outlives its process there, or no adapter answers to the URL.
        StoreInUse: a process has the embedded directory open.
        StoreUnavailable: the server does not answer.
    """
    request = _Request(
        url=qdrant_url,
        namespace=_checked(namespace),
        collections=_collections(1, 1),
        timeout_s=timeout_s,
    )
    names = [collection.name for collection in request.collections]
    if qdrant_url.startswith("edge://"):
        # Imported when used: it belongs to the extra `embedded`.
        from stores.edge_directory import EdgeDirectory  # noqa: PLC0415

        await asyncio.to_thread(
            EdgeDirectory.drop,
            Path(qdrant_url.removeprefix("edge://")),
            namespace=namespace,
            names=names,
        )
        return
    if not qdrant_url.startswith(("http://", "https://")):
        raise UnknownStore(f"no lasting store answers to {qdrant_url!r}")
    client = _client(request)
    try:
        await drop_collections(client, namespace=namespace, names=names)
    finally:
        await client.close()


async def show_current_version(
    qdrant_url: str, *, base: str, namespace: str, timeout_s: float = 10.0
) -> None:
    """On a server, let the aliases `{base}_current_users`, `…_items` … name this namespace's.

    They are for others who read Qdrant directly; Strata itself goes by the document of versions.
    Elsewhere nobody else can read, and nothing is done.

    Raises:
        StoreUnavailable: the server does not answer.
    """
    if not qdrant_url.startswith(("http://", "https://")):
        return
    made = _collections(1, 1)
    client = _client(_Request(qdrant_url, _checked(namespace), made, timeout_s))
    try:
        names = [collection.name for collection in made]
        await show_current(client, base=_checked(base), namespace=namespace, names=names)
    finally:
        await client.close()


async def open_redis(
    redis_url: str, *, namespace: str, partitions: int, timeout_s: float = 5.0
) -> RedisStores:
    """Open the cache and the aggregates of a namespace.

    Args:
        redis_url: `memory://` (lives as long as the result); `redis://`, `rediss://` or
            `unix://`, a server of Redis 7 or Valkey 8 or later.
        partitions: Of the user-keyed topics, ≥ 1.
        timeout_s: For each request to a server.

    Raises:
        UnknownStore: no adapter answers to the URL.
        StoreUnavailable: the server does not answer.
    """
    _checked(namespace)
    scheme = urlsplit(redis_url).scheme
    if scheme == "memory":
        cache, aggregates = MemoryProfileCache(), MemoryAggregateStore(partitions=partitions)

        async def forget_all() -> int:
            return cache.clear() + aggregates.clear()

        return RedisStores(
            cache=cache,
            aggregates=aggregates,
            answers=MemoryAnswerStore(),
            erase=forget_all,
            rewrite=_nothing,
            close=_nothing,
        )
    if scheme not in {"redis", "rediss", "unix"}:
        raise UnknownStore(f"no aggregate store answers to {redis_url!r}")
    connection = RedisConnection(redis_url, timeout_s=timeout_s)
    try:
        await connection.send([("PING",)])
    except BaseException:
        await connection.close()
        raise
    return RedisStores(
        cache=RedisProfileCache(connection, namespace=namespace),
        aggregates=RedisAggregateStore(connection, namespace=namespace, partitions=partitions),
        answers=RedisAnswerStore(connection, namespace=namespace),
        erase=partial(erase_namespace, connection, namespace),
        rewrite=partial(rewrite_files, connection),
        close=connection.close,
    )


def _checked(namespace: str) -> str:
    if _NAMESPACE.fullmatch(namespace) is None:
        raise ValueError(f"namespace {namespace!r}: 1 to 64 letters, digits, '_' or '-'")
    return namespace


async def _open_memory(request: _Request) -> _Opened:
    return _Opened([MemoryPoints(collection) for collection in request.collections])


async def _open_edge(request: _Request) -> _Opened:
    path = request.url.removeprefix("edge://")
    if not path.startswith("/"):
        raise UnknownStore(f"{request.url!r}: edge:// is followed by an absolute directory")
    process = await EdgeProcess.open(
        Path(path), namespace=request.namespace, collections=request.collections
    )
    # Nobody else can have the directory open, so users need not be indexed before they are written.
    collections: list[Points] = [
        DeferredInserts(points) if collection.name == USERS else points
        for collection, points in zip(request.collections, process.collections, strict=True)
    ]
    return _Opened(collections, close=process.close, flush=process.flush)


async def _open_local_mode(request: _Request) -> _Opened:
    client = AsyncQdrantClient(":memory:")
    # Local mode has no indexes, and warns when asked for one.
    return await _open_collections(client, request, indexed=False)


async def _open_server(request: _Request) -> _Opened:
    client = _client(request)
    try:
        await require_version(client)
        return await _open_collections(client, request, indexed=True)
    except BaseException:
        await client.close()
        raise


def _client(request: _Request) -> AsyncQdrantClient:
    parts = urlsplit(request.url)
    options = dict(parse_qsl(parts.query))
    grpc_port = int(options.get("grpc_port", _GRPC_PORT))
    trusted = _trusted(options["ca"]) if "ca" in options else {}
    return AsyncQdrantClient(
        url=urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", "")),
        api_key=None if parts.password is None else unquote(parts.password),
        prefer_grpc=grpc_port > 0,
        grpc_port=grpc_port,
        timeout=math.ceil(request.timeout_s),
        # Checked below instead, by what we need rather than by distance between versions.
        check_compatibility=False,
        **trusted,
    )


def _trusted(ca: str) -> dict[str, Any]:
    """Arguments by which REST and gRPC know the server by an authority of one's own."""
    try:
        return {
            "verify": ssl.create_default_context(cafile=ca),
            "grpc_options": {"root_certificates": Path(ca).read_bytes()},
        }
    except OSError as error:
        raise UnknownStore(f"the authority {ca} cannot be used: {error}") from error


async def _open_collections(
    client: AsyncQdrantClient, request: _Request, *, indexed: bool
) -> _Opened:
    opened: list[Points] = [
        await ServerPoints.open(client, one, namespace=request.namespace, indexed=indexed)
        for one in request.collections
    ]
    return _Opened(opened, close=client.close)


_PROFILE_STORES: dict[str, _Opener] = {
    "memory": _open_memory,
    "edge": _open_edge,
    ":memory:": _open_local_mode,
    "http": _open_server,
    "https": _open_server,
}
