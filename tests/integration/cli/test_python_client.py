"""The Python client against a running stack: what it writes, it reads, whichever way it wrote."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running_stack import Strata as Commands

from strata_client import Interaction, RetryPolicy, Strata
from strata_client.kafka import KafkaPublisher
from strata_client.redis import RedisProfiles

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]

PATIENT = RetryPolicy(attempts=20, deadline_s=40.0)


@pytest.fixture
def addresses(standing: Commands) -> dict[str, str]:
    directory = Path(standing.environment["STRATA_DATA_DIR"])
    found: dict[str, str] = json.loads((directory / "running.json").read_text())
    return found


@pytest.fixture
def over_http(addresses: dict[str, str]) -> Iterator[Strata]:
    with Strata(addresses["http_url"], retries=PATIENT) as strata:
        yield strata


@pytest.fixture
def over_kafka(addresses: dict[str, str]) -> Iterator[Strata]:
    with (
        KafkaPublisher(addresses["kafka_bootstrap"]) as publisher,
        RedisProfiles(addresses["redis_url"], namespace=addresses["namespace"]) as cache,
        Strata(addresses["http_url"], retries=PATIENT, publisher=publisher, cache=cache) as strata,
    ):
        yield strata


def viewed(user_id: str, number: int) -> Interaction:
    return Interaction(user_id=user_id, item_id=f"book-{number}", action="view")


@pytest.mark.parametrize("way", ["over_http", "over_kafka"])
def test_a_session_reads_what_it_wrote(way: str, request: pytest.FixtureRequest) -> None:
    strata: Strata = request.getfixturevalue(way)
    session = strata.session()
    for number in range(1, 11):
        session.publish(viewed(way, number))
        assert session.profile(way).evidence.events == number
    many = [f"{way}-{number}" for number in range(30)]
    session.publish([viewed(user_id, 1) for user_id in many])
    assert {one.evidence.events for one in session.profiles(many)} == {1}


def test_a_quick_profile_comes_from_redis_and_says_what_the_service_says(
    over_kafka: Strata,
) -> None:
    session = over_kafka.session()
    session.publish([viewed("quick", number) for number in range(5)])
    slow = session.quick_profile("quick")
    quick = over_kafka.quick_profile("quick")
    assert (slow.source, quick.source) == ("http", "redis")
    for name in ("version", "mass", "waiting", "newest_ms", "interests", "totals"):
        assert getattr(quick, name) == getattr(slow, name), name
    assert (quick.worth("book-3") or 0) > 0
    assert over_kafka.quick_profile("never-seen").version == 0


def test_redis_is_the_quicker_way(over_kafka: Strata, over_http: Strata) -> None:
    over_kafka.session().publish(viewed("timed", 1))
    while over_kafka.quick_profile("timed").source != "redis":
        time.sleep(0.1)

    def fastest_s(strata: Strata) -> float:
        took = []
        for _ in range(50):
            began = time.perf_counter()
            strata.quick_profile("timed")
            took.append(time.perf_counter() - began)
        return min(took)

    assert fastest_s(over_kafka) < fastest_s(over_http)
