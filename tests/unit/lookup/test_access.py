"""No request gets past the guard that has no key for it, and each speaks for its key's tenant."""

import logging
from base64 import b64encode
from datetime import UTC, datetime
from urllib.parse import quote

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from ingest_world import RATED, Publishing
from keyed_world import EVERYTHING, Keyed, bearer
from lookup_world import World, like

from lookup.access import LoopbackAccess
from lookup.scopes import PUBLIC_PATHS, Scope, scope_of
from schemas.fast import Rejection, decode
from schemas.views import Problem

pytestmark = pytest.mark.anyio

SCOPE_OF_ROUTE = {
    ("GET", "/v1/profiles/{user_id}"): "read",
    ("POST", "/v1/profiles:batchGet"): "read",
    ("GET", "/v1/profiles/{user_id}/explanation"): "read",
    ("POST", "/v1/rank"): "read",
    ("POST", "/v1/score"): "read",
    ("POST", "/v1/retrieve"): "read",
    ("POST", "/v1/context"): "read",
    ("GET", "/v1/personas"): "read",
    ("GET", "/v1/personas/{persona_id}"): "read",
    ("GET", "/v1/statistics"): "read",
    ("GET", "/v1/items/{item_id}/similar"): "read",
    ("GET", "/v1/users/{user_id}/similar"): "read",
    ("GET", "/v1/users/{user_id}/export"): "read",
    ("GET", "/v1/users/{user_id}/mine"): "read",
    ("POST", "/v1/events"): "publish",
    ("DELETE", "/v1/users/{user_id}"): "erase",
    ("GET", "/v1/erasures/{erasure_id}"): "erase",
    ("GET", "/livez"): None,
    ("GET", "/readyz"): None,
    ("GET", "/metrics"): "admin",
}


@pytest.fixture
def keyed(empty_world: World) -> Keyed:
    return Keyed(Publishing(empty_world))


def problem_of(answer: httpx.Response, status: int, kind: str) -> Problem:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(answer.content)
    assert problem.type == f"urn:strata:problem:{kind}"
    return problem


async def test_every_route_takes_the_scope_that_is_written_here(keyed: Keyed) -> None:
    document = keyed.app().openapi()
    for path, operations in document["paths"].items():
        for method in operations:
            assert scope_of(method.upper(), path) == SCOPE_OF_ROUTE[method.upper(), path]


@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    st.one_of(
        st.text(max_size=20).map(lambda text: "/" + text),
        st.sampled_from(sorted(PUBLIC_PATHS)).flatmap(
            lambda path: st.sampled_from([path + "/", "/" + path, path.upper(), path + "/../x"])
        ),
    ),
)
def test_what_is_not_listed_is_for_operators(method: str, path: str) -> None:
    assert scope_of(method, path) == (None if path in PUBLIC_PATHS else Scope.ADMIN)


async def test_every_route_is_refused_without_its_scope(keyed: Keyed) -> None:
    document = keyed.app().openapi()
    for path, operations in document["paths"].items():
        for method in operations:
            needed = SCOPE_OF_ROUTE[method.upper(), path]
            if needed is None:
                continue
            async with keyed.client() as client:
                answer = await client.request(method, path)
                problem_of(answer, 401, "key-missing")
                schemes = answer.headers["www-authenticate"].split(", ")
                assert 'Bearer realm="strata"' in schemes
                # Chromium asks people for a password only where Basic comes first.
                assert (schemes[0] == 'Basic realm="strata"') is not path.startswith("/v1/")
            others = [scope for scope in Scope if scope != needed]
            async with keyed.client(keyed.key("default", others)) as client:
                problem_of(await client.request(method, path), 403, "scope-missing")
            async with keyed.client(keyed.key("default", [Scope(needed)])) as client:
                assert (await client.request(method, path)).status_code not in {401, 403}


