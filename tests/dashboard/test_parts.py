"""Rates, the map, the charts and the report: what pages are made of."""

import json
from collections.abc import Mapping
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookup.dashboard.charts import Bars, Curve, bars, curves, rate_lines, stacked_shares
from lookup.dashboard.flow import Flow, rates
from lookup.dashboard.people import step_of, steps_to
from lookup.dashboard.persona_map import persona_map
from lookup.dashboard.report import ReportUnreadable, cost_curves
from lookup.dashboard.sources import PlacedPersonas, Reached
from profiles.ports import Vector

PLACE = ("strata.interactions", 0)


def reached(at_ms: int, end: int, taken: int, oldest_ms: int | None = None) -> Reached:
    return Reached(
        at_ms=at_ms, ends={PLACE: end}, taken={PLACE: taken}, oldest_waiting_ms=oldest_ms
    )


class Scripted:
    """A stream whose looks are written down."""

    def __init__(self, *looks: Reached) -> None:
        self.looks = list(looks)
        self.asked = 0

    async def reached(self, _taken: Mapping[tuple[str, int], int]) -> Reached:
        self.asked += 1
        return self.looks[self.asked - 1]


async def nothing_taken() -> dict[tuple[str, int], int]:
    return {}


def test_rates_are_growth_by_time() -> None:
    assert rates(reached(0, 100, 40), reached(2_000, 300, 340)) == (100.0, 150.0)
    assert rates(reached(5, 1, 1), reached(5, 2, 2)) is None


def test_a_topic_that_begins_anew_counts_nothing() -> None:
    assert rates(reached(0, 100, 100), reached(1_000, 3, 3)) == (0.0, 0.0)


@pytest.mark.anyio
async def test_lag_and_freshness_are_of_the_last_look() -> None:
    clock = iter([1_500, 3_000])
    source = Scripted(reached(1_000, 10, 10), reached(3_000, 40, 30, oldest_ms=500))
    flow = Flow(source, now_ms=lambda: next(clock))
    first = await flow.now(nothing_taken)
    assert (first.arriving_per_s, first.waiting, first.freshness_s) == (None, 0, 0.0)
    second = await flow.now(nothing_taken)
    # Within a second of the last look nobody looks again.
    assert second == first
    third = await flow.now(nothing_taken)
    assert (third.arriving_per_s, third.taken_per_s) == (15.0, 10.0)
    assert (third.waiting, third.freshness_s) == (10, 2.5)
    assert third.history == ((0.0, 15.0, 10.0),)
    assert source.asked == 2


@pytest.mark.anyio
async def test_what_waits_and_could_not_be_read_has_no_known_age() -> None:
    flow = Flow(Scripted(reached(0, 5, 1)), now_ms=lambda: 0)
    assert (await flow.now(nothing_taken)).freshness_s is None


@pytest.mark.anyio
async def test_looks_of_more_than_three_minutes_ago_are_forgotten() -> None:
    looks = [reached(step * 60_000, step, step) for step in range(8)]
    moments = iter(range(60_000, 600_000, 60_000))
    flow = Flow(Scripted(*looks), now_ms=lambda: next(moments))
    for _ in looks:
        last = await flow.now(nothing_taken)
    assert [age for age, *_ in last.history] == [-120.0, -60.0, 0.0]


def unit(*numbers: float) -> Vector:
    found = np.array(numbers, np.float32)
    length: Vector = found / np.linalg.norm(found)
    return length


def test_three_personas_keep_their_distances_on_the_map() -> None:
    places = {"p1": unit(1, 0, 0, 0), "p2": unit(0, 1, 0, 0), "p3": unit(0, 0, 1, 1)}
    found = persona_map(places, {"p1": 10, "p2": 20, "p3": 5})
    # Three points always lie in one plane.
    assert found.shown == pytest.approx(1.0)
    at = {one.id: np.array(one.at) for one in found.personas}
    for a, b in (("p1", "p2"), ("p1", "p3"), ("p2", "p3")):
        expected = np.linalg.norm(places[a] - places[b])
        assert np.linalg.norm(at[a] - at[b]) == pytest.approx(expected, abs=1e-4)


def test_the_way_a_persona_came_is_told_in_degrees() -> None:
    now = {"p1": unit(1, 0), "p2": unit(0, 1)}
    past = [
        PlacedPersonas(at_ms=7, version=1, space=0, places={"p1": unit(1, 1)}),
        PlacedPersonas(at_ms=9, version=2, space=0, places=now),
    ]
    first, second = persona_map(now, {"p1": 1, "p2": 1}, past).personas
    assert first.moved_degrees == pytest.approx(45.0, abs=1e-3)
    assert first.since_ms == 7
    assert len(first.trail) == 2
    assert second.moved_degrees == pytest.approx(0.0)
    assert persona_map(now, {"p1": 1}).personas[0].moved_degrees is None


