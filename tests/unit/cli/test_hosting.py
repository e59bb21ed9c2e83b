"""Each request is answered by the version that was in force when it came, and by no other."""

import asyncio
from pathlib import Path

import pytest
from lookup_world import World
from msgspec.structs import replace

from cli.composition import Addresses, OpenStores
from cli.hosting import Hosting
from cli.settings import Settings
from lookup.answering import Answering
from profiles.ports import StoreUnavailable
from stores.connect import OpenVersions, open_profile_stores, open_redis, open_versions
from stores.versions import Version, VersionRefused, Versions, VersionStore, changed

pytestmark = pytest.mark.anyio

B = Version(
    name="b",
    namespace="live--b",
    created_ms=0,
    embedding_model="hashing",
    policy="half_rank = 2.0",
    prepared=True,
    kept=True,
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Shared(VersionStore):
    """A document that does not answer while it is asked not to."""

    def __init__(self, store: VersionStore) -> None:
        self.store = store
        self.down = False
        self.asked = 0

    async def read(self) -> Versions:
        self.asked += 1
        if self.down:
            raise StoreUnavailable("down")
        return await self.store.read()

    async def replace(self, before: Versions, after: Versions) -> bool:
        return await self.store.replace(before, after)


async def hosting_over(
    store: VersionStore, *, shared: bool, clock: "list[float]"
) -> tuple[Hosting, Answering]:
    async def nothing() -> None:
        return

    hosting = Hosting(
        Settings(embedding_model="hashing"),
        Addresses(kafka_bootstrap="", redis_url="memory://", qdrant_url="memory://"),
        OpenVersions(store, shared=shared, close=nothing),
        working=False,
        answering=True,
        directory=Path(),
        clock=lambda: clock[0],
    )
    first = Answering(lookup=World().lookup())
    stores = OpenStores(
        profiles=await open_profile_stores("memory://", namespace="live", dimension=2),
        redis=await open_redis("memory://", namespace="live", partitions=1),
    )
    hosting.answer_first(first, stores)
    return hosting, first


async def test_a_request_keeps_its_version_whatever_is_promoted_meanwhile() -> None:
    store = (await open_versions("memory://", namespace="live")).store
    hosting, first = await hosting_over(store, shared=False, clock=[0.0])
    await changed(store, lambda now: now.with_version(B))
    async with hosting.chosen() as before:
        assert before is first
        await changed(store, lambda now: now.promoted("b"))
        # Opened by the first request that needs it, where nobody has followed yet.
        async with hosting.chosen() as promoted:
            assert promoted is not first
            await changed(store, lambda now: now.rolled_back())
            async with hosting.chosen() as after:
                assert after is first
    async with hosting.chosen() as again:
        assert again is first
    await hosting.close()


async def test_a_version_is_closed_only_when_its_last_request_is_over() -> None:
    store = (await open_versions("memory://", namespace="live")).store
    hosting, _ = await hosting_over(store, shared=False, clock=[0.0])
    await changed(store, lambda now: now.with_version(B).promoted("b"))
    async with hosting.chosen() as promoted:
        await changed(store, lambda now: now.rolled_back())
        await changed(store, lambda now: now.dropping("b"))
        closing = asyncio.create_task(hosting.follow())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not closing.done()
        assert (await promoted.lookup.profile("default", "ann")).evidence.events == 0
    await closing
    await hosting.close()


async def test_a_server_is_asked_once_for_many_requests_and_the_last_answer_stands() -> None:
    """Which version is in force is remembered for a moment, and longer while nobody can tell."""
    shared = Shared((await open_versions("memory://", namespace="live")).store)
    clock = [0.0]
    hosting, first = await hosting_over(shared, shared=True, clock=clock)
    for _ in range(3):
        async with hosting.chosen() as answering:
            assert answering is first
    assert shared.asked == 1
    await changed(shared.store, lambda now: now.with_version(B).promoted("b"))
    await hosting.follow()
    async with hosting.chosen() as answering:
        assert answering is first
    clock[0] = 1.0
    async with hosting.chosen() as answering:
        assert answering is not first
    shared.down = True
    clock[0] = 2.0
    async with hosting.chosen() as answering:
        assert answering is not first
    await hosting.close()


async def test_only_what_is_built_and_not_being_dropped_is_hosted() -> None:
    store = (await open_versions("memory://", namespace="live")).store
    hosting, _ = await hosting_over(store, shared=False, clock=[0.0])
    await changed(store, lambda now: now.with_version(replace(B, kept=False)))
    await hosting.follow()
    assert hosting.names == [""]
    await changed(store, lambda now: now.with_version(B))
    await hosting.follow()
    assert hosting.names == ["", "b"]
    with pytest.raises(VersionRefused, match="there is no version c"):
        await hosting.compare("c", progress=lambda *_: None)
    await hosting.close()
    assert hosting.names == [""]