async def test_probes_need_no_key(keyed: Keyed) -> None:
    async with keyed.client() as client:
        for path in sorted(PUBLIC_PATHS):
            assert (await client.get(path)).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    ["", "Bearer", "Bearer ", "Bearer strata_x", "Basic !!", "Basic", "Digest {key}", "{key}"],
)
async def test_whatever_is_no_key_is_refused_alike(keyed: Keyed, authorization: str) -> None:
    sent = authorization.format(key=keyed.key("default"))
    async with keyed.client() as client:
        answer = await client.get("/v1/personas", headers={"Authorization": sent})
    problem_of(answer, 401, "key-missing")


async def test_a_forged_secret_under_a_known_id_is_refused(keyed: Keyed) -> None:
    key, other = keyed.key("default"), keyed.key("default")
    forged = key[: len("strata_") + 17] + other[len("strata_") + 17 :]
    async with keyed.client(forged) as client:
        problem_of(await client.get("/v1/personas"), 401, "key-missing")
    async with keyed.client(key) as client:
        assert (await client.get("/v1/personas")).status_code == 200


async def test_a_browser_may_show_the_key_as_a_password(keyed: Keyed) -> None:
    key = keyed.key("default")
    password = b64encode(f"me:{key}".encode()).decode()
    async with keyed.client() as client:
        asked = await client.get("/metrics")
        assert "Basic" in problem_of_header(asked)
        answer = await client.get("/metrics", headers={"Authorization": f"Basic {password}"})
    assert answer.status_code == 200


def problem_of_header(answer: httpx.Response) -> str:
    return answer.headers["www-authenticate"]


async def test_an_expired_key_is_as_unknown_as_any(keyed: Keyed) -> None:
    key = keyed.key("default", expires_at=datetime(2025, 2, 1, tzinfo=UTC))
    async with keyed.client(key) as client:
        problem_of(await client.get("/v1/personas"), 401, "key-missing")


@pytest.mark.parametrize("tenant", ["shop", "ßhop", "a:b", "{x}*", "nul\x00", "t" * 512])
async def test_the_tenant_is_the_keys(keyed: Keyed, tenant: str) -> None:
    await keyed.publishing.world.add_user("anna", [like("anna", "emma")], tenant=tenant)
    async with keyed.client(keyed.key(tenant)) as client:
        view = (await client.get("/v1/profiles/anna")).json()
        assert (view["tenant"], view["known"]) == (tenant, True)
        published = await client.post("/v1/events", json=[RATED, RATED | {"tenant": tenant}])
        assert published.status_code == 202, published.text
    async with keyed.client(keyed.key("default")) as client:
        assert (await client.get("/v1/profiles/anna")).json()["known"] is False
    for record in keyed.publishing.log.records:
        event = decode(record.value, received_ms=2**45)
        assert not isinstance(event, Rejection)
        assert event.tenant == tenant


@pytest.mark.parametrize("other", ["default", "shop2", "sho", "", "SHOP", "shop "])
async def test_a_request_that_names_another_tenant_is_refused(keyed: Keyed, other: str) -> None:
    async with keyed.client(keyed.key("shop")) as client:
        by_header = [("X-Strata-Tenant", "shop"), ("X-Strata-Tenant", f"{other}.")]
        answer = await client.get("/v1/personas", headers=by_header)
        assert problem_of(answer, 403, "other-tenant").fields[0].where == "header.X-Strata-Tenant"
        for query in (f"tenant={quote(other)}", f"tenant=shop&tenant={quote(other)}"):
            answer = await client.get(f"/v1/personas?{query}")
            assert problem_of(answer, 403, "other-tenant").fields[0].where == "query.tenant"
        if other:
            answer = await client.post("/v1/events", json=[RATED, RATED | {"tenant": other}])
            assert problem_of(answer, 403, "other-tenant").fields[0].where == "body.1.tenant"
        assert (await client.post("/v1/rank", json={"user_id": "a", "tenant": other})).is_error
        same = await client.get(
            "/v1/personas", params={"tenant": "shop"}, headers={"X-Strata-Tenant": "shop"}
        )
        assert same.status_code == 200
    assert keyed.publishing.log.records == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events/",
        "//v1/events",
        "/v1/../metrics",
        "/v1/..%2fmetrics",
        "/v1/%2e%2e/metrics",
        "/livez/../metrics",
        "/livez%2f..%2fmetrics",
        "/livez;/metrics",
        "/livez%00/metrics",
        "/metrics%00",
        "/METRICS",
        "/./metrics",
        "/v1/personas/../../metrics",
    ],
)
async def test_no_spelling_of_a_path_gets_around_the_guard(keyed: Keyed, path: str) -> None:
    async with keyed.client(keyed.key("default", [Scope.READ])) as client:
        target = httpx.URL("http://strata.test/").copy_with(raw_path=path.encode())
        answer = await client.get(target)
        assert "strata_http_requests_total" not in answer.text
        assert answer.status_code in {200, 403, 404}
        if answer.status_code == 200:
            assert path.startswith("/v1/personas/")
    async with keyed.client() as client:
        assert (await client.get(target)).status_code == 401


