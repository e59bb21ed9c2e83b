"""What is counted for every request is told to Prometheus' client in one go, and all of it."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from lookup.metrics import HttpMetrics, _Observed, _Tally

pytestmark = pytest.mark.anyio

# Of halves, so that sums are exact in any order.
BOUNDS = (0.125, 0.5, 1.0)


@settings(deadline=None)
@given(
    st.lists(
        st.lists(
            st.one_of(st.sampled_from((0.0, *BOUNDS)), st.integers(0, 4_096).map(lambda n: n / 64))
        )
    )
)
def test_observations_told_at_once_are_those_told_one_by_one(rounds: list[list[float]]) -> None:
    at_once, singly = CollectorRegistry(), CollectorRegistry()
    tally = _Tally(_Observed("h", "h", buckets=BOUNDS, registry=at_once), BOUNDS)
    histogram = Histogram("h", "h", buckets=BOUNDS, registry=singly)
    for values in rounds:
        for value in values:
            tally.observe(value)
            histogram.observe(value)
        tally.tell()
        assert _figures(at_once) == _figures(singly)


def _figures(registry: CollectorRegistry) -> list[str]:
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if not line.startswith("#") and "_created" not in line]


@dataclass(frozen=True)
class Weights:
    user: float = 0.25
    persona: float = 0.25
    global_: float = 0.5


@dataclass(frozen=True)
class Answer:
    weights: Weights = Weights()
    stale: bool = True


async def test_who_reads_the_files_of_all_processes_sees_it_within_a_second() -> None:
    metrics = HttpMetrics()
    value = metrics.registry.get_sample_value
    asked = {"method": "GET", "route": "/livez"}
    metrics.begun()
    metrics.answered("GET", "/livez", 200, 0.004)
    metrics.count_answer(Answer())
    assert value("strata_http_requests_total", {**asked, "status": "200"}) == 0.0
    await asyncio.sleep(1.2)
    assert value("strata_http_requests_total", {**asked, "status": "200"}) == 1.0
    assert value("strata_http_request_duration_seconds_bucket", {**asked, "le": "0.005"}) == 1.0
    assert value("strata_http_request_duration_seconds_sum", asked) == 0.004
    assert value("strata_blend_weight_ratio_sum", {"layer": "global"}) == 0.5
    assert value("strata_stale_answers_total") == 1.0
    assert value("strata_http_requests_in_progress") == 1.0
    # Nothing is told twice, and what comes after it is told again.
    metrics.ended()
    metrics.tell()
    assert value("strata_http_requests_total", {**asked, "status": "200"}) == 1.0
    assert value("strata_http_requests_in_progress") == 0.0
