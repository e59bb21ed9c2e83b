"""What a worker counts, seen as Prometheus sees it."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from streams_world import NOW_MS, Engines, World, item, liked

from cli.metrics_reference import exported
from cli.observing import Observing, metrics_served
from cli.settings import Settings
from lookup.errors import PortInUse
from profiles.ports import StoreUnavailable
from schemas import topics
from streams.metrics import WorkerMetrics
from streams.retrying import retries, until_available
from streams.watching import Figures, Watches

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def metrics(*, at_ms: int = NOW_MS) -> tuple[CollectorRegistry, WorkerMetrics]:
    registry = CollectorRegistry()
    return registry, WorkerMetrics(registry, clock_s=lambda: at_ms / 1e3)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, {"version": "live", **labels})


async def test_every_record_is_counted_by_type_and_by_what_became_of_it() -> None:
    world = await World.open()
    registry, counted = metrics()
    engines = Engines(world, watch=counted.watch("live"))
    world.publish(item("emma", "a novel"))
    for user in ("anna", "ben"):
        world.publish(liked(user, "emma"))
    world.publish(liked("anna", "emma"))  # the same event again
    world.append(topics.INTERACTIONS, b"anna", b"no event")
    world.append(topics.ITEMS, b"emma", b"{}")

    await engines.drain()

    def events(kind: str, outcome: str) -> float | None:
        return value(registry, "strata_events_total", type=kind, outcome=outcome)

    assert events("item", "folded") == 1
    assert events("item", "dead_letter") == 1
    assert events("interaction", "folded") == 2
    assert events("interaction", "repeated") == 1
    assert events("interaction", "dead_letter") == 1
    assert events("interaction", "redelivered") is None
    assert value(registry, "strata_dead_letters_total", reason="not-json") == 1
    assert value(registry, "strata_dead_letters_total", reason="missing-type") == 1


async def test_freshness_lasts_from_the_brokers_time_until_the_effect_can_be_looked_up() -> None:
    world = await World.open()
    registry, counted = metrics(at_ms=NOW_MS + 3_000)
    engines = Engines(world, watch=counted.watch("live"))
    world.publish(liked("anna", "emma"), received_ms=NOW_MS)
    batch = world.consumer.fetch(place := next(iter(world.consumer.logs)))
    assert batch is not None
    await engines.profiles.handle(batch)
    assert value(registry, "strata_freshness_seconds_count") is None

    await engines.profiles.flush()

    assert value(registry, "strata_freshness_seconds_count") == 1
    assert value(registry, "strata_freshness_seconds_sum") == pytest.approx(3.0)
    assert value(registry, "strata_flush_users_sum") == 1
    assert value(registry, "strata_flush_duration_seconds_count") == 1
    assert value(registry, "strata_fold_duration_seconds_count", type="interaction") == 1
    assert world.consumer.committed[place] == 1


async def test_what_is_dropped_before_it_is_stored_was_never_fresh() -> None:
    world = await World.open()
    registry, counted = metrics()
    engines = Engines(world, watch=counted.watch("live"))
    world.publish(liked("anna", "emma"))
    batch = world.consumer.fetch(next(iter(world.consumer.logs)))
    assert batch is not None
    await engines.profiles.handle(batch)
    await engines.profiles.abandon()
    await engines.profiles.flush()
    assert value(registry, "strata_freshness_seconds_count") is None


def test_figures_are_shown_while_the_worker_works_and_not_after() -> None:
    registry, counted = metrics()
    figures = Figures(
        lag={"strata.interactions": 7, "strata.version.b.profile-updates": 2},
        dirty_users=3,
        rebuilds=1,
        learned_s={"item-space": 12.5},
        silenced=(0.25, 0.01),
    )
    with Watches(counted.watch("live"), counted.watch("b")).working(lambda: figures):
        assert value(registry, "strata_dirty_users") == 3
        assert registry.get_sample_value("strata_dirty_users", {"version": "b"}) == 3
        assert value(registry, "strata_rebuilds_total") == 1
        assert value(registry, "strata_lag_records", topic="strata.interactions") == 7
        assert value(registry, "strata_lag_records", topic="strata.profile-updates") == 2
        learned = value(registry, "strata_model_learned_timestamp_seconds", model="item-space")
        assert learned == 12.5
        assert value(registry, "strata_silenced_users_ratio") == 0.25
        assert value(registry, "strata_protection_price_ratio") == 0.01
    assert value(registry, "strata_dirty_users") is None
    assert value(registry, "strata_silenced_users_ratio") is None


async def test_a_worker_says_what_it_leads_and_what_it_has_learned() -> None:
    world = await World.open()
    engines = Engines(world)
    for title in ("emma", "dune", "solaris"):
        world.publish(item(title, f"about {title}"))
    for number in range(6):
        world.publish(liked(f"user-{number}", ("emma", "dune", "solaris")[number % 3]))
        world.publish(liked(f"user-{number}", "emma", at_s=1))
    await engines.own_all()
    await engines.drain()
    await engines.lead()
    assert engines.personas.leads
    assert engines.personas.learned_s().keys() >= {"item-space", "next-item"}
    assert set(engines.personas.learned_s().values()) == {NOW_MS / 1e3}
    await engines.drain()
    assert engines.knowledge.personas > 0


async def test_waiting_for_a_store_is_counted() -> None:
    before, tries = retries(), iter([StoreUnavailable("away"), StoreUnavailable("away")])

    async def asked() -> str:
        for failure in tries:
            raise failure
        return "there"

    assert await until_available(asked) == "there"
    assert retries() == before + 2
    registry, _ = metrics()
    assert registry.get_sample_value("strata_store_retries_total") == retries()


@contextmanager
def port_taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


async def test_a_workers_metrics_have_an_address_of_their_own() -> None:
    observing, ready = Observing(), [False]
    settings = Settings(metrics_port=0)
    async with (
        metrics_served(settings, observing.http.registry, ready=lambda: ready[0]) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        assert url.startswith("http://127.0.0.1:")
        with observing.watch("live").working(lambda: Figures(held_users=5)):
            answer = await client.get("/metrics")
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/readyz")).status_code == 503
            ready[0] = True
            assert (await client.get("/readyz")).status_code == 200
            assert (await client.get("/v1/profiles/anna")).status_code == 404
    found = {family.name: family for family in text_string_to_metric_families(answer.text)}
    assert found["strata_held_users"].samples[0].value == 5


async def test_a_port_that_was_asked_for_is_used_or_refused() -> None:
    registry = CollectorRegistry()
    with port_taken() as port, pytest.raises(PortInUse):
        async with metrics_served(Settings(metrics_port=port), registry, ready=bool):
            pass


def test_no_metric_names_a_person_or_a_tenant() -> None:
    allowed = {
        "version", "type", "outcome", "reason", "topic", "model", "layer", "method", "route",
        "status", "state",
    }  # fmt: skip
    assert {label for _, labels, _ in exported().values() for label in labels} <= allowed
