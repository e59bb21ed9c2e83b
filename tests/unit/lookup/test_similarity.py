"""Nearness over HTTP."""

import httpx
import pytest
from lookup_world import SEA, World, like

from schemas.views import Problem, SimilarItemsView, SimilarUsersView

pytestmark = pytest.mark.anyio


async def test_similar_items_are_offered_ones_nearest_first(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/items/moby/similar", params={"limit": 3})
    view = SimilarItemsView.model_validate_json(answer.content)
    assert (view.title, view.described) == ("Moby", True)
    assert [item.item_id for item in view.items] == ["typee", "omoo", "holmes"]
    assert [item.score for item in view.items] == sorted(
        (item.score for item in view.items), reverse=True
    )


async def test_an_item_without_description_is_like_nothing_yet(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/items/rumoured/similar")
    view = SimilarItemsView.model_validate_json(answer.content)
    assert (view.described, view.title, view.items) == (False, None, ())


async def test_an_item_of_which_nobody_spoke_is_not_found(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/items/a%2Fb/similar")
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status) == (404, 404)
    assert problem.type == "urn:strata:problem:unknown-item"
    assert "'a/b'" in problem.detail


async def test_item_ids_may_hold_slashes_and_the_route_itself(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.add_item("a/similar", SEA)
    for path in ("a%2Fsimilar", "a/similar"):
        view = SimilarItemsView.model_validate_json(
            (await client.get(f"/v1/items/{path}/similar")).content
        )
        assert view.item_id == "a/similar"


async def test_similar_users_show_no_hidden_persona(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.add_user("ahab", [like("ahab", "moby")], persona="p1")
    answer = await client.get("/v1/users/ahab/similar")
    view = SimilarUsersView.model_validate_json(answer.content)
    assert [(user.user_id, user.persona) for user in view.users] == [
        ("ishmael", "p1"),
        ("edgar", None),
    ]
    assert (view.known, view.directed) == (True, True)


async def test_nobody_is_like_a_user_without_direction(
    world: World, client: httpx.AsyncClient
) -> None:
    await world.add_user("waiting", [like("waiting", "rumoured")])
    for user_id, known in (("waiting", True), ("nobody", False)):
        answer = await client.get(f"/v1/users/{user_id}/similar")
        view = SimilarUsersView.model_validate_json(answer.content)
        assert (view.known, view.directed, view.users) == (known, False, ())