@pytest.mark.parametrize("number", [0, 1, 2])
def test_few_personas_have_a_map_too(number: int) -> None:
    places = {f"p{index}": unit(1, index, 0) for index in range(number)}
    found = persona_map(places, dict.fromkeys(places, 3))
    assert len(found.personas) == number
    assert 0.0 <= found.shown <= 1.0


def drawn(markup: str) -> list[ET.Element]:
    return list(ET.fromstring(f"<all>{markup}</all>"))  # noqa: S314 - what we drew ourselves


texts = st.text(max_size=30)
rate = st.floats(0, 1e9)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(texts, st.floats(-10, 10)), max_size=5),
    texts,
)
def test_a_chart_carries_no_style_and_no_script_whatever_it_says(
    rows: list[tuple[str, float]], description: str
) -> None:
    # What XML cannot spell at all, no page shows: names reach charts printable.
    rows = [(label, value) for label, value in rows if label.isprintable()]
    described = description if description.isprintable() else "described"
    markup = bars(
        [label for label, _ in rows],
        [Bars("x", "user", [value for _, value in rows])],
        description=described,
        show=lambda value: f"{value:.1f}",
    )
    wide, narrow = drawn(markup)
    for image in (wide, narrow):
        assert (image.get("role"), image.get("aria-label")) == ("img", described)
        for element in image.iter():
            assert element.tag not in {"style", "script", "foreignObject", "a", "image"}
            assert "style" not in element.attrib
            assert not [name for name in element.attrib if name.startswith("on")]
            assert "id" not in element.attrib


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.floats(-180, 0), rate, rate), min_size=1, max_size=5))
def test_any_rates_can_be_drawn(history: list[tuple[float, float, float]]) -> None:
    assert len(drawn(rate_lines(history, description="d"))) == 2


def test_intervals_and_shares_are_drawn() -> None:
    advantage = bars(
        ["p1", "p2"],
        [Bars("gain", "persona", [0.2, -0.1], [0.1, None], [0.3, None])],
        description="d",
        show=str,
    )
    wide = drawn(advantage)[0]
    assert len([one for one in wide.iter() if one.get("class") == "ci"]) == 1
    shares = drawn(
        stacked_shares(["all", "p1"], {"NL": [0.5, 0.2], "DE": [0.5, 0.8]}, description="d")
    )
    assert len([one for one in shares[0].iter() if "rect" in (one.get("class") or "")]) == 4


@pytest.mark.parametrize("logarithmic", [True, False])
@pytest.mark.parametrize(
    "points", [[], [(3.0, 0.5)], [(1.0, 0.1), (1.0, 0.1 + 1e-17)], [(1.0, 0.1), (1_000.0, 0.9)]]
)
def test_curves_of_any_length_are_drawn(
    points: list[tuple[float, float]], *, logarithmic: bool
) -> None:
    markup = curves(
        [Curve("user", "user", points)],
        description="d",
        show_x=str,
        show_y=str,
        logarithmic=logarithmic,
    )
    dots = [one for one in drawn(markup)[0].iter() if "dot-user" in (one.get("class") or "")]
    assert len(dots) == len(points)


@given(st.integers(0, 24))
def test_a_slider_comes_back_to_its_place(step: int) -> None:
    assert step_of(0.5, steps_to(0.5, step)) == step


REPORT = {
    "a later field": 1,
    "sets": [
        {
            "name": "beer",
            "skipped": {},
            "tasks": [
                {
                    "task": "sign",
                    "metric": "accuracy",
                    "n": 30,
                    "users": 9,
                    "advice": ["Individual data pays."],
                    "overall": {"user": {"mean": 0.7, "low": 0.6, "high": 0.8}},
                    "curve": [
                        {
                            "first": 1,
                            "last": 4,
                            "n": 30,
                            "users": 9,
                            "quality": {"user": {"mean": 0.7, "low": 0.6, "high": 0.8}},
                            "held_bytes": {"user": 321.0},
                            "answer_us": 9.0,
                        }
                    ],
                }
            ],
        }
    ],
}


def test_a_report_is_read_whatever_else_it_holds() -> None:
    (curve,) = cost_curves(json.dumps(REPORT).encode())
    assert (curve.name, curve.task, curve.overall["user"].mean) == ("beer", "sign", 0.7)
    (point,) = curve.points
    assert (point.label, point.held_bytes["user"]) == ("1 to 4", 321.0)
    assert replace(point, last=None).label == "1+"
    assert replace(point, last=1).label == "1"


@pytest.mark.parametrize("encoded", [b"", b"{}", b'{"sets": [{"name": 1}]}', b"\xff"])
def test_what_is_no_report_is_said(encoded: bytes) -> None:
    with pytest.raises(ReportUnreadable):
        cost_curves(encoded)
