"""The short way of a profile answers as the route does, and leaves to it what is not plain."""

import json

import httpx
import pytest
from lookup_world import NOON_MS, World, client_of, like

from lookup.service import create_app
from schemas.views import ProfilesView, ProfileView

pytestmark = pytest.mark.anyio

# A question that is not plain, though it asks for nothing else.
BY_THE_ROUTE = "?by=route"


async def both(
    client: httpx.AsyncClient, path: str, headers: list[tuple[bytes, bytes]]
) -> tuple[httpx.Response, httpx.Response]:
    return (
        await client.get(path, headers=headers),
        await client.get(path + BY_THE_ROUTE, headers=headers),
    )


def told(answer: httpx.Response) -> tuple[int, object, dict[str, str]]:
    body = json.loads(answer.content) if answer.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    # Of the route's answers the long ones may come packed, of which its `Vary` tells.
    own = {"x-request-id", "vary", "content-length"}
    return (
        answer.status_code,
        body,
        {name: value for name, value in answer.headers.items() if name not in own},
    )


@pytest.mark.parametrize(
    "path",
    [
        *("ishmael", "edgar", "nobody", "a%2Fb", "a%3Fb", "a%23", "%25", "a+b", "ü", "a b"),
        *("%FF", "%ff%fe", "%", "%zz", "", "x" * 512, "x" * 513, "%00", "a/b", "ann/explanation"),
        *("%F0%9F%90%B3", "..", ".", "*", "profiles:batchGet", "{user_id}"),
    ],
)
@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"X-Strata-Tenant", b"other")],
        [(b"X-Strata-Tenant", "käse".encode())],
        [(b"X-Strata-Tenant", b"\xff")],
        [(b"X-Strata-Tenant", b"")],
        [(b"X-Strata-Tenant", b"t" * 513)],
        [(b"X-Strata-Tenant", b"default"), (b"X-Strata-Tenant", b"other")],
        [(b"If-None-Match", b"*")],
        [(b"If-None-Match", b'"x"'), (b"If-None-Match", b"*")],
    ],
)
async def test_both_ways_say_the_same(
    client: httpx.AsyncClient, path: str, headers: list[tuple[bytes, bytes]]
) -> None:
    short, long = await both(client, f"/v1/profiles/{path}", headers)
    assert told(short) == told(long)


async def test_both_ways_say_the_same_when_stores_fail(world: World) -> None:
    async with client_of(world.lookup()) as client:
        world.cache.down = True
        for _ in range(2):
            for user in ("ishmael", "nobody"):
                short, long = await both(client, f"/v1/profiles/{user}", [])
                assert told(short) == told(long)
            world.user_points.down = True
        short, long = await both(client, "/v1/profiles/ishmael", [])
    assert (short.status_code, short.headers["retry-after"]) == (503, "1")
    assert told(short) == told(long)


async def test_other_methods_are_not_answered(client: httpx.AsyncClient) -> None:
    for method in ("HEAD", "POST", "PUT", "DELETE"):
        assert (await client.request(method, "/v1/profiles/ishmael")).status_code == 405


async def test_a_position_that_is_asked_for_is_not_passed_over(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/profiles/ishmael", params={"at_least": "x"})
    assert answer.status_code == 501


async def test_an_answer_has_the_fields_of_its_model_in_their_order(world: World) -> None:
    await world.add_user(
        "odd", [like("odd", "moby", at_ms=NOON_MS + n) for n in range(3)], persona="p1"
    )
    async with client_of(world.lookup()) as client:
        for user in ("ishmael", "edgar", "odd", "nobody"):
            body = (await client.get(f"/v1/profiles/{user}")).content
            modelled = ProfileView.model_validate_json(body).model_dump_json()
            assert json.dumps(json.loads(body)) == json.dumps(json.loads(modelled))
        several = await client.post(
            "/v1/profiles:batchGet", json={"user_ids": ["odd", "nobody", "odd", "ishmael"]}
        )
    modelled = ProfilesView.model_validate_json(several.content).model_dump_json()
    assert json.dumps(json.loads(several.content)) == json.dumps(json.loads(modelled))


async def test_requests_of_both_ways_count_as_one_route(world: World) -> None:
    transport = httpx.ASGITransport(create_app(world.lookup()))
    async with httpx.AsyncClient(transport=transport, base_url="http://strata.test") as client:
        await both(client, "/v1/profiles/ishmael", [])
        metrics = (await client.get("/metrics")).text
    labels = 'method="GET",route="/v1/profiles/{user_id:path}",status="200"'
    assert f"strata_http_requests_total{{{labels}}} 2.0" in metrics
