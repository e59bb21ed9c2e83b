"""Personas and statistics over HTTP."""

import httpx
import pytest
from lookup_world import NOON_MS, World, client_of

from schemas.instants import rfc3339
from schemas.snapshots import released_name
from schemas.views import PersonasView, PersonaView, Problem, StatisticsView

pytestmark = pytest.mark.anyio


async def test_personas_are_listed_largest_first_without_the_hidden_one(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/v1/personas")
    view = PersonasView.model_validate_json(answer.content)
    assert [(persona.id, persona.size) for persona in view.personas] == [("p3", 60), ("p1", 40)]
    assert (view.version, view.users, view.hidden, view.minimum_size) == (1, 103, 1, 5)
    assert view.personas[1].share == pytest.approx(40 / 103)
    assert [item.item_id for item in view.personas[1].popular] == ["moby", "omoo", "typee"]
    assert "p2" not in answer.text


async def test_one_persona_shows_labels_and_what_is_popular_in_it(
    client: httpx.AsyncClient,
) -> None:
    view = PersonaView.model_validate_json((await client.get("/v1/personas/p1")).content)
    assert [label.text for label in view.labels] == ["sea", "whales"]
    assert view.popular[0].item_id == "moby"
    assert not view.stale


async def test_a_hidden_persona_looks_like_one_that_does_not_exist(
    client: httpx.AsyncClient,
) -> None:
    for path in ("/v1/personas/{}", "/v1/statistics?persona={}"):
        hidden = await client.get(path.format("p2"), headers={"X-Request-ID": "one"})
        absent = await client.get(path.format("p8"), headers={"X-Request-ID": "one"})
        assert hidden.status_code == absent.status_code == 404
        assert hidden.headers["content-type"] == "application/problem+json"
        assert Problem.model_validate_json(hidden.content).type.endswith("unknown-persona")
        assert hidden.text.replace("p2", "p8") == absent.text


async def test_statistics_of_everybody(client: httpx.AsyncClient) -> None:
    view = StatisticsView.model_validate_json((await client.get("/v1/statistics")).content)
    assert (view.published, view.persona, view.users, view.directed) == (True, None, 12, 10)
    assert view.events == {"documents": {"write": 1}, "interactions": {"like": 7, "a/b": 2}}
    assert [item.item_id for item in view.popular][:2] == ["lupin", "burnt"]
    assert [item.item_id for item in view.trends["1h"]] == ["lupin"]
    assert [(found.value, found.users) for found in view.attributes["country"]] == [
        ("DE", 5),
        ("NL", 3),
        (True, 1),
    ]
    assert view.as_of == rfc3339(NOON_MS)
    assert not view.stale


async def test_statistics_of_a_persona_are_its_own(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/statistics", params={"persona": "p1", "most": 2})
    view = StatisticsView.model_validate_json(answer.content)
    assert view.persona == "p1"
    assert [item.item_id for item in view.popular] == ["moby", "omoo"]


async def test_statistics_under_rebuild_say_so(world: World) -> None:
    await world.publish_statistics({"moby": 1.0}, stale=True)
    view = await world.lookup().statistics("default")
    assert (view.stale, view.stale_because) == (True, ("the statistics are being rebuilt",))


async def test_statistics_of_another_format_are_as_good_as_unpublished(world: World) -> None:
    await world.aggregates.put_snapshot(released_name("default", ""), b"\x02whatever")
    view = await world.lookup().statistics("default")
    assert (view.published, view.stale) == (False, True)


async def test_an_empty_system_has_no_personas_and_no_statistics(
    empty_client: httpx.AsyncClient,
) -> None:
    personas = PersonasView.model_validate_json((await empty_client.get("/v1/personas")).content)
    assert (personas.version, personas.personas, personas.silhouette) == (None, (), None)
    answer = await empty_client.get("/v1/statistics")
    statistics = StatisticsView.model_validate_json(answer.content)
    assert answer.status_code == 200
    assert (statistics.published, statistics.as_of, statistics.popular) == (False, None, ())
    assert statistics.stale_because == ("no statistics have been published yet",)


async def test_statistics_outlive_their_store_and_say_so(world: World) -> None:
    lookup = world.lookup()
    before = await lookup.statistics("default")
    world.aggregates.down = True
    world.clock.now_s += 3600.0
    world.item_points.down = False
    after = await lookup.statistics("default")
    assert after.popular == before.popular
    assert after.stale_because == ("the statistics could not be read just now",)


async def test_statistics_that_were_never_read_are_unavailable(world: World) -> None:
    world.aggregates.down = True
    async with client_of(world.lookup()) as client:
        answer = await client.get("/v1/statistics")
    assert answer.status_code == 503
    assert "internal" not in answer.text
