"""Rankings over HTTP."""

from typing import Final

import httpx
import pytest
from lookup_world import LIBRARY, NOON_MS, VERSE, World, client_of, like

from lookup.options import LookupOptions
from profiles.ranking import Shrinkage
from schemas import decoded as events
from schemas.views import Layer, Problem, RankingView

pytestmark = pytest.mark.anyio

FULLY_SEEN: Final = ("moby", "typee", "lupin")


async def ranking_of(client: httpx.AsyncClient, user_id: str, **options: int | bool) -> RankingView:
    answer = await client.post("/v1/rank", json={"user_id": user_id, **options})
    assert answer.status_code == 200, answer.text
    return RankingView.model_validate_json(answer.content)


def ids(view: RankingView) -> list[str]:
    return [item.item_id for item in view.items]


async def test_a_known_user_gets_unseen_items_near_what_they_liked(
    client: httpx.AsyncClient,
) -> None:
    view = await ranking_of(client, "ishmael")
    assert ids(view)[0] == "omoo"
    assert view.known
    assert view.persona is not None
    assert view.persona.id == "p1"


async def test_seen_retired_and_undescribed_items_never_come_back(
    client: httpx.AsyncClient,
) -> None:
    view = await ranking_of(client, "ishmael", limit=100)
    assert not {*FULLY_SEEN, "burnt", "rumoured"} & set(ids(view))
    again = await ranking_of(client, "ishmael", limit=100, exclude_seen=False)
    assert "moby" in ids(again)
    assert not {"burnt", "rumoured"} & set(ids(again))


async def test_superseded_and_chosen_items_count_as_seen(world: World) -> None:
    def rated(value: float, at_ms: int) -> events.Interaction:
        return events.Interaction(
            "default", f"r{at_ms}", at_ms, "critic", "odes", "rate", value, None
        )

    await world.add_user(
        "critic",
        [
            rated(5.0, NOON_MS),
            rated(3.0, NOON_MS + 1),
            events.Preference(
                "default",
                "p",
                NOON_MS,
                "critic",
                events.Choice(item_id="moby"),
                events.Choice(item_id="lupin"),
            ),
        ],
    )
    view = await world.lookup().rank("default", "critic", limit=100)
    assert not {"odes", "moby", "lupin"} & {item.item_id for item in view.items}


async def test_the_reasons_of_every_item_share_its_score(client: httpx.AsyncClient) -> None:
    view = await ranking_of(client, "ishmael", limit=100)
    assert view.items
    for item in view.items:
        assert sum(reason.share for reason in item.reasons) == pytest.approx(1.0, abs=1e-9)


async def test_reasons_name_the_nearest_liked_item_and_the_persona(
    client: httpx.AsyncClient,
) -> None:
    view = await ranking_of(client, "ishmael")
    reasons = {reason.layer: reason for reason in view.items[0].reasons}
    liked = reasons[Layer.USER].because_item
    assert liked is not None
    assert liked.item_id == "typee"
    assert reasons[Layer.USER].text == "Because you liked “Typee”"
    assert reasons[Layer.PERSONA].text == "Popular with people like you (sea, whales)"
    assert reasons[Layer.PERSONA].because_item is None


async def test_weights_sum_to_one(client: httpx.AsyncClient) -> None:
    for user_id in ("ishmael", "edgar", "nobody"):
        weights = (await ranking_of(client, user_id)).weights
        assert weights.user + weights.persona + weights.global_ == pytest.approx(1.0, abs=1e-12)


async def test_an_unknown_user_gets_what_everybody_likes(client: httpx.AsyncClient) -> None:
    view = await ranking_of(client, "nobody")
    assert (view.known, view.level) == (False, Layer.GLOBAL)
    assert ids(view) == ["lupin", "moby", "sonnets", "odes"]
    assert [reason.layer for item in view.items for reason in item.reasons] == [Layer.GLOBAL] * 4


async def test_one_event_moves_a_ranking_less_than_many(world: World) -> None:
    options = LookupOptions(shrinkage=Shrinkage(user=2.0))
    for number in range(8):
        await world.add_item(f"verse{number}", VERSE)
    await world.add_user("cold", [like("cold", "verse0")])
    await world.add_user("warm", [like("warm", f"verse{number}") for number in range(8)])
    lookup = world.lookup(options)
    cold, warm = await lookup.rank("default", "cold"), await lookup.rank("default", "warm")
    assert 0.0 < cold.weights.user < warm.weights.user
    assert (cold.level, warm.level) == (Layer.GLOBAL, Layer.USER)
    assert cold.items[0].item_id == "lupin" or cold.items[0].item_id == "sonnets"
    assert warm.items[0].item_id == "sonnets"


async def test_a_member_of_a_hidden_persona_gets_nothing_from_it(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/v1/rank", json={"user_id": "edgar"})
    view = RankingView.model_validate_json(answer.content)
    assert view.persona_absent is not None
    assert view.persona_absent.code == "hidden"
    assert all(reason.layer is not Layer.PERSONA for item in view.items for reason in item.reasons)
    assert "p2" not in answer.text


async def test_the_same_question_has_the_same_answer(world: World) -> None:
    one = await world.lookup().rank("default", "ishmael", limit=100)
    assert await world.lookup().rank("default", "ishmael", limit=100) == one


async def test_an_item_retired_a_moment_ago_is_gone_once_its_memory_is(world: World) -> None:
    lookup = world.lookup()
    assert "lupin" in ids(await lookup.rank("default", "nobody"))
    await world.add_item("lupin", LIBRARY["lupin"], retired=True)
    world.clock.now_s += 5.0
    assert "lupin" not in ids(await lookup.rank("default", "nobody"))


async def test_an_empty_system_ranks_nothing(empty_client: httpx.AsyncClient) -> None:
    view = await ranking_of(empty_client, "anyone")
    assert view.items == ()
    assert view.stale


async def test_a_ranking_without_the_user_store_is_refused_as_it_could_repeat_what_was_seen(
    world: World,
) -> None:
    world.user_points.down = True
    async with client_of(world.lookup()) as client:
        answer = await client.post("/v1/rank", json={"user_id": "ishmael"})
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "body.user_id"),
        ({"user_id": ""}, "user_id"),
        ({"user_id": "u", "limit": 0}, "body.limit"),
        ({"user_id": "u", "limit": 101}, "body.limit"),
        ({"user_id": "u", "limits": 3}, "body.limits"),
        ({"user_id": "u", "exclude_seen": "perhaps"}, "body.exclude_seen"),
        ({"user_id": ["u"]}, "body.user_id"),
    ],
)
async def test_a_wrong_question_is_a_problem_that_names_the_field(
    client: httpx.AsyncClient, body: dict[str, object], where: str
) -> None:
    answer = await client.post("/v1/rank", json=body)
    problem = Problem.model_validate_json(answer.content)
    assert (answer.status_code, problem.status) == (422, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert [field.where for field in problem.fields] == [where]
    assert problem.instance == "/v1/rank"