async def test_no_key_is_ever_logged(keyed: Keyed, caplog: pytest.LogCaptureFixture) -> None:
    key, forged = keyed.key("default", [Scope.READ]), keyed.key("x")[:-1] + "_"
    caplog.set_level(logging.DEBUG)
    keyed.publishing.world.user_points.down = keyed.publishing.world.cache.down = True
    with structlog.testing.capture_logs() as logged:
        for shown in (key, forged):
            async with keyed.client(shown) as client:
                answers = [
                    await client.get("/v1/profiles/anna"),
                    await client.get("/metrics"),
                    await client.post("/v1/rank", content=b"{"),
                ]
                assert all(answer.is_error for answer in answers)
                told = "".join(answer.text for answer in answers)
                assert shown[24:] not in told + str(logged) + caplog.text
    assert logged, "there was something to log"


async def test_a_key_has_its_own_rate(keyed: Keyed) -> None:
    slow = keyed.key("default", burst=3, requests_per_s=0.25)
    quick = keyed.key("default")
    async with keyed.client(slow) as client:
        answers = [await client.get("/v1/personas") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        problem_of(answers[-1], 429, "too-many-requests")
        assert answers[-1].headers["retry-after"] == "4"
        assert (await client.get("/livez")).status_code == 200
        assert (await client.get("/v1/personas", headers=bearer(quick))).status_code == 200


async def test_a_key_has_its_own_size_of_body(keyed: Keyed) -> None:
    async with keyed.client(keyed.key("default", max_body_bytes=100)) as client:
        small = await client.post("/v1/rank", json={"user_id": "x" * 10})
        large = await client.post("/v1/rank", json={"user_id": "x" * 100})
    assert (small.status_code, large.status_code) == (200, 413)


@pytest.mark.parametrize("value", ["%ff", "%C3%9F", "ß", "%00", "%"])
async def test_a_query_in_any_bytes_is_no_bug(keyed: Keyed, value: str) -> None:
    async with keyed.client(keyed.key("default")) as client:
        assert (await client.get(f"/v1/personas?x={value}")).status_code == 200
        answer = await client.get(f"/v1/personas?tenant={value}")
        assert problem_of(answer, 403, "other-tenant").fields[0].where == "query.tenant"


async def test_the_guard_counts_and_identifies_what_it_refuses(keyed: Keyed) -> None:
    async with keyed.client() as client:
        answer = await client.get("/v1/personas", headers={"X-Request-ID": "r1"})
        assert problem_of(answer, 401, "key-missing").request_id == "r1"
        metrics = await client.get("/metrics", headers=bearer(keyed.key("x", EVERYTHING)))
    assert 'route="unmatched",status="401"' in metrics.text


async def test_without_keys_only_names_of_this_machine_are_answered(empty_world: World) -> None:
    transport = httpx.ASGITransport(Publishing(empty_world).app(access=LoopbackAccess()))
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        for host in ("127.0.0.1", "127.0.0.1:8700", "localhost", "LOCALHOST:1", "[::1]:8700"):
            assert (await client.get("/livez", headers={"Host": host})).status_code == 200, host
        for host in ("evil.example", "127.0.0.1.evil.example", "localhost.evil:8700", "[::1", ""):
            answer = await client.get("/v1/personas", headers={"Host": host})
            problem_of(answer, 421, "misdirected-request")
