"""Whom the average silences, over HTTP and on the terminal."""

import httpx
import pytest
from lookup_world import World, client_of
from rich.console import Console

from cli.views.population import render_statistics
from profiles.ids import item_key
from schemas.snapshots import SilencedGroup, SilencedReversal, SilencedSnapshot
from schemas.views import StatisticsView

pytestmark = pytest.mark.anyio


def key(item_id: str) -> int:
    return item_key("default", item_id)


def group(persona: str, size: int, *, silenced: bool) -> SilencedGroup:
    reversal = SilencedReversal(key("moby"), key("lupin"), 0.4, -0.2, 0.01)
    unknown = SilencedReversal(key("nowhere"), None, 0.3, -0.1, 0.02)
    return SilencedGroup(
        persona=persona,
        size=size,
        satisfaction=0.2 if silenced else 0.8,
        protected=0.6 if silenced else 0.75,
        ratio=0.25 if silenced else 1.0,
        top=key("moby") if silenced else None,
        top_reversed=silenced,
        silenced=silenced,
        reversed=2 if silenced else 0,
        reversals=(reversal, unknown) if silenced else (),
    )


FOUND = SilencedSnapshot(
    satisfaction="coverage",
    users=104,
    share=0.25,
    fraction=0.8,
    floor=0.1,
    price=0.01,
    price_others=0.03,
    groups=(
        group("p3", 22, silenced=True),
        group("p9", 4, silenced=True),
        group("p1", 78, silenced=False),
    ),
)


async def seen(world: World) -> StatisticsView:
    await world.publish_statistics({"moby": 1.0}, silenced=FOUND)
    async with client_of(world.lookup()) as client:
        answer: httpx.Response = await client.get("/v1/statistics")
    return StatisticsView.model_validate_json(answer.content)


async def test_statistics_say_whom_the_average_silences_with_an_alarm(world: World) -> None:
    silenced = (await seen(world)).silenced
    assert silenced is not None
    assert (silenced.users, silenced.share, silenced.price_others) == (104, 0.25, 0.03)
    assert silenced.gauges == {
        "strata_silenced_users_ratio": 0.25,
        "strata_protection_price_ratio": 0.01,
    }


async def test_small_personas_and_items_without_a_name_are_not_shown(world: World) -> None:
    silenced = (await seen(world)).silenced
    assert silenced is not None
    assert [one.persona for one in silenced.personas] == ["p3", "p1"]
    worst = silenced.personas[0]
    assert worst.top is not None
    assert (worst.top.item_id, worst.top_reversed, worst.reversed) == ("moby", True, 2)
    (reversal,) = worst.reversals
    assert reversal.over is not None
    assert (reversal.item.item_id, reversal.over.item_id) == ("moby", "lupin")
    assert silenced.personas[1].top is None


async def test_without_personas_nothing_is_said(world: World) -> None:
    await world.publish_statistics({"moby": 1.0})
    assert (await world.lookup().statistics("default")).silenced is None


async def test_the_terminal_shows_the_alarm_and_the_personas(world: World) -> None:
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as shown:
        console.print(render_statistics(await seen(world)))
    text = shown.get()
    assert "the average silences 25% of 104 users" in text
    assert "p3 silenced" in text
    assert "p1 heard" in text
