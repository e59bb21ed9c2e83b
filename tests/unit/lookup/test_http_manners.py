"""What HTTP has taught callers to expect: ids of requests, entity tags, compression, pages."""

import base64
import json
import re

import httpx
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from ingest_world import Publishing
from lookup_world import NOON_MS, World, client_of, like

from lookup.errors import InvalidArgument
from lookup.paging import page_of_personas
from lookup.service import create_app
from profiles.personas import Persona
from schemas.snapshots import released_personas_name
from schemas.views import PersonasView, PersonaView, Problem

pytestmark = pytest.mark.anyio


async def test_an_id_is_given_and_taken_over(client: httpx.AsyncClient) -> None:
    made = [(await client.get("/v1/profiles/ann")).headers["x-request-id"] for _ in range(2)]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in made)
    assert made[0] != made[1]
    answer = await client.get("/v1/profiles/ann", headers={"X-Request-ID": "web/17:a-b_c"})
    assert answer.headers.get_list("x-request-id") == ["web/17:a-b_c"]


@pytest.mark.parametrize("given_id", ["", "x" * 129, "a b", "a\tb", "<script>", "ü"])
async def test_an_id_that_could_harm_a_log_is_replaced(
    client: httpx.AsyncClient, given_id: str
) -> None:
    answer = await client.get("/livez", headers=[(b"X-Request-ID", given_id.encode())])
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


async def test_problems_and_logs_carry_the_id(world: World) -> None:
    world.cache.down = world.user_points.down = True
    with structlog.testing.capture_logs(
        processors=[structlog.contextvars.merge_contextvars]
    ) as logged:
        async with client_of(world.lookup()) as client:
            answer = await client.get("/v1/profiles/x", headers={"X-Request-ID": "r1"})
    assert answer.status_code == 503
    assert Problem.model_validate_json(answer.content).request_id == "r1"
    assert {entry["request_id"] for entry in logged} == {"r1"}


async def test_a_bug_has_an_id_too(world: World) -> None:
    await world.aggregates.put_snapshot(released_personas_name("default"), b"\xc1 broken")
    transport = httpx.ASGITransport(create_app(world.lookup()), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://strata.test") as client:
        answer = await client.get("/v1/personas", headers={"X-Request-ID": "r1"})
    assert answer.status_code == 500
    assert answer.headers.get_list("x-request-id") == ["r1"]
    assert Problem.model_validate_json(answer.content).request_id == "r1"


async def test_an_unchanged_profile_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/v1/profiles/ishmael")
    tag = first.headers["etag"]
    for named in (tag, f'"other", {tag}', tag.removeprefix("W/"), "*"):
        again = await client.get("/v1/profiles/ishmael", headers={"If-None-Match": named})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag
    for named in ('"other"', "", tag[:-2]):
        again = await client.get("/v1/profiles/ishmael", headers={"If-None-Match": named})
        assert (again.status_code, again.content) == (200, first.content)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/personas",
        "/v1/personas?limit=1",
        "/v1/personas/p1",
        "/v1/statistics",
        "/v1/statistics?persona=p1",
    ],
)
async def test_what_is_published_of_groups_is_not_sent_again_until_it_changes(
    world: World, path: str
) -> None:
    async with client_of(world.lookup()) as client:
        first = await client.get(path)
        held = {"If-None-Match": first.headers["etag"]}
        again = await client.get(path, headers=held)
        assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
        await world.publish_personas(Persona("p1", 900), version=2)
        await world.publish_statistics({"odes": 900.0})
        await world.publish_statistics({"odes": 900.0}, scope="p1")
        world.clock.now_s += 60.0
        changed = await client.get(path, headers=held)
        assert changed.status_code == 200
        assert changed.content != first.content


