"""What is published of people who did not consent to it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from ingest_world import Publishing
from lookup_world import NOON_MS, World

from profiles.privacy.data_policy import load_data_policy
from schemas import topics
from schemas.decoded import Consent

pytestmark = pytest.mark.anyio

POLICY = load_data_policy('[interactions]\nconsent = "opt-in"\n[documents]\nconsent = "opt-out"')


@dataclass
class Hands:
    now_ms: int = NOON_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def publishing(hands: Hands) -> Publishing:
    world = World()
    for user_id, granted in (("said-yes", True), ("said-no", False)):
        said = Consent("default", f"c {user_id}", NOON_MS, user_id, "interactions", granted=granted)
        letters = Consent("default", f"d {user_id}", NOON_MS, user_id, "documents", granted=granted)
        await world.add_user(user_id, [said, letters])
    return Publishing(world, now_ms=hands, data_policy=POLICY)


@pytest.fixture
async def shop(publishing: Publishing) -> AsyncIterator[httpx.AsyncClient]:
    async with publishing.client() as client:
        yield client


def like(user_id: str) -> dict[str, object]:
    return {
        "event_id": f"like of {user_id}",
        "type": "interaction",
        "occurred_at": NOON_MS / 1000,
        "user_id": user_id,
        "item_id": "moby",
        "action": "like",
    }


def wrote(user_id: str) -> dict[str, object]:
    return like(user_id) | {
        "event_id": f"letter of {user_id}",
        "type": "document",
        "document_id": "d",
        "text": "dear",
    }


def consent(user_id: str, kind: str = "interactions", *, granted: bool = True) -> dict[str, object]:
    return {
        "event_id": f"consent of {user_id} {granted}",
        "type": "consent",
        "occurred_at": NOON_MS / 1000,
        "user_id": user_id,
        "data_type": kind,
        "granted": granted,
    }


async def sent(shop: httpx.AsyncClient, *events: dict[str, object], **headers: str) -> Any:
    answer = await shop.post(
        "/v1/events",
        content=json.dumps(events),
        headers={"Content-Type": "application/json", **headers},
    )
    assert answer.status_code == 202, answer.text
    return answer.json()


async def test_what_nobody_consented_to_is_not_sent_and_named(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    answer = await sent(
        shop,
        like("said-yes"),
        like("said-no"),
        like("stranger"),
        wrote("said-yes"),
        wrote("said-no"),
        wrote("stranger"),
    )
    assert answer["accepted"] == 3
    assert [(one["index"], one["data_type"], one["code"]) for one in answer["refused"]] == [
        (1, "interactions", "consent-missing"),
        (2, "interactions", "consent-missing"),
        (4, "documents", "consent-missing"),
    ]
    kept = [json.loads(record.value)["event_id"] for record in publishing.log.records]
    assert kept == ["like of said-yes", "letter of said-yes", "letter of stranger"]


async def test_a_request_of_which_nothing_is_sent_is_answered(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    headers = {"Idempotency-Key": "once"}
    answer = await sent(shop, like("stranger"), **headers)
    assert (answer["accepted"], len(answer["refused"])) == (0, 1)
    assert publishing.log.records == []
    assert await sent(shop, like("stranger"), **headers) == answer
    # Its token asks a read to wait for nothing.
    await publishing.taken_in()
    read = await shop.get("/v1/profiles/stranger", params={"at_least": answer["token"]})
    assert read.status_code == 200


async def test_a_consent_counts_from_when_it_was_published_here(
    shop: httpx.AsyncClient, hands: Hands
) -> None:
    """What is stored lags behind by the time that a worker takes."""
    assert (await sent(shop, consent("stranger"), like("stranger")))["refused"] == []
    assert (await sent(shop, like("stranger")))["refused"] == []
    hands.now_ms += 601_000
    # By now it would be stored, had it been taken in.
    assert len((await sent(shop, like("stranger")))["refused"]) == 1


async def test_a_withdrawal_ends_what_was_remembered(shop: httpx.AsyncClient) -> None:
    await sent(shop, consent("stranger"))
    await sent(shop, consent("stranger", granted=False))
    assert len((await sent(shop, like("stranger")))["refused"]) == 1


async def test_without_the_store_the_stream_decides_alone(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    publishing.world.user_points.down = True
    assert (await sent(shop, like("stranger")))["accepted"] == 1
    assert [record.topic for record in publishing.log.records] == [topics.INTERACTIONS]
