"""Publishing over HTTP: what is taken, what is refused and how that is said."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from event_strategies import RECEIVED_MS, Members, dump, events, mutated_events, records
from hypothesis import given, settings
from hypothesis import strategies as st
from ingest_world import PARTITIONS, RATED, Publishing
from lookup_world import NOON_MS, World

from lookup.errors import InvalidEvents, OtherTenant
from lookup.ingest_checking import MOST_EVENTS, EventRecord, records_of
from lookup.ingest_routes import MAX_EVENTS_BYTES
from profiles.ports import StoreUnavailable
from profiles.vocabulary import load_vocabulary
from schemas import topics
from schemas.fast import Rejection, decode
from schemas.keys import event_key, record_key
from schemas.limits import Limits
from schemas.partitions import partition_of
from schemas.positions import decode_token
from schemas.rejection import Reason
from schemas.views import AcceptedView, Problem, ReadinessView
from stores.answers import MemoryAnswerStore

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def publishing(empty_world: World) -> Publishing:
    return Publishing(empty_world)


@pytest.fixture
async def shop(publishing: Publishing) -> AsyncIterator[httpx.AsyncClient]:
    async with publishing.client() as client:
        yield client


def accepted(answer: httpx.Response) -> AcceptedView:
    assert answer.status_code == 202, answer.text
    return AcceptedView.model_validate_json(answer.content)


def problem_of(answer: httpx.Response, status: int, kind: str) -> Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.type.removeprefix("urn:strata:problem:") == kind
    return problem


def test_attributes_outside_the_vocabulary_are_refused_as_workers_would() -> None:
    vocabulary = load_vocabulary('[attribute.country]\nvalues = ["NL"]')

    def asked(country: str) -> list[EventRecord]:
        event = {
            "event_id": "e",
            "type": "attributes",
            "occurred_at": NOON_MS / 1_000,
            "user_id": "anna",
            "attributes": {"country": country},
        }
        return records_of(
            json.dumps([event]).encode(),
            tenant="default",
            now_ms=NOON_MS,
            partitions=PARTITIONS,
            vocabulary=vocabulary,
        )

    assert len(asked("NL")) == 1
    with pytest.raises(InvalidEvents) as refused:
        asked("Narnia")
    (wrong,) = refused.value.wrong
    assert (wrong.where, wrong.code) == ("body.0", Reason.INVALID_FIELD)
    assert wrong.message == "attributes.country is none of the declared values"


async def test_an_event_lies_under_its_users_key_in_its_keys_partition(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    view = accepted(await shop.post("/v1/events", json=RATED))
    (record,) = publishing.log.records
    partition = partition_of(b"anna", PARTITIONS)
    assert (record.topic, record.key, record.partition) == (
        topics.INTERACTIONS,
        b"anna",
        partition,
    )
    assert view.accepted == 1
    assert decode_token(view.token) == {(topics.INTERACTIONS, partition): 0}


async def test_the_token_says_how_far_each_partition_reached(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    batch = [RATED | {"event_id": f"e{n}", "user_id": f"u{n % 5}"} for n in range(40)]
    item = {"event_id": "i", "type": "item", "occurred_at": 1, "item_id": "emma", "text": "t"}
    view = accepted(await shop.post("/v1/events", json=[*batch, item]))
    assert view.accepted == len(publishing.log.records) == 41
    last: dict[tuple[str, int], int] = {}
    for record in publishing.log.records:
        place = (record.topic, record.partition)
        last[place] = last.get(place, -1) + 1
    assert decode_token(view.token) == last


def _records_or_wrong(body: bytes, tenant: str) -> tuple[list[EventRecord], list[tuple[str, str]]]:
    try:
        taken = records_of(body, tenant=tenant, now_ms=RECEIVED_MS, partitions=PARTITIONS)
    except InvalidEvents as refused:
        return [], [(one.where, one.code) for one in refused.wrong]
    return taken, []


@settings(max_examples=200, deadline=None)
@given(st.one_of(events.map(dump), mutated_events().map(dump), records))
def test_what_is_taken_is_what_the_stream_accepts(raw: bytes) -> None:
    verdict = decode(raw, received_ms=RECEIVED_MS)
    tenant = "default" if isinstance(verdict, Rejection) else verdict.tenant
    records = _records_or_wrong(raw, tenant)
    if isinstance(verdict, Rejection):
        assert records[0] == []
        return
    ((record,), _) = records
    assert decode(record.value, received_ms=RECEIVED_MS) == verdict
    assert record.key == event_key(verdict)
    assert record.topic == topics.TOPIC_OF[verdict.type]
    assert record.partition == partition_of(record.key, PARTITIONS)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(events, mutated_events()), min_size=1, max_size=6))
def test_every_event_that_is_none_is_named_by_its_index(batch: list[Members]) -> None:
    tenants = {str(members.get("tenant") or "default") for members in batch}
    tenant = tenants.pop()
    wrong, foreign = [], []
    for index, members in enumerate(batch):
        verdict = decode(dump(members), received_ms=RECEIVED_MS)
        if isinstance(verdict, Rejection):
            wrong.append((f"body.{index}", verdict.reason))
        elif verdict.tenant != tenant and members.get("tenant") is not None:
            foreign.append(f"body.{index}.tenant")
    body = b"[" + b",".join(dump(members) for members in batch) + b"]"
    if foreign:
        with pytest.raises(OtherTenant) as refused:
            records_of(body, tenant=tenant, now_ms=RECEIVED_MS, partitions=PARTITIONS)
        assert refused.value.where == foreign[0]
        return
    taken, found = _records_or_wrong(body, tenant)
    assert found == wrong
    assert len(taken) == (0 if wrong else len(batch))


async def test_one_bad_event_refuses_all_and_is_named(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    batch = [RATED, RATED | {"user_id": ""}, RATED, RATED | {"value": "five"}]
    problem = problem_of(await shop.post("/v1/events", json=batch), 422, "invalid-events")
    assert [(field.where, field.code) for field in problem.fields] == [
        ("body.1", "invalid-id"),
        ("body.3", "wrong-type"),
    ]
    assert publishing.log.records == []


async def test_a_key_that_comes_twice_is_seen_inside_a_batch(shop: httpx.AsyncClient) -> None:
    twice = dump(RATED)[:-1] + b',"user_id":"mallory"}'
    answer = await shop.post("/v1/events", content=b"[" + twice + b"]", headers=JSON)
    problem = problem_of(answer, 422, "invalid-events")
    assert [(field.where, field.code) for field in problem.fields] == [("body.0", "duplicate-key")]


@pytest.mark.parametrize("body", [b"[]", b"[", b"[1", b"\xff", b"", b"[" * 100_000, b"[\xff]"])
async def test_a_body_without_events_is_refused(shop: httpx.AsyncClient, body: bytes) -> None:
    answer = await shop.post("/v1/events", content=body, headers=JSON)
    assert problem_of(answer, 422, "invalid-events").fields[0].where.startswith("body")


async def test_a_batch_has_a_most(shop: httpx.AsyncClient) -> None:
    accepted(await shop.post("/v1/events", json=[RATED] * MOST_EVENTS))
    answer = await shop.post("/v1/events", json=[RATED] * (MOST_EVENTS + 1))
    assert problem_of(answer, 422, "invalid-events").fields[0].code == "too-large"


async def test_a_body_may_be_larger_here_than_elsewhere_but_not_endless(
    shop: httpx.AsyncClient,
) -> None:
    long = [RATED | {"context": {"note": "x" * 500_000}}] * 4
    accepted(await shop.post("/v1/events", json=long))
    answer = await shop.post("/v1/events", content=b"x" * (MAX_EVENTS_BYTES + 1), headers=JSON)
    assert answer.status_code == 413


def test_what_grows_too_large_by_its_canonical_form_is_refused() -> None:
    raw = dump(RATED | {"occurred_at": 1})
    limits = Limits(max_record_bytes=len(raw) + 5)
    with pytest.raises(InvalidEvents) as refused:
        records_of(raw, tenant="default", now_ms=NOON_MS, partitions=1, limits=limits)
    assert refused.value.wrong[0].code == "too-large"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
)
async def test_other_media_and_packed_bodies_are_refused(
    shop: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    answer = await shop.post("/v1/events", content=dump(RATED), headers=headers)
    problem_of(answer, 415, "about:blank")


async def test_an_event_too_far_ahead_is_refused(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/v1/events", json=RATED | {"occurred_at": NOON_MS / 1000 + 90_000})
    problem = problem_of(answer, 422, "invalid-events")
    assert (problem.fields[0].where, problem.fields[0].code) == ("body", "time-out-of-range")


async def test_a_cloud_event_is_unwrapped(shop: httpx.AsyncClient, publishing: Publishing) -> None:
    data = {key: value for key, value in RATED.items() if key not in {"event_id", "type"}}
    event = {
        "specversion": "1.0",
        "id": "e1",
        "type": "strata.interaction.v1",
        "source": "/shop",
        "data": data,
    }
    for kind, body in (("cloudevents", event), ("cloudevents-batch", [event, event])):
        answer = await shop.post(
            "/v1/events",
            content=json.dumps(body),
            headers={"Content-Type": f"application/{kind}+json; charset=utf-8"},
        )
        accepted(answer)
    assert {record.value for record in publishing.log.records} == {publishing.log.records[0].value}
    assert b"specversion" not in publishing.log.records[0].value


async def test_the_tenant_is_the_requests(shop: httpx.AsyncClient, publishing: Publishing) -> None:
    headers = [(b"X-Strata-Tenant", "ßhop".encode())]
    batch = [RATED, RATED | {"tenant": "ßhop"}, RATED | {"tenant": None}]
    accepted(await shop.post("/v1/events", json=batch, headers=headers))
    assert {record.key for record in publishing.log.records} == {record_key("ßhop", "anna")}
    event = decode(publishing.log.records[0].value, received_ms=NOON_MS)
    assert not isinstance(event, Rejection)
    assert event.tenant == "ßhop"


@pytest.mark.parametrize(
    ("header", "body"), [("shop", "other"), ("shop", "default"), ("default", "shop")]
)
async def test_an_event_of_another_tenant_is_refused(
    shop: httpx.AsyncClient, header: str, body: str
) -> None:
    answer = await shop.post(
        "/v1/events", json=RATED | {"tenant": body}, headers={"X-Strata-Tenant": header}
    )
    assert problem_of(answer, 403, "other-tenant").fields[0].where == "body.tenant"


async def test_an_impossible_tenant_is_a_problem(shop: httpx.AsyncClient) -> None:
    answer = await shop.post("/v1/events", json=RATED, headers={"X-Strata-Tenant": "x" * 513})
    problem_of(answer, 422, "invalid-request")


async def test_a_log_that_is_away_is_a_problem_to_be_tried_again(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    publishing.log.down = True
    answer = await shop.post("/v1/events", json=RATED, headers={"Idempotency-Key": "k"})
    problem = problem_of(answer, 503, "events-not-taken")
    assert answer.headers["retry-after"] == "1"
    assert "kafka.internal" not in problem.model_dump_json()
    publishing.log.down = False
    accepted(await shop.post("/v1/events", json=RATED, headers={"Idempotency-Key": "k"}))


async def test_a_repeated_key_is_answered_alike_and_sent_once(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    key = {"Idempotency-Key": "order-17"}
    first = await shop.post("/v1/events", json=RATED, headers=key)
    accepted(await shop.post("/v1/events", json=RATED))
    again = await shop.post("/v1/events", json=RATED, headers=key)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert len(publishing.log.records) == 2


async def test_a_key_with_another_body_is_refused(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    key = {"Idempotency-Key": "order-17"}
    accepted(await shop.post("/v1/events", json=RATED, headers=key))
    answer = await shop.post("/v1/events", json=RATED | {"value": 1}, headers=key)
    problem_of(answer, 422, "idempotency-key-reused")
    assert len(publishing.log.records) == 1


async def test_keys_of_two_tenants_do_not_meet(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    for tenant in ("default", "shop"):
        headers = {"Idempotency-Key": "k", "X-Strata-Tenant": tenant}
        accepted(await shop.post("/v1/events", json=RATED, headers=headers))
    assert len(publishing.log.records) == 2


async def test_a_key_whose_request_is_under_way_is_told_so(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    publishing.log.gate.clear()
    key = {"Idempotency-Key": "k"}
    first = asyncio.create_task(shop.post("/v1/events", json=RATED, headers=key))
    await publishing.log.asked.wait()
    second = await shop.post("/v1/events", json=RATED, headers=key)
    problem_of(second, 409, "idempotency-key-in-use")
    assert second.headers["retry-after"] == "1"
    publishing.log.gate.set()
    accepted(await first)
    accepted(await shop.post("/v1/events", json=RATED, headers=key))
    assert len(publishing.log.records) == 1


async def test_a_refused_request_leaves_its_key_free(
    shop: httpx.AsyncClient, publishing: Publishing
) -> None:
    key = {"Idempotency-Key": "k"}
    problem_of(
        await shop.post("/v1/events", json={"type": "x"}, headers=key), 422, "invalid-events"
    )
    accepted(await shop.post("/v1/events", json=RATED, headers=key))
    assert len(publishing.log.records) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, "a b", "\x7f"])
async def test_an_impossible_key_is_refused(shop: httpx.AsyncClient, key: str) -> None:
    answer = await shop.post("/v1/events", json=RATED, headers={"Idempotency-Key": key})
    assert problem_of(answer, 422, "invalid-request").fields[0].where == "header.Idempotency-Key"


class _ForgetfulAnswers(MemoryAnswerStore):
    """Claims, and then neither keeps nor drops."""

    async def keep(self, name: bytes, body: bytes, *, lasting_s: int) -> None:
        raise StoreUnavailable(f"redis.internal is away: {len(name) + len(body)}, {lasting_s}")

    async def drop(self, name: bytes) -> None:
        raise StoreUnavailable(f"redis.internal is away: {len(name)}")


async def test_what_kafka_holds_is_accepted_also_where_the_answer_is_not_kept(
    empty_world: World,
) -> None:
    publishing = Publishing(empty_world, answers=_ForgetfulAnswers())
    async with publishing.client() as client:
        key = {"Idempotency-Key": "k"}
        accepted(await client.post("/v1/events", json=RATED, headers=key))
        publishing.log.down = True
        other = {"Idempotency-Key": "other"}
        answer = await client.post("/v1/events", json=RATED, headers=other)
        problem_of(answer, 503, "events-not-taken")


async def test_without_a_log_there_is_no_such_route(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/events", json=RATED)).status_code in {404, 405}


async def test_taken_events_are_counted_by_type(shop: httpx.AsyncClient) -> None:
    item = {"event_id": "i", "type": "item", "occurred_at": 1, "item_id": "emma", "text": "t"}
    accepted(await shop.post("/v1/events", json=[RATED, RATED, item]))
    await shop.post("/v1/events", json=[RATED, {}])
    exposed = (await shop.get("/metrics")).text
    assert 'strata_ingested_events_total{type="interaction"} 2.0' in exposed
    assert 'strata_ingested_events_total{type="item"} 1.0' in exposed


async def test_readiness_names_kafka_but_does_not_depend_on_it(publishing: Publishing) -> None:
    async with publishing.client() as client:
        answer = await client.get("/readyz")
        assert answer.json()["stores"]["kafka"] == {"ready": True, "error": None}
        publishing.log.down = True
        answer = await client.get("/readyz")
    assert answer.status_code == 200
    readiness = ReadinessView.model_validate_json(answer.content)
    assert readiness.ready
    assert [name for name, one in readiness.stores.items() if not one.ready] == ["kafka"]
