"""Answers are read as the service gives them, and every route can be asked."""

import inspect
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import generate
import httpx
import msgspec
import pytest
from ingest_world import RATED, Publishing

from lookup.examples import EXAMPLES
from schemas.json_values import Json
from strata_client import AsyncStrata, Filters, RetryPolicy, Strata, _calls, answers
from strata_client.positions import token_of

ROOT = Path(__file__).resolve().parents[2]
CALLS: dict[tuple[str, str], _calls.Call[Any]] = {
    ("get", "/v1/profiles/{user_id}"): _calls.profile("anna"),
    ("get", "/v1/profiles/{user_id}/explanation"): _calls.explanation(
        "anna", half_life_s=60.0, half_rank=None, limit=1
    ),
    ("post", "/v1/profiles:batchGet"): _calls.profiles(["anna"]),
    ("post", "/v1/rank"): _calls.rank("anna", limit=1, exclude_seen=True),
    ("post", "/v1/score"): _calls.score("anna", items=["emma"], pairs=[]),
    ("post", "/v1/retrieve"): _calls.retrieve(
        "anna", "q", limit=1, filters=None, half_life_s=None, diversity=0.3
    ),
    ("post", "/v1/context"): _calls.context("anna", token_budget=9, query=None, template=None),
    ("get", "/v1/personas"): _calls.personas(limit=1, cursor=None),
    ("get", "/v1/personas/{persona_id}"): _calls.persona("p7"),
    ("get", "/v1/statistics"): _calls.statistics(None, most=1),
    ("get", "/v1/items/{item_id}/similar"): _calls.similar_items("emma", limit=1),
    ("get", "/v1/users/{user_id}/similar"): _calls.similar_users("anna", limit=1),
    ("get", "/v1/users/{user_id}/export"): _calls.export("anna"),
    ("get", "/v1/users/{user_id}/mine"): _calls.mine("anna"),
    ("delete", "/v1/users/{user_id}"): _calls.erase("anna"),
    ("get", "/v1/erasures/{erasure_id}"): _calls.erasure("7f3a"),
    ("post", "/v1/events"): _calls.publishing([[]], None)[0],
    ("get", "/livez"): _calls.live(),
    ("get", "/readyz"): _calls.ready(),
}


