"""Whatever goes wrong over HTTP is a problem document (RFC 9457)."""

import json

import httpx
import pytest
from lookup_world import World

from lookup.service import create_app
from schemas.snapshots import released_personas_name
from schemas.views import Problem

pytestmark = pytest.mark.anyio


def problem_of(answer: httpx.Response) -> Problem:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.status == answer.status_code
    return problem


async def test_an_unknown_route_is_a_problem(client: httpx.AsyncClient) -> None:
    problem = problem_of(await client.get("/v1/nothing"))
    assert (problem.status, problem.type, problem.title) == (404, "about:blank", "Not Found")
    assert problem.instance == "/v1/nothing"


async def test_a_wrong_method_says_which_is_right(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/rank")
    assert problem_of(answer).status == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"null", b'{"user_ids": []}'])
async def test_a_body_that_is_no_question_is_a_problem(
    client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await client.post(
        "/v1/profiles:batchGet", content=body, headers={"content-type": "application/json"}
    )
    assert problem_of(answer).status in {400, 422}


async def test_deep_nesting_is_a_problem_not_a_crash(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/v1/rank",
        content=b"[" * 200_000,
        headers={"content-type": "application/json"},
    )
    assert problem_of(answer).status in {400, 422}


async def test_a_batch_has_a_most(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/profiles:batchGet", json={"user_ids": ["u"] * 101})
    assert problem_of(answer).fields[0].where == "body.user_ids"


async def test_a_body_past_its_limit_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/rank", json={"user_id": "u" * 2_000_000})
    assert problem_of(answer).status == 413


async def test_text_that_utf8_cannot_spell_is_a_problem_and_is_not_repeated(
    client: httpx.AsyncClient,
) -> None:
    for body in ({"user_id": "\ud800"}, {"user_id": "u", "\ud800": 1}):
        answer = await client.post(
            "/v1/rank",
            content=json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        assert problem_of(answer).status == 422


@pytest.mark.parametrize("tenant", [b"", b"x" * 513, b"\xff"])
async def test_an_impossible_tenant_is_a_problem(client: httpx.AsyncClient, tenant: bytes) -> None:
    answer = await client.get("/v1/personas", headers=[(b"X-Strata-Tenant", tenant)])
    assert problem_of(answer).fields[0].where.endswith("tenant")


async def test_a_bug_is_a_problem_that_tells_nothing(world: World) -> None:
    await world.aggregates.put_snapshot(released_personas_name("default"), b"\xc1 secret")
    transport = httpx.ASGITransport(create_app(world.lookup()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://strata.test") as client:
        problem = problem_of(await client.get("/v1/personas"))
    assert problem.status == 500
    assert "secret" not in problem.model_dump_json()


async def test_the_contract_is_served_and_holds_only_what_is_built(
    client: httpx.AsyncClient,
) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    assert set(paths) == {
        "/v1/profiles/{user_id}",
        "/v1/profiles/{user_id}/explanation",
        "/v1/profiles:batchGet",
        "/v1/rank",
        "/v1/score",
        "/v1/personas",
        "/v1/personas/{persona_id}",
        "/v1/statistics",
        "/v1/items/{item_id}/similar",
        "/v1/users/{user_id}/similar",
        "/livez",
        "/readyz",
        "/metrics",
    }
