"""Profiles over HTTP, from the cache and from the store."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lookup_world import NOON_MS, SEA, WRITTEN_MS, World, client_of, like
from msgspec.structs import replace
from structlog.testing import capture_logs

from lookup.errors import InvalidName
from lookup.options import LookupOptions, require_name
from profiles.personas import Persona
from profiles.ports import StoreUnavailable
from schemas import decoded as events
from schemas.instants import rfc3339
from schemas.views import Layer, Problem, ProfilesView, ProfileView

pytestmark = pytest.mark.anyio


async def profile_of(client: httpx.AsyncClient, path: str) -> ProfileView:
    answer = await client.get(f"/v1/profiles/{path}")
    assert answer.status_code == 200, answer.text
    return ProfileView.model_validate_json(answer.content)


async def test_a_known_user_is_shown_with_evidence_persona_and_interests(
    client: httpx.AsyncClient,
) -> None:
    view = await profile_of(client, "ishmael")
    assert (view.known, view.version, view.level) == (True, 1, Layer.PERSONA)
    assert [interest.item_id for interest in view.interests] == ["typee", "moby"]
    assert (view.interests[0].title, view.interests[0].action) == ("Typee", "like")
    assert view.interests[0].at == rfc3339(NOON_MS + 1000)
    assert [dislike.item_id for dislike in view.dislikes] == ["lupin"]
    assert view.dislikes[0].worth < 0
    assert view.totals == {"attributes": {"state": 1}, "interactions": {"dislike": 1, "like": 2}}
    assert view.evidence.events == 4
    assert 2.9 < view.evidence.effective_sample_size <= 3.0
    assert view.attributes == {"country": "NL", "age": 30}
    assert view.persona is not None
    assert (view.persona.id, view.persona.size) == ("p1", 40)
    assert [label.text for label in view.persona.labels] == ["sea", "whales"]
    assert view.persona_absent is None
    assert [item.item_id for item in view.popular] == ["moby", "omoo", "typee"]
    assert view.as_of == rfc3339(WRITTEN_MS)
    assert (view.waiting, view.stale, view.stale_because) == (False, False, ())


async def test_the_store_answers_as_the_cache_does(world: World) -> None:
    lookup = world.lookup()
    cached = await lookup.profile("default", "ishmael")
    world.cache.down = True
    stored = await lookup.profile("default", "ishmael")
    assert stored == cached.model_copy(update={"as_of": None})


async def test_the_store_answers_as_the_cache_does_after_all_kinds_of_events(
    world: World,
) -> None:
    def acted(item_id: str, action: str, value: float | None, minute: int) -> events.Interaction:
        at_ms = NOON_MS + 60_000 * minute
        return events.Interaction(
            "default", f"e{minute}", at_ms, "busy", item_id, action, value, None
        )

    await world.add_user(
        "busy",
        [
            acted("moby", "view", None, 0),
            acted("moby", "rate", 5.0, 1),
            acted("moby", "rate", 1.0, 2),
            acted("odes", "rate", 3.0, 3),
            acted("rumoured", "buy", None, 4),
            acted("lupin", "haunt", None, 5),
            events.Preference(
                "default",
                "p",
                NOON_MS + 30_000,
                "busy",
                events.Choice(item_id="holmes"),
                events.Choice(text="a sonnet"),
            ),
        ],
        persona="p1",
    )
    lookup = world.lookup()
    cached = await lookup.profile("default", "busy")
    world.cache.down = True
    assert await lookup.profile("default", "busy") == cached.model_copy(update={"as_of": None})
    shown = {
        (view.item_id, view.action, view.data_type) for view in cached.interests + cached.dislikes
    }
    assert shown == {
        ("rumoured", "buy", "interactions"),
        ("holmes", "choose", "preferences"),
        ("lupin", "haunt", "interactions"),
        ("moby", "rate", "interactions"),
    }
    assert cached.waiting


async def test_an_unknown_user_is_answered_from_everybody_and_told_so(
    client: httpx.AsyncClient,
) -> None:
    view = await profile_of(client, "nobody")
    assert (view.known, view.level, view.version) == (False, Layer.GLOBAL, 0)
    assert view.weights.global_ == 1.0
    assert view.persona is None
    assert view.persona_absent is not None
    assert view.persona_absent.code == "unknown-user"
    assert view.popular[0].item_id == "lupin"
    assert view.as_of == rfc3339(NOON_MS)
    assert not view.stale


async def test_a_stub_that_no_event_has_touched_is_unknown(world: World) -> None:
    from profiles.ports import Token

    await world.users.claim([("default", "stub")], partition=0, token=Token(1))
    assert not (await world.lookup().profile("default", "stub")).known


async def test_a_user_whose_items_are_not_described_waits_and_rests_on_everybody(
    world: World,
) -> None:
    await world.add_user("waiting", [like("waiting", "rumoured")])
    view = await world.lookup().profile("default", "waiting")
    assert (view.known, view.waiting, view.level) == (True, True, Layer.GLOBAL)
    assert view.persona_absent is not None
    assert view.persona_absent.code == "no-direction"
    assert (view.interests[0].item_id, view.interests[0].title) == ("rumoured", None)
    assert view.evidence.effective_sample_size == 0.0


async def test_a_member_of_a_small_persona_does_not_learn_of_it(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/profiles/edgar")
    view = ProfileView.model_validate_json(answer.content)
    assert view.persona is None
    assert view.persona_absent is not None
    assert view.persona_absent.code == "hidden"
    assert view.weights.persona == 0.0
    assert view.level is Layer.GLOBAL
    assert "p2" not in answer.text
    assert view.popular[0].item_id == "lupin"
    assert [item.item_id for item in view.popular] != ["lupin", "holmes"]


async def test_how_small_a_persona_may_be_is_an_option(world: World) -> None:
    view = await world.lookup(LookupOptions(minimum_size=3)).profile("default", "edgar")
    assert view.persona is not None
    assert view.persona.id == "p2"


async def test_a_persona_that_is_no_longer_published_is_not_named(world: World) -> None:
    await world.publish_personas(Persona("p7", 50), version=2)
    view = await world.lookup().profile("default", "ishmael")
    assert view.persona is None
    assert view.persona_absent is not None
    assert view.persona_absent.code == "unpublished"


async def test_a_persona_without_statistics_has_no_weight(world: World) -> None:
    await world.add_user("queequeg", [like("queequeg", "moby")], persona="p3")
    view = await world.lookup().profile("default", "queequeg")
    assert view.persona is not None
    assert view.weights.persona == 0.0
    assert view.stale_because == ("no statistics have been published yet",)


async def test_statistics_under_rebuild_make_answers_stale(world: World) -> None:
    await world.publish_statistics({"moby": 1.0}, stale=True)
    view = await world.lookup().profile("default", "nobody")
    assert view.stale
    assert view.stale_because == ("the statistics are being rebuilt",)


async def test_an_empty_system_answers_with_what_it_does_not_know(
    empty_client: httpx.AsyncClient,
) -> None:
    view = await profile_of(empty_client, "anyone")
    assert not view.known
    assert view.popular == ()
    assert view.as_of is None
    assert view.stale_because == ("no statistics have been published yet",)


async def test_a_cached_profile_takes_one_request_to_redis(world: World) -> None:
    lookup = world.lookup()
    await lookup.profile("default", "ishmael")
    world.cache.requests = world.aggregates.requests = 0
    world.user_points.down = world.item_points.down = world.persona_points.down = True
    view = await lookup.profile("default", "ishmael")
    assert (world.cache.requests, world.aggregates.requests) == (1, 0)
    assert not view.stale


async def test_a_batch_keeps_the_order_and_takes_one_request_to_the_cache(
    world: World, client: httpx.AsyncClient
) -> None:
    world.cache.requests = 0
    answer = await client.post(
        "/v1/profiles:batchGet", json={"user_ids": ["nobody", "edgar", "ishmael", "edgar"]}
    )
    views = ProfilesView.model_validate_json(answer.content).profiles
    assert [view.user_id for view in views] == ["nobody", "edgar", "ishmael", "edgar"]
    assert [view.known for view in views] == [False, True, True, True]
    assert world.cache.requests == 1


async def test_older_layers_are_served_on_when_their_stores_stop(world: World) -> None:
    lookup = world.lookup()
    before = await lookup.profile("default", "ishmael")
    world.aggregates.down = world.persona_points.down = True
    world.clock.now_s += 60.0
    after = await lookup.profile("default", "ishmael")
    assert after.persona == before.persona
    assert after.popular == before.popular
    assert after.stale_because == (
        "the personas could not be read just now",
        "the statistics could not be read just now",
    )


async def test_published_layers_are_read_again_when_they_are_old(world: World) -> None:
    lookup = world.lookup()
    await lookup.profile("default", "nobody")
    await world.publish_statistics({"odes": 1.0})
    assert (await lookup.profile("default", "nobody")).popular[0].item_id == "lupin"
    world.clock.now_s += 1.0
    assert (await lookup.profile("default", "nobody")).popular[0].item_id == "odes"


async def test_a_profile_in_a_format_of_another_version_is_computed_from_the_store(
    world: World,
) -> None:
    from profiles.ids import user_key

    key = user_key("default", "ishmael")
    await world.cache.put([(key, 99, b"\xff other format")])
    with capture_logs() as logs:
        view = await world.lookup().profile("default", "ishmael")
    assert (view.version, view.as_of) == (1, None)
    (line,) = logs
    assert line["event"] == "a cached profile has another format"
    assert key.hex() not in str(line)


async def test_without_cache_and_store_nothing_can_be_said(
    world: World, client: httpx.AsyncClient
) -> None:
    world.cache.down = world.user_points.down = True
    answer = await client.get("/v1/profiles/ishmael")
    problem = Problem.model_validate_json(answer.content)
    assert answer.status_code == problem.status == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert problem.type == "urn:strata:problem:store-unavailable"
    assert "internal" not in answer.text


async def test_tenants_do_not_see_each_other(world: World, client: httpx.AsyncClient) -> None:
    await world.add_item("moby", SEA, tenant="läden")
    await world.publish_statistics({"moby": 3.0}, tenant="läden")
    answer = await client.get(
        "/v1/profiles/ishmael", headers=[(b"X-Strata-Tenant", "läden".encode())]
    )
    view = ProfileView.model_validate_json(answer.content)
    assert (view.tenant, view.known) == ("läden", False)
    assert [item.item_id for item in view.popular] == ["moby"]


@pytest.mark.parametrize(
    ("path", "user_id"),
    [
        ("a%2Fb", "a/b"),
        ("a/b", "a/b"),
        ("ann%2Fexplanation", "ann/explanation"),
        ("%252F", "%2F"),
        ("a%3Fb%23c", "a?b#c"),
        ("%E2%82%AC%20%F0%9F%90%B3", "€ 🐳"),
        ("a%00b", "a\x00b"),
        ("a+b:c@d;e=f", "a+b:c@d;e=f"),
        ("%20", " "),
        ("..%2F..", "../.."),
        ("x" * 512, "x" * 512),
    ],
)
async def test_any_id_an_event_may_carry_can_be_asked_for(
    world: World, client: httpx.AsyncClient, path: str, user_id: str
) -> None:
    await world.add_user(user_id, [like(user_id, "moby")], persona="p1")
    view = await profile_of(client, path)
    assert (view.user_id, view.known) == (user_id, True)


@pytest.mark.parametrize("path", ["", "x" * 513, "%E2%82%AC" * 171, "%FF"])
async def test_ids_that_no_event_may_carry_are_refused(
    client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.get(f"/v1/profiles/{path}")
    problem = Problem.model_validate_json(answer.content)
    assert answer.status_code == problem.status == 422
    assert problem.type == "urn:strata:problem:invalid-request"
    assert problem.fields[0].where.endswith("user_id")


@given(st.text(st.characters(categories=["Cs"]), min_size=1, max_size=3))
def test_ids_that_utf8_cannot_spell_are_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        require_name("user_id", text)


async def test_readiness_names_the_store_that_is_down(
    world: World, client: httpx.AsyncClient
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    world.persona_points.down = True
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    stores = answer.json()["stores"]
    assert [name for name, store in stores.items() if not store["ready"]] == ["personas"]
    assert (await client.get("/livez")).json() == {"live": True}


async def test_looking_up_writes_nothing(world: World) -> None:
    before = {
        record.key: replace(record, vector=record.vector.copy())
        async for page in world.users.scan()
        for record in page
    }
    world.cache.down = True
    lookup = world.lookup()
    await lookup.profile("default", "ishmael")
    await lookup.rank("default", "newcomer")
    after = {record.key: record async for page in world.users.scan() for record in page}
    assert after.keys() == before.keys()
    world.cache.down = False
    async with client_of(lookup) as client:
        assert (await client.get("/v1/profiles/newcomer")).json()["known"] is False


async def test_a_store_that_was_never_reached_is_an_error_not_an_empty_answer(
    world: World,
) -> None:
    world.aggregates.down = True
    with pytest.raises(StoreUnavailable):
        await world.lookup().personas("default")
    with pytest.raises(StoreUnavailable):
        await world.lookup().statistics("default")