def test_what_is_generated_is_current(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate.main(["--check"]) == 0, capsys.readouterr().err


def test_every_route_can_be_asked() -> None:
    paths = generate.openapi_document()["paths"]
    described = {(method, path) for path, methods in paths.items() for method in methods}
    asked = CALLS.keys()
    assert described - {("get", "/metrics")} == asked, "strata_client needs a method, and a call"


def lost(example: Json, shown: Json, where: str = "") -> list[str]:
    """Places where something of the example is missing from what is shown, or differs."""
    match example, shown:
        case dict(), dict():
            return [
                place
                for name, one in example.items()
                for place in lost(one, shown.get(name, "nothing"), f"{where}.{name}")
            ]
        case list(), list() if len(example) == len(shown):
            pairs = enumerate(zip(example, shown, strict=True))
            return [place for at, (a, b) in pairs for place in lost(a, b, f"{where}.{at}")]
        case _:
            return [] if example == shown else [where]


def test_an_example_is_read_without_loss() -> None:
    for place, call in CALLS.items():
        example = EXAMPLES[place].response
        found = call.decode(msgspec.json.encode(example))
        if isinstance(found, msgspec.Struct):
            assert lost(example, msgspec.json.decode(msgspec.json.encode(found))) == [], place


def test_fields_of_a_newer_service_are_ignored() -> None:
    example = EXAMPLES["get", "/v1/profiles/{user_id}"].response
    assert isinstance(example, dict)
    newer = msgspec.json.encode({**example, "invented": {"later": [1]}})
    assert _calls.profile("anna").decode(newer).user_id == "anna"


def test_the_two_clients_have_the_same_methods() -> None:
    def shape(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in vars(client).items()
            if callable(method) and not name.startswith("_")
        }

    assert shape(Strata) == shape(AsyncStrata)
    assert {"profile", "rank", "publish", "session", "quick_profile"} <= shape(Strata).keys()


def test_a_client_without_an_event_loop_asks_everything(service_url: str) -> None:
    with Strata(service_url) as strata:
        assert strata.live()
        assert strata.ready().ready
        profile = strata.profile("ishmael")
        assert (profile.known, profile.level) == (True, "persona")
        assert profile.weights.global_ > 0
        assert [one.user_id for one in strata.profiles(["ishmael", "nobody"])] == [
            "ishmael",
            "nobody",
        ]
        assert strata.profile("a/b c?%é").known
        explanation = strata.explanation("ishmael", half_life_s=60.0)
        assert (explanation.half_life_s, len(explanation.events)) == (60.0, 2)
        assert len(strata.rank("ishmael", limit=2).items) == 2
        assert [one.id for one in strata.personas(limit=2).personas] == ["p3", "p4"]
        assert [one.id for one in strata.all_personas()] == ["p3", "p4", "p1"]
        assert strata.persona("p1").size == 40
        assert strata.statistics(most=1).popular[0].item_id == "lupin"
        assert strata.statistics("p1").persona == "p1"
        assert strata.similar_items("moby", limit=2).items[0].item_id == "typee"
        assert strata.similar_users("ishmael").known
        assert b'"item_id":"moby"' in strata.export("ishmael")
        assert strata.mine("ishmael").known
        assert strata.retrieve("ishmael", "whales", limit=2, half_life_s=60.0).passages == ()
        filters = Filters(kind="review", since="2024-01-01T00:00:00Z")
        assert strata.retrieve("ishmael", "whales", filters=filters).known
        context = strata.context("ishmael", token_budget=400, query="whales")
        assert 0 < context.tokens <= 400
        assert strata.context("ishmael", token_budget=400, template="plain").text
        assert strata.quick_profile("ishmael").worth("moby")
        asked = strata.erase("ishmael")
        assert (asked.stage, strata.erasure(asked.id)) == ("pending", asked)
        published = strata.publish(RATED)
        assert published.events == 1
        assert published.token


@pytest.mark.anyio
async def test_a_client_with_an_event_loop_asks_everything(strata: AsyncStrata) -> None:
    profile = await strata.profile("ishmael")
    assert isinstance(profile, answers.Profile)
    many = await strata.profiles([f"u{number}" for number in range(250)])
    assert [one.user_id for one in many] == [f"u{number}" for number in range(250)]
    assert [one.id async for one in strata.all_personas()] == ["p3", "p4", "p1"]
    asked: list[Callable[[], Awaitable[Any]]] = [
        strata.live,
        strata.ready,
        strata.personas,
        strata.statistics,
        lambda: strata.rank("ishmael"),
        lambda: strata.explanation("ishmael"),
        lambda: strata.persona("p1"),
        lambda: strata.retrieve("ishmael", "whales"),
        lambda: strata.context("ishmael", token_budget=100),
        lambda: strata.similar_items("moby"),
        lambda: strata.similar_users("ishmael"),
        lambda: strata.quick_profile("ishmael"),
        lambda: strata.publish([RATED]),
    ]
    for ask in asked:
        assert await ask()


@pytest.mark.anyio
async def test_the_tenant_is_said(publishing: Publishing) -> None:
    await publishing.world.publish_statistics({"moby": 1.0}, tenant="ßhop")
    async with AsyncStrata(
        "http://strata.test", tenant="ßhop", transport=publishing.transport()
    ) as strata:
        assert (await strata.statistics()).tenant == "ßhop"
        assert (await strata.profile("ishmael")).known is False


@pytest.mark.anyio
async def test_not_being_ready_is_an_answer(publishing: Publishing, strata: AsyncStrata) -> None:
    publishing.world.cache.down = True
    readiness = await strata.ready()
    assert not readiness.ready
    assert not readiness.stores["cache"].ready


@pytest.mark.anyio
async def test_a_token_may_be_given_to_each_read_about_users(strata: AsyncStrata) -> None:
    token = token_of({})
    assert (await strata.profile("ishmael", at_least=token)).known
    assert len(await strata.profiles(["x"], at_least=token)) == 1
    assert (await strata.rank("ishmael", at_least=token)).known
    assert (await strata.explanation("ishmael", at_least=token)).known
    assert (await strata.similar_users("ishmael", at_least=token)).known


def test_a_transport_of_ones_own_is_used() -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"live": True})

    with Strata(transport=httpx.MockTransport(answer), retries=RetryPolicy()) as strata:
        assert strata.live()
    assert str(seen[0].url) == "http://127.0.0.1:8700/livez"
