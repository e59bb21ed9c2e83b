"""Declared personas beside the discovered one."""

from typing import Final

import httpx
import pytest
from lookup_world import World, client_of

from lookup.options import LookupOptions
from profiles.declared import load_personas
from schemas.views import PersonasView, PersonaView, ProfileView, StatisticsView

pytestmark = pytest.mark.anyio

DECLARED: Final = load_personas("""
[[persona]]
id = "dutch"
title = "Dutch readers"
description = "They said that they live in the Netherlands."
rule = { attribute = "country", is = "NL" }

[[persona]]
id = "thirties"
title = "Thirties"
description = "From 30 to 39."
rule = { attribute = "age", at_least = 30, below = 40 }

[[persona]]
id = "few"
title = "Few"
description = "Hardly anybody."
rule = { attribute = "age", is = 30 }

[[persona]]
id = "elsewhere"
title = "Elsewhere"
description = "They live in Norway."
rule = { attribute = "country", is = "NO" }
""")


@pytest.fixture
async def counted(world: World) -> World:
    """Statistics as workers with this file publish them."""
    await world.publish_statistics({"lupin": 9.0}, users=20, declaration=DECLARED.version)
    for scope, users in {"dutch": 10, "thirties": 5, "few": 4, "elsewhere": 0}.items():
        await world.publish_statistics(
            {"moby": 3.0}, scope=scope, users=users, declaration=DECLARED.version
        )
    return world


async def asked(world: World, path: str, **params: str) -> httpx.Response:
    async with client_of(world.lookup(declared=DECLARED)) as client:
        return await client.get(path, params=params)


async def test_a_profile_names_the_declared_personas_that_are_large_enough(counted: World) -> None:
    view = ProfileView.model_validate_json((await asked(counted, "/v1/profiles/ishmael")).content)
    assert [(one.id, one.title, one.size, one.share) for one in view.declared] == [
        ("dutch", "Dutch readers", 10, 0.5),
        ("thirties", "Thirties", 5, 0.25),
    ]
    assert view.declared[0].description == "They said that they live in the Netherlands."
    assert view.persona is not None
    assert view.persona.id == "p1"
    assert not view.stale


async def test_a_profile_from_the_store_names_the_same(counted: World) -> None:
    lookup = counted.lookup(declared=DECLARED)
    cached = await lookup.profile("default", "ishmael")
    counted.cache.down = True
    assert (await lookup.profile("default", "ishmael")).declared == cached.declared


async def test_who_stated_nothing_belongs_to_none(counted: World) -> None:
    for user_id in ("edgar", "nobody"):
        view = await counted.lookup(declared=DECLARED).profile("default", user_id)
        assert view.declared == ()


async def test_all_that_are_large_enough_are_listed_and_the_rest_counted(counted: World) -> None:
    view = PersonasView.model_validate_json((await asked(counted, "/v1/personas")).content)
    assert [one.id for one in view.declared] == ["dutch", "thirties"]
    assert view.declared_hidden == 2
    assert [one.id for one in view.personas] == ["p3", "p1"]
    assert [one.item_id for one in view.declared[0].popular] == ["moby"]


async def test_one_is_shown_by_its_id_with_its_statistics(counted: World) -> None:
    persona = PersonaView.model_validate_json((await asked(counted, "/v1/personas/dutch")).content)
    assert (persona.title, persona.size, persona.labels) == ("Dutch readers", 10, ())
    statistics = StatisticsView.model_validate_json(
        (await asked(counted, "/v1/statistics", persona="dutch")).content
    )
    assert (statistics.persona, statistics.users, statistics.published) == ("dutch", 10, True)


@pytest.mark.parametrize("persona_id", ["few", "elsewhere", "unheard-of"])
async def test_what_is_too_small_looks_as_if_it_did_not_exist(
    counted: World, persona_id: str
) -> None:
    persona = await asked(counted, f"/v1/personas/{persona_id}")
    statistics = await asked(counted, "/v1/statistics", persona=persona_id)
    assert (persona.status_code, statistics.status_code) == (404, 404)


async def test_the_minimum_size_is_the_one_of_all_personas(counted: World) -> None:
    lookup = counted.lookup(LookupOptions(minimum_size=1), declared=DECLARED)
    view = await lookup.profile("default", "ishmael")
    assert [one.id for one in view.declared] == ["dutch", "thirties", "few"]


async def test_personas_of_no_file_are_not_shown_though_they_are_counted(counted: World) -> None:
    view = await counted.lookup().profile("default", "ishmael")
    assert view.declared == ()
    async with client_of(counted.lookup()) as client:
        assert (await client.get("/v1/personas/dutch")).status_code == 404


async def test_counts_by_another_file_are_called_stale(counted: World) -> None:
    await counted.publish_statistics({"moby": 1.0}, scope="dutch", users=9, declaration=7)
    lookup = counted.lookup(declared=DECLARED)
    text = "the personas are counted by another file than this service has"
    assert text in (await lookup.profile("default", "ishmael")).stale_because
    assert text in (await lookup.personas("default")).stale_because
    assert text in (await lookup.persona("default", "dutch")).stale_because
    assert text in (await lookup.statistics("default", "dutch")).stale_because
    assert not (await lookup.persona("default", "thirties")).stale