async def test_a_changed_profile_is_sent_with_another_tag(world: World) -> None:
    async with client_of(world.lookup()) as client:
        before = (await client.get("/v1/profiles/edgar")).headers["etag"]
        await world.cache.forget(list(world.cache._views))
        await world.add_user("edgar", [like("edgar", "odes", at_ms=NOON_MS + 1)], persona="p2")
        answer = await client.get("/v1/profiles/edgar", headers={"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.headers["etag"] != before


async def test_users_with_equal_knowledge_have_tags_of_their_own(
    client: httpx.AsyncClient,
) -> None:
    tags = {(await client.get(f"/v1/profiles/nobody{n}")).headers["etag"] for n in range(3)}
    assert len(tags) == 3


async def test_a_profile_may_be_kept_by_its_caller_alone(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/v1/profiles/ishmael")).headers
    assert headers["cache-control"] == "private, no-cache"
    assert "X-Strata-Tenant" in headers["vary"]


async def test_long_answers_are_compressed_for_who_asks(client: httpx.AsyncClient) -> None:
    asked = {"user_ids": ["ishmael"] * 20}
    packed, plain = [
        await client.post("/v1/profiles:batchGet", json=asked, headers={"Accept-Encoding": coding})
        for coding in ("gzip", "identity")
    ]
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    for path in ("/livez", "/v1/profiles/ishmael"):
        short = await client.get(path, headers={"Accept-Encoding": "gzip"})
        assert "content-encoding" not in short.headers


def a_persona(ident: str, size: int) -> PersonaView:
    return PersonaView(
        tenant="default",
        id=ident,
        size=size,
        share=0.1,
        labels=(),
        popular=(),
        stale=False,
        stale_because=(),
    )


def all_of(personas: list[PersonaView]) -> PersonasView:
    personas = sorted(personas, key=lambda persona: (-persona.size, persona.id))
    return PersonasView(
        tenant="default",
        version=1,
        users=9,
        silhouette=None,
        minimum_size=1,
        hidden=0,
        personas=tuple(personas),
        stale=False,
        stale_because=(),
    )


listed = st.dictionaries(st.text(max_size=5), st.integers(1, 6), max_size=30).map(
    lambda sizes: [a_persona(ident, size) for ident, size in sizes.items()]
)


@given(listed, st.integers(1, 7))
def test_the_pages_of_a_list_are_the_list(personas: list[PersonaView], limit: int) -> None:
    whole = all_of(personas)
    seen: list[PersonaView] = []
    cursor = None
    while True:
        page = page_of_personas(whole, limit=limit, cursor=cursor)
        assert len(page.personas) <= limit
        seen.extend(page.personas)
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page.personas) == limit
    assert tuple(seen) == whole.personas


@given(listed, listed, st.integers(1, 7))
def test_what_stays_as_it_is_between_two_pages_comes_once(
    before: list[PersonaView], others: list[PersonaView], limit: int
) -> None:
    known = {persona.id for persona in before}
    after = before[::2] + [persona for persona in others if persona.id not in known]
    first = page_of_personas(all_of(before), limit=limit, cursor=None)
    if first.next_cursor is None:
        return
    rest = page_of_personas(all_of(after), limit=100, cursor=first.next_cursor)
    lasting = [persona for persona in before if persona in after]
    assert len(set(map(id, first.personas)) & set(map(id, rest.personas))) == 0
    seen = {persona.id for persona in (*first.personas, *rest.personas)}
    assert {persona.id for persona in lasting} <= seen


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "ü",
        "A" * 3_000,
        "!!",
        base64.urlsafe_b64encode(json.dumps([2, 1, "p"]).encode()).decode(),
        base64.urlsafe_b64encode(b'["x"]').decode(),
        base64.urlsafe_b64encode(b"[1,1,\xff]").decode(),
    ],
)
def test_what_is_no_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidArgument, match=r"query\.cursor"):
        page_of_personas(all_of([]), limit=1, cursor=cursor)


async def test_personas_come_in_pages(world: World) -> None:
    await world.publish_personas(
        Persona("a", 50), Persona("b", 60), Persona("tiny", 1), Persona("c", 50), version=2
    )
    async with client_of(world.lookup()) as client:
        first = (await client.get("/v1/personas", params={"limit": 2})).json()
        cursor = first["next_cursor"]
        last = (await client.get("/v1/personas", params={"limit": 2, "cursor": cursor})).json()
        whole = (await client.get("/v1/personas")).json()
        assert (await client.get("/v1/personas", params={"cursor": "x"})).status_code == 422
        assert (await client.get("/v1/personas", params={"limit": 0})).status_code == 422
    assert [persona["id"] for persona in first["personas"]] == ["b", "a"]
    assert [persona["id"] for persona in last["personas"]] == ["c"]
    assert last["next_cursor"] is None
    assert whole["personas"] == first["personas"] + last["personas"]
    assert whole["hidden"] == first["hidden"] == 1


async def test_requests_are_counted_by_route_not_by_path(world: World) -> None:
    async with Publishing(world).client() as client:
        for path in ("ann", "ben", "a%2Fb"):
            await client.get(f"/v1/profiles/{path}")
        await client.get("/v1/nothing")
        await client.get("/v1/rank")
        await client.request("BREW", "/livez")
        await client.post("/v1/events", content=b"x" * (5 << 20))
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    counted = dict(
        re.findall(r"^strata_http_requests_total(\{.*\}) ([0-9.]+)$", answer.text, re.MULTILINE)
    )
    by_labels = {
        tuple(re.findall(r'="([^"]*)"', labels)): float(number)
        for labels, number in counted.items()
    }
    assert by_labels["GET", "/v1/profiles/{user_id:path}", "200"] == 3.0
    assert by_labels["GET", "unmatched", "404"] == 1.0
    assert by_labels["GET", "/v1/rank", "405"] == 1.0
    assert by_labels["other", "/livez", "405"] == 1.0
    assert sum(by_labels.values()) == 7.0
    assert "ann" not in answer.text
    for name in ("duration_seconds_bucket", "requests_in_progress"):
        assert f"strata_http_{name}" in answer.text.replace("request_", "")


async def test_each_service_counts_for_itself(world: World) -> None:
    async with client_of(world.lookup()) as one, client_of(world.lookup()) as other:
        await one.get("/livez")
        assert 'route="/livez"' in (await one.get("/metrics")).text
        assert 'route="/livez"' not in (await other.get("/metrics")).text
