"""Why a user stands where they do, and what other half-lives would change."""

import httpx
import pytest
from lookup_world import NOON_MS, SEA, World, client_of, like

from profiles.personas import Persona
from schemas import decoded as events

pytestmark = pytest.mark.anyio
DAY_MS = 86_400_000


async def explained(client: httpx.AsyncClient, user: str, **asked: float) -> dict[str, object]:
    answer = await client.get(f"/v1/profiles/{user}/explanation", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def test_each_event_says_what_it_is_still_worth(client: httpx.AsyncClient) -> None:
    found = await explained(client, "ishmael")
    events_shown = found["events"]
    assert isinstance(events_shown, list)
    assert [(one["item"]["item_id"], one["action"]) for one in events_shown] == [
        ("lupin", "dislike"),
        ("typee", "like"),
        ("moby", "like"),
    ]
    assert events_shown[0]["worth"] == -1.0
    assert 0 < events_shown[2]["decay"] < events_shown[1]["decay"] < 1
    assert sum(one["share"] for one in events_shown) == pytest.approx(1.0)
    mass = sum(abs(one["worth"]) for one in events_shown)
    profile = (await client.get("/v1/profiles/ishmael")).json()
    assert mass == pytest.approx(profile["evidence"]["mass"])
    assert found["weights"] == pytest.approx(profile["weights"])


async def test_an_item_is_near_by_the_events_that_moved_it(client: httpx.AsyncClient) -> None:
    found = await explained(client, "ishmael")
    assert isinstance(found["items"], list)
    nearest = found["items"][0]
    # Neither read already, nor retired, nor never described.
    assert nearest["item_id"] == "omoo"
    assert nearest["score"] == pytest.approx(sum(one["part"] for one in nearest["moved_by"]))
    liked = [one["event"] for one in nearest["moved_by"] if one["part"] > 0]
    assert sorted(liked) == [1, 2]
    names = {one["item_id"] for one in found["items"]}
    assert names.isdisjoint({"moby", "typee", "lupin", "burnt", "rumoured"})


async def test_another_half_life_shows_what_would_be_and_stores_nothing(world: World) -> None:
    await world.add_user(
        "ahab",
        [
            like("ahab", "sonnets", at_ms=NOON_MS - 90 * DAY_MS),
            like("ahab", "odes", at_ms=NOON_MS - 80 * DAY_MS),
            like("ahab", "moby"),
        ],
    )
    async with client_of(world.lookup()) as client:
        before = (await client.get("/v1/profiles/ahab")).content
        short = await explained(client, "ahab", half_life_s=86_400.0)
        long = await explained(client, "ahab", half_life_s=86_400.0 * 3_650, half_rank=1e6)
        assert (await client.get("/v1/profiles/ahab")).content == before
    assert isinstance(short["evidence"], dict)
    assert isinstance(long["evidence"], dict)
    assert short["evidence"]["effective_sample_size"] == pytest.approx(1.0, abs=1e-3)
    assert long["evidence"]["effective_sample_size"] == pytest.approx(3.0, abs=1e-2)
    assert short["policy_half_life_s"] == long["policy_half_life_s"] == 30 * 86_400.0
    assert isinstance(short["weights"], dict)
    assert isinstance(long["weights"], dict)
    assert short["weights"]["user"] < long["weights"]["user"]


async def test_an_unknown_user_is_explained_by_nothing(client: httpx.AsyncClient) -> None:
    found = await explained(client, "nobody")
    assert (found["known"], found["events"], found["items"]) == (False, [], [])
    assert found["persona"] is None


async def test_a_user_whose_id_ends_like_the_route_is_still_found(world: World) -> None:
    await world.add_user("ann/explanation", [like("ann/explanation", "moby")])
    async with client_of(world.lookup()) as client:
        profile = await client.get("/v1/profiles/ann%2Fexplanation")
        assert profile.json()["user_id"] == "ann/explanation"
        why = await client.get("/v1/profiles/ann%2Fexplanation/explanation")
        assert (why.json()["user_id"], len(why.json()["events"])) == ("ann/explanation", 1)


async def test_what_waits_for_its_item_is_told_and_moves_nothing(world: World) -> None:
    happened = [like("queequeg", "rumoured"), like("queequeg", "moby", at_ms=NOON_MS + 1)]
    await world.add_user("queequeg", happened)
    async with client_of(world.lookup()) as client:
        found = await explained(client, "queequeg")
    assert isinstance(found["events"], list)
    assert [(one["counts"], one["share"]) for one in found["events"]] == [(True, 1.0), (False, 0.0)]


async def test_a_text_has_no_name(world: World) -> None:
    chosen = events.Preference(
        "default",
        "c",
        NOON_MS,
        "pip",
        events.Choice("moby", None),
        events.Choice(None, "a text"),
        None,
        1.0,
    )
    await world.add_user("pip", [chosen])
    async with client_of(world.lookup()) as client:
        found = await explained(client, "pip")
    assert isinstance(found["events"], list)
    named = [one["item"] and one["item"]["item_id"] for one in found["events"]]
    assert sorted(named, key=str) == [None, "moby"]


@pytest.mark.parametrize(
    "query", ["half_life_s=0", "half_life_s=nan", "half_rank=-1", "half_life_s=inf", "limit=0"]
)
async def test_half_lives_that_are_none_are_refused(client: httpx.AsyncClient, query: str) -> None:
    answer = await client.get(f"/v1/profiles/ishmael/explanation?{query}")
    assert answer.status_code == 422


async def test_the_nearest_persona_is_of_the_same_space(world: World) -> None:
    await world.publish_personas(Persona("p1", 40), version=2)
    await world.add_item("pequod", SEA)
    async with client_of(world.lookup()) as client:
        assert (await explained(client, "ishmael"))["persona"] == "p1"
