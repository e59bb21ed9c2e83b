import asyncio
import math
from dataclasses import replace

import numpy as np
import pytest
from store_records import AWKWARD_IDS, Interleaved, vector

from profiles.ports import PersonaDocument, Token
from stores.connect import ProfileStores
from stores.personas import PointPersonaStore

pytestmark = pytest.mark.anyio


def document(version: int, *, token: int = 1, tenant: str = "t", size: int = 3) -> PersonaDocument:
    return PersonaDocument(
        tenant=tenant,
        version=version,
        token=Token(token),
        body=bytes([version % 256]) * 1000,
        centroids={f"p{n}": vector(n, version, 0.1, -n) for n in range(size)},
    )


def same(a: PersonaDocument | None, b: PersonaDocument) -> bool:
    return (
        a is not None
        and list(a.centroids) == list(b.centroids)
        and all(np.array_equal(a.centroids[name], b.centroids[name]) for name in b.centroids)
        and replace(a, centroids=b.centroids) == b
    )


async def test_what_is_published_is_read_back(stores: ProfileStores) -> None:
    assert await stores.personas.read("t") is None
    assert await stores.personas.publish(document(1))
    assert same(await stores.personas.read("t"), document(1))


async def test_personas_that_went_away_are_gone(stores: ProfileStores) -> None:
    await stores.personas.publish(document(1, size=5))
    await stores.personas.publish(document(2, size=0))
    assert same(await stores.personas.read("t"), document(2, size=0))


@pytest.mark.parametrize(
    ("version", "token", "accepted"),
    [(6, 3, True), (5, 3, True), (5, 4, True), (6, 2, False), (4, 3, False), (4, 4, False)],
)
async def test_an_older_version_or_token_is_refused(
    stores: ProfileStores, version: int, token: int, *, accepted: bool
) -> None:
    held = document(5, token=3)
    await stores.personas.publish(held)
    offered = document(version, token=token, size=4)
    assert await stores.personas.publish(offered) is accepted
    assert same(await stores.personas.read("t"), offered if accepted else held)


async def test_publishing_again_after_a_lost_answer_is_accepted(stores: ProfileStores) -> None:
    assert await stores.personas.publish(document(1))
    assert await stores.personas.publish(document(1))


@pytest.mark.parametrize("step", range(3))
async def test_a_publisher_overtaken_by_a_newer_one_says_so(
    stores: ProfileStores, step: int
) -> None:
    newer = document(3, token=2, size=5)

    async def overtake() -> None:
        assert await stores.personas.publish(newer)

    assert isinstance(stores.personas, PointPersonaStore)
    points = Interleaved(stores.personas._points, step=step, intrude=overtake)
    assert not await PointPersonaStore(points).publish(document(3, token=1))
    assert same(await stores.personas.read("t"), newer)


async def test_a_reader_sees_one_version_whole(stores: ProfileStores) -> None:
    async def publish() -> None:
        for version in range(1, 60):
            await stores.personas.publish(document(version, size=version % 7))
            await asyncio.sleep(0)

    publishing = asyncio.create_task(publish())
    seen = set()
    while not publishing.done():
        found = await stores.personas.read("t")
        if found is not None:
            assert same(found, document(found.version, size=found.version % 7))
            seen.add(found.version)
        await asyncio.sleep(0)
    await publishing
    assert len(seen) > 1


async def test_tenants_are_those_with_personas(stores: ProfileStores) -> None:
    for tenant in AWKWARD_IDS:
        await stores.personas.publish(document(1, tenant=tenant))
    assert await stores.personas.tenants() == sorted(AWKWARD_IDS)
    assert await stores.personas.read("another") is None


async def test_a_centroid_that_is_not_finite_is_refused(stores: ProfileStores) -> None:
    bad = replace(document(1), centroids={"p": vector(0, math.nan, 0, 0)})
    with pytest.raises(ValueError, match="not finite"):
        await stores.personas.publish(bad)
    assert await stores.personas.read("t") is None
