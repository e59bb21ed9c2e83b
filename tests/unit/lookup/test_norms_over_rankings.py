"""What people declared wins over what was learned, in every ranking."""

from typing import Final

import httpx
import pytest
from lookup_world import NOON_MS, SEA, World, client_of, like

from profiles.norms import load_norms
from schemas import decoded as events
from schemas.views import RankedItemView, RankingView, StatisticsView

pytestmark = pytest.mark.anyio

NORMS: Final = load_norms("""
[[norm]]
id = "not-for-minors"
kind = "never"
users = { attribute = "age", below = 18 }
items = { attribute = "subjects", in = ["crime", "horror"] }
reason = "Crime is not shown to minors."
declared_by = "Board"
since = 2025-03-01

[[norm]]
id = "house-rules"
kind = "always"
items = { ids = ["rules"] }
place = 2
reason = "Everybody is shown the rules of the house."
declared_by = "Office"
since = 2025-04-01

[[norm]]
id = "kept-shut"
kind = "never"
items = { ids = ["sonnets"] }
reason = "Under review."
declared_by = "Board"
since = 2025-05-01
""")
CRIME: Final = frozenset({"lupin", "holmes"})


@pytest.fixture
async def shelves(world: World) -> World:
    """The library, with subjects, the rules of the house, and readers of several ages."""
    for item_id in sorted(CRIME):
        await world.add_item(
            item_id, (0.0, 1.0, 0.0, 0.0), attributes={"subjects": ["crime"], "pages": 90}
        )
    await world.add_item("rules", SEA)
    for user_id, stated in (("minor", {"age": 12}), ("adult", {"age": 40}), ("silent", {})):
        await world.add_user(
            user_id,
            [
                like(user_id, "moby"),
                events.Attributes("default", f"{user_id}-a", NOON_MS, user_id, stated),
            ],
        )
    return world


async def ranked(world: World, user_id: str, **more: int | bool) -> RankingView:
    async with client_of(world.lookup(norms=NORMS)) as client:
        answer = await client.post("/v1/rank", json={"user_id": user_id, "limit": 100, **more})
    assert answer.status_code == 200, answer.text
    return RankingView.model_validate_json(answer.content)


def ids(view: RankingView) -> list[str]:
    return [item.item_id for item in view.items]


@pytest.mark.parametrize(
    ("user_id", "protected"),
    [("minor", True), ("silent", True), ("nobody", True), ("adult", False), ("ishmael", False)],
)
async def test_minors_and_those_of_unknown_age_are_never_shown_crime(
    shelves: World, user_id: str, *, protected: bool
) -> None:
    view = await ranked(shelves, user_id, exclude_seen=False)
    assert bool(CRIME & set(ids(view))) is not protected
    assert ("not-for-minors" in {norm.id for norm in view.norms}) is protected


async def test_an_answer_says_what_every_norm_did_and_where_it_comes_from(shelves: World) -> None:
    view = await ranked(shelves, "minor")
    norms = {norm.id: norm for norm in view.norms}
    assert set(norms) == {"not-for-minors", "house-rules", "kept-shut"}
    never = norms["not-for-minors"]
    assert (never.kind, never.reason) == ("never", "Crime is not shown to minors.")
    assert (never.declared_by, never.since) == ("Board", "2025-03-01")
    assert never.removed == ("lupin",)
    assert never.added == ()
    assert norms["kept-shut"].removed == ("sonnets",)
    assert norms["house-rules"].added == ("rules",)


async def test_what_is_always_shown_stands_at_its_place_with_its_norm(shelves: World) -> None:
    for user_id in ("minor", "adult", "nobody"):
        view = await ranked(shelves, user_id)
        assert ids(view)[1] == "rules"
        assert [item.norm for item in view.items if item.norm] == ["norm:house-rules"]


async def test_an_item_that_only_a_norm_shows_has_no_score(shelves: World) -> None:
    def rules_of(view: RankingView) -> RankedItemView:
        return next(item for item in view.items if item.item_id == "rules")

    unknown = rules_of(await ranked(shelves, "nobody"))
    assert (unknown.score, unknown.reasons, unknown.title) == (None, (), "Rules")
    near = rules_of(await ranked(shelves, "adult"))
    assert near.score is not None
    assert near.reasons


async def test_what_is_always_shown_is_shown_though_it_was_seen(shelves: World) -> None:
    await shelves.add_user("visitor", [like("visitor", "rules")])
    assert ids(await ranked(shelves, "visitor"))[1] == "rules"


async def test_what_is_retired_is_not_shown_by_a_norm_either(shelves: World) -> None:
    await shelves.add_item("rules", SEA, retired=True)
    view = await ranked(shelves, "adult")
    assert "rules" not in ids(view)
    assert {norm.id: norm.added for norm in view.norms}["house-rules"] == ()


async def test_removed_items_leave_their_places_to_others(shelves: World) -> None:
    async with client_of(shelves.lookup()) as client:
        free = await client.post("/v1/rank", json={"user_id": "minor", "limit": 100})
    kept = [
        item.item_id
        for item in RankingView.model_validate_json(free.content).items
        if item.item_id not in CRIME | {"rules", "sonnets"}
    ]
    view = await ranked(shelves, "minor", limit=3)
    assert ids(view) == [kept[0], "rules", kept[1]]


async def test_only_lets_nothing_else_through(shelves: World) -> None:
    only = load_norms("""
[[norm]]
id = "children-s-shelf"
kind = "only"
users = { attribute = "age", below = 18 }
items = { ids = ["omoo", "odes"] }
reason = "Children see the children's shelf."
declared_by = "Board"
since = 2025-03-01
""")
    view = await shelves.lookup(norms=only).rank("default", "minor", limit=100)
    assert set(ids(view)) == {"omoo", "odes"}
    assert "lupin" in ids(await shelves.lookup(norms=only).rank("default", "adult", limit=100))


async def test_without_norms_answers_are_as_before(client: httpx.AsyncClient) -> None:
    answer = (await client.post("/v1/rank", json={"user_id": "ishmael"})).json()
    assert answer["norms"] == []
    assert {item["norm"] for item in answer["items"]} == {None}


async def test_statistics_of_everybody_list_the_norms_in_force(shelves: World) -> None:
    async with client_of(shelves.lookup(norms=NORMS)) as client:
        everybody = await client.get("/v1/statistics")
        persona = await client.get("/v1/statistics", params={"persona": "p1"})
    view = StatisticsView.model_validate_json(everybody.content)
    assert [(norm.id, norm.kind) for norm in view.norms] == [
        ("not-for-minors", "never"),
        ("house-rules", "always"),
        ("kept-shut", "never"),
    ]
    assert persona.json()["norms"] == []
