"""An answer is given again only while everything that it was made of is the same."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from lookup_world import NOON_MS, SEA, Clock, World, like

from lookup.items import ItemsRead
from lookup.kept_answers import KeptAnswers
from lookup.layers import Layer, Place
from lookup.options import LookupOptions
from lookup.profile_json import Actions, Asked, Own, own_part
from lookup.queries import Lookup
from profiles.ids import item_key, user_key
from profiles.personas import Persona
from profiles.policy import DEFAULT_POLICY
from schemas.views import ProfileView
from stores.points import Equals, PointId, Stored

pytestmark = pytest.mark.anyio

NOWHERE = Place(persona=None, directed=False, declared=())


@pytest.fixture
async def plain(world: World) -> World:
    """Every item that is named has a title, so that answers may be kept."""
    await world.publish_statistics({"moby": 9.0, "odes": 5.0})
    await world.add_user("ahab", [like("ahab", "moby")], persona="p1")
    return world


async def kept(lookup: Lookup, user: str = "ahab") -> ProfileView:
    await lookup.profile("default", user)
    return await lookup.profile("default", user)


async def test_the_same_is_not_made_again(plain: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lookup = plain.lookup()
    first = await lookup.profile_answer("default", "ahab")

    async def never(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(lookup._profiles, "_own", never)
    monkeypatch.setattr(lookup._profiles._layers, "_made", never)
    plain.clock.now_s += 10.0
    assert await lookup.profile_answer("default", "ahab") == first


async def test_a_publication_makes_one_layer_anew_for_all_who_stand_there(
    plain: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    users = ["ahab", "starbuck", "stubb"]
    for user in users[1:]:
        await plain.add_user(user, [like(user, "moby")], persona="p1")
    lookup = plain.lookup()
    await lookup.profile_answers("default", users)
    made: list[object] = []
    make = lookup._profiles._layers._made

    async def counted(tenant: str, place: Place | None) -> Layer:
        made.append(place)
        return await make(tenant, place)

    async def never(*_: object) -> None:
        raise AssertionError("what is the user's alone was made again")

    monkeypatch.setattr(lookup._profiles, "_own", never)
    monkeypatch.setattr(lookup._profiles._layers, "_made", counted)
    await plain.publish_statistics({"odes": 9.0}, scope="p1")
    plain.clock.now_s += 1.1
    found = await lookup.profiles("default", users)
    assert [one.popular[0].item_id for one in found.profiles] == ["odes"] * 3
    assert made == [Place(persona="p1", directed=True, declared=())]


async def test_a_newer_view_is_seen_at_once(plain: World) -> None:
    lookup = plain.lookup()
    await kept(lookup)
    await plain.cache.forget([user_key("default", "ahab")])
    events = [like("ahab", "moby"), like("ahab", "odes", at_ms=NOON_MS + 1)]
    await plain.add_user("ahab", events, persona="p1")
    assert len((await lookup.profile("default", "ahab")).interests) == 2


async def test_a_user_who_is_gone_is_not_answered_from_memory(plain: World) -> None:
    lookup = plain.lookup()
    await kept(lookup)
    await plain.cache.forget([user_key("default", "ahab")])
    (record,) = await plain.users.read([user_key("default", "ahab")])
    assert record is not None
    await plain.user_points.delete((Equals("token", record.token),))
    assert not (await lookup.profile("default", "ahab")).known
    assert user_key("default", "ahab") not in lookup._profiles._kept._held


async def test_newer_statistics_and_personas_are_seen_as_soon_as_they_are_read(
    plain: World,
) -> None:
    lookup = plain.lookup()
    assert (await kept(lookup)).popular[0].item_id == "moby"
    await plain.publish_statistics({"odes": 9.0}, scope="p1")
    await plain.publish_personas(Persona("p1", 77), Persona("p3", 60), version=2)
    plain.clock.now_s += 1.1
    after = await lookup.profile("default", "ahab")
    assert after.popular[0].item_id == "odes"
    assert after.persona is not None
    assert after.persona.size == 77


async def test_a_trouble_is_told_of_only_while_it_lasts(plain: World) -> None:
    lookup = plain.lookup()
    assert not (await kept(lookup)).stale
    plain.aggregates.down = True
    plain.clock.now_s += 1.1
    assert (await kept(lookup)).stale
    plain.aggregates.down = False
    plain.clock.now_s += 1.1
    assert not (await lookup.profile("default", "ahab")).stale


async def test_another_title_is_seen_after_a_while(plain: World) -> None:
    lookup = plain.lookup(LookupOptions(name_age_s=30.0))
    await kept(lookup)
    (moby,) = await plain.items.read([item_key("default", "moby")])
    assert moby is not None
    await plain.items.put([replace(moby, title="The Whale")])
    plain.clock.now_s += 60.0
    assert (await lookup.profile("default", "ahab")).interests[0].title == "The Whale"


async def test_what_has_no_title_yet_is_asked_about_again(plain: World) -> None:
    await plain.add_user("ishi", [like("ishi", "rumoured"), like("ishi", "moby")])
    lookup = plain.lookup(LookupOptions(item_age_s=5.0, name_age_s=30.0))
    assert None in {interest.title for interest in (await kept(lookup, "ishi")).interests}
    await plain.add_item("rumoured", SEA)
    plain.clock.now_s += 5.0
    found = (await lookup.profile("default", "ishi")).interests
    assert {interest.title for interest in found} == {"Moby", "Rumoured"}


async def test_what_has_no_title_is_asked_about_and_the_answer_kept_while_there_is_none(
    plain: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await plain.add_user("ishi", [like("ishi", "rumoured"), like("ishi", "moby")])
    lookup = plain.lookup(LookupOptions(item_age_s=5.0, name_age_s=30.0))
    await kept(lookup, "ishi")
    made: list[object] = []
    make = lookup._profiles._own

    async def counted(asked: Asked, *others: Any) -> Own:
        made.append(asked.user_id)
        return await make(asked, *others)

    monkeypatch.setattr(lookup._profiles, "_own", counted)
    read: list[int] = []
    ask = plain.item_points.retrieve

    async def noted(ids: Sequence[PointId], **how: Any) -> list[Stored | None]:
        read.extend(map(int, ids))
        return await ask(ids, **how)

    monkeypatch.setattr(plain.item_points, "retrieve", noted)
    plain.clock.now_s += 4.9
    await kept(lookup, "ishi")
    assert not read
    plain.clock.now_s += 0.1
    await kept(lookup, "ishi")
    assert read.count(item_key("default", "rumoured")) == 1
    assert not made
    await plain.add_item("rumoured", SEA)
    plain.clock.now_s += 5.0
    await kept(lookup, "ishi")
    assert made == ["ishi"]


async def test_a_title_that_cannot_be_asked_about_is_told_of_as_a_trouble(plain: World) -> None:
    await plain.add_user("ishi", [like("ishi", "rumoured")])
    lookup = plain.lookup(LookupOptions(item_age_s=5.0, name_age_s=30.0))
    assert not (await kept(lookup, "ishi")).stale
    plain.item_points.down = True
    plain.clock.now_s += 5.0
    assert (await kept(lookup, "ishi")).stale


def an_own(user: str) -> Own:
    return own_part(
        Asked(tenant="default", user_id=user),
        None,
        ItemsRead({}, None),
        actions=Actions(DEFAULT_POLICY),
        withheld=(),
    )


def test_answers_end_with_their_time_and_with_the_space_for_them() -> None:
    clock = Clock()
    answers = KeptAnswers(most=2, age_s=10.0, clock=clock)

    def keep(user: bytes) -> None:
        answers.keep(user, b"v", place=NOWHERE, own=an_own(user.decode()))

    for user in (b"a", b"b", b"c"):
        keep(user)
    assert answers.find(b"a", b"v") is None
    assert answers.find(b"b", b"other") is None
    found = answers.find(b"c", b"v")
    assert found is not None
    assert found.own == an_own("c")
    clock.now_s = 10.0
    keep(b"d")
    assert list(answers._held) == [b"d"]
    clock.now_s = 20.0
    assert answers.find(b"d", b"v") is None
