"""Publishing over HTTP into a real Kafka, and reading what was just written."""

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from running_stack import Strata

from schemas.positions import decode_token

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def running(strata: Strata) -> dict[str, Any]:
    directory = Path(strata.environment["STRATA_DATA_DIR"])
    found: dict[str, Any] = json.loads((directory / "running.json").read_text())
    return found


@pytest.fixture
def service(standing: Strata) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=running(standing)["http_url"], timeout=30.0) as client:
        yield client


def rated(user_id: str, number: int, **more: object) -> dict[str, object]:
    return {
        "event_id": f"{user_id}/{number}",
        "type": "interaction",
        "occurred_at": 1_700_000_000 + number,
        "user_id": user_id,
        "item_id": f"book-{number}",
        "action": "rate",
        "value": 5,
        **more,
    }


def published(service: httpx.Client, body: object, **headers: str) -> str:
    answer = service.post("/v1/events", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    token: str = answer.json()["token"]
    return token


def events_of(service: httpx.Client, user_id: str, token: str) -> int:
    """How many events an answer knows that has to know the token's."""
    for _ in range(30):
        answer = service.get(f"/v1/profiles/{user_id}", params={"at_least": token})
        if answer.status_code == 200:
            count: int = answer.json()["evidence"]["events"]
            return count
        assert answer.status_code == 503, answer.text
        assert answer.json()["type"] == "urn:strata:problem:not-yet"
        time.sleep(float(answer.headers["retry-after"]))
    raise AssertionError(f"{token} was not reached within half a minute")


def test_each_write_is_known_to_the_read_that_follows_it(service: httpx.Client) -> None:
    for number in range(1, 21):
        token = published(service, rated("reader", number))
        assert events_of(service, "reader", token) == number


def test_a_batch_for_many_users_is_known_as_a_whole(service: httpx.Client) -> None:
    users = [f"many-{number}" for number in range(60)]
    token = published(service, [rated(user, number) for user in users for number in range(3)])
    assert events_of(service, users[0], token) == 3
    answer = service.post(
        "/v1/profiles:batchGet", params={"at_least": token}, json={"user_ids": users}
    )
    assert answer.status_code == 200, answer.text
    assert {view["evidence"]["events"] for view in answer.json()["profiles"]} == {3}


def test_a_token_of_anothers_events_is_not_waited_for_in_vain(service: httpx.Client) -> None:
    token = published(service, rated("somebody", 1))
    assert events_of(service, "nobody-ever", token) == 0


def test_what_is_accepted_lies_in_kafka_at_the_tokens_place(
    service: httpx.Client, standing: Strata
) -> None:
    token = published(service, rated("kept", 1))
    ((place, offset),) = decode_token(token).items()

    async def stored() -> tuple[bytes | None, bytes | None]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=running(standing)["kafka_bootstrap"], enable_auto_commit=False
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(*place)])
            consumer.seek(TopicPartition(*place), offset)
            record = await consumer.getone()
            return record.key, record.value
        finally:
            await consumer.stop()

    key, value = asyncio.run(stored())
    assert key == b"kept"
    assert json.loads(value or b"")["event_id"] == "kept/1"


def test_a_key_is_remembered_by_redis_and_sent_once(service: httpx.Client) -> None:
    first = published(service, rated("twice", 1), **{"Idempotency-Key": "order-1"})
    assert published(service, rated("twice", 1), **{"Idempotency-Key": "order-1"}) == first
    refused = service.post(
        "/v1/events", json=rated("twice", 2), headers={"Idempotency-Key": "order-1"}
    )
    assert refused.status_code == 422
    assert events_of(service, "twice", published(service, rated("twice", 3))) == 2


def test_one_bad_event_keeps_its_whole_batch_out(service: httpx.Client) -> None:
    answer = service.post("/v1/events", json=[rated("careful", 1), rated("careful", 2, value="x")])
    assert answer.status_code == 422
    assert [field["where"] for field in answer.json()["fields"]] == ["body.1"]
    assert events_of(service, "careful", published(service, rated("careful", 3))) == 1
