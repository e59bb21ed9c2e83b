"""Asking for an erasure over HTTP, and its receipt."""

import json

import pytest
from ingest_world import SECRET, Publishing
from lookup_world import NOON_MS, World, like
from msgspec.structs import replace

from profiles.privacy.erasure import Receipt
from profiles.privacy.pseudonyms import pseudonym, receipt_key
from schemas.fast import Erasure, decode
from schemas.instants import rfc3339
from schemas.topics import ERASURES
from stores.erasures import ERASURE_COLLECTION, PointErasureStore
from stores.memory import MemoryPoints

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def publishing() -> Publishing:
    return Publishing(World())


async def test_an_erasure_is_published_under_its_id(publishing: Publishing) -> None:
    async with publishing.client() as client:
        answer = await client.delete("/v1/users/anna", headers={"X-Strata-Tenant": "shop"})
    assert answer.status_code == 202
    (record,) = publishing.log.records
    event = decode(record.value, received_ms=NOON_MS)
    assert record.topic == ERASURES
    assert isinstance(event, Erasure)
    assert (event.tenant, event.user_id) == ("shop", "anna")
    assert event.event_id == answer.json()["id"]
    assert event.occurred_at_ms == NOON_MS
    assert answer.json()["subject"] == pseudonym(SECRET, "shop", "anna").hex()


async def test_nothing_that_is_known_is_later_than_the_erasure(publishing: Publishing) -> None:
    ahead_ms = NOON_MS + 3_600_000
    await publishing.world.add_user("anna", [like("anna", "moby", at_ms=ahead_ms)])
    async with publishing.client() as client:
        await client.delete("/v1/users/anna")
    (record,) = publishing.log.records
    event = decode(record.value, received_ms=ahead_ms)
    assert isinstance(event, Erasure)
    assert event.occurred_at_ms == ahead_ms


async def test_a_receipt_is_pending_until_the_stream_has_written_it(
    publishing: Publishing,
) -> None:
    async with publishing.client() as client:
        asked = (await client.delete("/v1/users/anna")).json()
        pending = await client.get(f"/v1/erasures/{asked['id']}")
        key = receipt_key(SECRET, "default", asked["id"])
        receipt = Receipt(
            tenant="default",
            subject=pseudonym(SECRET, "default", "anna"),
            partition=0,
            requested_ms=NOON_MS,
            received_ms=NOON_MS,
            before={"users": {"records": 1}},
            log_until_ms={"strata.interactions": NOON_MS, "strata.attributes": None},
            after={"users": {"records": 0}},
            erased_ms=NOON_MS,
            letters=2,
            letters_ms=NOON_MS,
        )
        await publishing.erasures.open({key: receipt})
        erased = (await client.get(f"/v1/erasures/{asked['id']}")).json()
    assert pending.json() == asked
    assert (erased["stage"], erased["after"]) == (
        "erased",
        {"users": {"records": 0}, "dead letters": {"letters": 0}},
    )
    assert erased["before"]["dead letters"] == {"letters": 2}
    assert erased["log_until"]["strata.attributes"] is None
    assert "anna" not in json.dumps(erased)


async def test_a_receipt_is_as_far_as_the_version_that_is_least_far(
    publishing: Publishing,
) -> None:
    other = PointErasureStore(MemoryPoints(ERASURE_COLLECTION))
    publishing.versions["b"] = other
    async with publishing.client() as client:
        asked = (await client.delete("/v1/users/anna")).json()
        key = receipt_key(SECRET, "default", asked["id"])
        receipt = Receipt(
            tenant="default",
            subject=pseudonym(SECRET, "default", "anna"),
            partition=0,
            requested_ms=NOON_MS,
            received_ms=NOON_MS,
            before={},
            log_until_ms={},
            after={},
            erased_ms=NOON_MS,
            letters=0,
            letters_ms=NOON_MS,
            rewritten_ms=NOON_MS + 1_000,
        )
        await publishing.erasures.open({key: receipt})
        first = (await client.get(f"/v1/erasures/{asked['id']}")).json()
        later = replace(receipt, erased_ms=NOON_MS + 5_000, rewritten_ms=None)
        await other.open({key: later})
        second = (await client.get(f"/v1/erasures/{asked['id']}")).json()
        await other.reach({key: replace(later, rewritten_ms=NOON_MS + 6_000)})
        third = (await client.get(f"/v1/erasures/{asked['id']}")).json()
    assert (first["stage"], first["versions"], first["erased_at"]) == (
        "pending",
        {"b": "pending"},
        None,
    )
    assert (second["stage"], second["versions"]) == ("erased", {"b": "erased"})
    assert second["erased_at"] == rfc3339(NOON_MS + 5_000)
    assert second["rewritten_at"] is None
    assert (third["stage"], third["rewritten_at"]) == ("complete", rfc3339(NOON_MS + 6_000))


async def test_an_erasure_of_another_tenant_or_of_nobody_is_unknown(
    publishing: Publishing,
) -> None:
    async with publishing.client() as client:
        asked = (await client.delete("/v1/users/anna")).json()
        for erasure_id, tenant in ((asked["id"], "other"), ("f" * 32, "default")):
            headers = {"X-Strata-Tenant": tenant}
            for _ in range(2):
                answer = await client.get(f"/v1/erasures/{erasure_id}", headers=headers)
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/problem+json"


async def test_who_was_erased_and_not_yet_removed_is_unknown(publishing: Publishing) -> None:
    world = publishing.world
    await world.add_user("anna", [like("anna", "moby")], cached=False)
    page = [record async for found in world.users.scan() for record in found]
    from msgspec.structs import replace

    await world.users.write([replace(page[0], vacant=True)])
    async with publishing.client() as client:
        profile = (await client.get("/v1/profiles/anna")).json()
    assert not profile["known"]


@pytest.mark.parametrize("longer", ["export", "mine", "similar"])
async def test_the_wrong_method_for_a_route_about_a_user_erases_nobody(
    publishing: Publishing, longer: str
) -> None:
    async with publishing.client() as client:
        refused = await client.delete(f"/v1/users/anna/{longer}")
        assert refused.status_code == 405
        assert refused.headers["allow"] == "GET"
        assert publishing.log.records == []
        # Who has such an id is named by it percent-encoded.
        taken = await client.delete(f"/v1/users/anna%2F{longer}")
    assert taken.status_code == 202
    (record,) = publishing.log.records
    event = decode(record.value, received_ms=NOON_MS)
    assert isinstance(event, Erasure)
    assert event.user_id == f"anna/{longer}"
