"""The document of versions, wherever it is kept: replaced as a whole, by one of several at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from msgspec.structs import replace

from stores.connect import OpenVersions, open_versions
from stores.versions import Version, VersionRefused, Versions, VersionStore, changed

pytestmark = pytest.mark.anyio

B = Version(
    name="b",
    namespace="live--b",
    created_ms=1_700_000_000_000,
    embedding_model="hashing",
    policy="half_rank = 5.0",
    starts={"strata.interactions": {0: 7, 1: 0}},
    prepared=True,
    kept=True,
)


@pytest.fixture
async def opened(qdrant_url: str, anyio_backend: str) -> AsyncIterator[OpenVersions]:
    assert anyio_backend == "asyncio"
    opened = await open_versions(qdrant_url, namespace=f"test-{uuid.uuid4().hex[:8]}")
    yield opened
    await opened.close()


async def test_before_anything_was_built_the_first_version_is_in_force(
    opened: OpenVersions,
) -> None:
    assert await opened.store.read() == Versions()
    assert (await opened.store.read()).current == ""


async def test_what_is_replaced_is_read_back(opened: OpenVersions) -> None:
    after = await changed(opened.store, lambda now: now.with_version(B))
    assert after.others == {"b": B}
    assert await opened.store.read() == after
    promoted = await changed(opened.store, lambda now: now.promoted("b"))
    assert (promoted.current, promoted.previous, promoted.revision) == ("b", "", 2)
    assert await opened.store.read() == promoted


async def test_of_two_that_replace_the_same_document_one_succeeds(opened: OpenVersions) -> None:
    store = opened.store
    before = await changed(store, lambda now: now.with_version(B))
    steps = [before.promoted("b"), before.with_version(replace(B, name="c"))]
    done = await asyncio.gather(*(store.replace(before, after) for after in steps))
    assert sorted(done) == [False, True]
    assert await store.read() == steps[done.index(True)]


async def test_steps_taken_at_once_are_all_taken(opened: OpenVersions) -> None:
    async def add(store: VersionStore, name: str) -> None:
        await changed(store, lambda now: now.with_version(replace(B, name=name)))

    names = [f"v{number}" for number in range(5)]
    await asyncio.gather(*(add(opened.store, name) for name in names))
    found = await opened.store.read()
    assert sorted(found.others) == names
    assert found.revision == 5


def test_rolling_back_puts_the_one_before_in_force_and_can_be_undone() -> None:
    promoted = Versions().with_version(B).promoted("b")
    back = promoted.rolled_back()
    assert (back.current, back.previous) == ("", "b")
    assert back.rolled_back().current == "b"


@pytest.mark.parametrize(
    ("versions", "name", "said"),
    [
        (Versions(), "b", "there is no version b; there are: none"),
        (Versions().with_version(replace(B, prepared=False)), "b", "has not been built"),
        (Versions().with_version(replace(B, ends={"t": {0: 1}})), "b", "does not follow"),
        (Versions().with_version(replace(B, dropping=True)), "b", "is being dropped"),
        (Versions().with_version(B).promoted("b"), "b", "is in force already"),
    ],
)
def test_what_cannot_be_promoted_is_said(versions: Versions, name: str, said: str) -> None:
    with pytest.raises(VersionRefused, match=said):
        versions.promoted(name)


def test_what_is_in_force_cannot_be_dropped_and_what_was_dropped_is_no_way_back() -> None:
    promoted = Versions().with_version(B).promoted("b")
    with pytest.raises(VersionRefused, match="b is in force"):
        promoted.dropping("b")
    dropped = promoted.rolled_back().dropping("b")
    assert dropped.others["b"].dropping
    with pytest.raises(VersionRefused, match="nothing was promoted"):
        dropped.rolled_back()
    assert dropped.without("b").others == {}
