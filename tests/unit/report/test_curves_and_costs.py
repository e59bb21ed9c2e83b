"""Steps of a curve, bytes that layers keep, and memory."""

from itertools import pairwise

import numpy as np
from evaluation_world import FixedOdds, voted
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.protocol import Scored
from evaluation.report.costs import held_bytes, memory_bytes
from evaluation.report.curves import band_of, curve_of, steps
from evaluation.report.metering import Meter, Metered
from evaluation.report.samples import Sample, draw_users
from evaluation.run import Streams
from profiles.queries import Level, SignQuery
from schemas.decoded import Attributes, FastEvent

ASKED = SignQuery(user_id="u", item_id="i", action="vote", occurred_at_ms=0)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 3_000), min_size=1, max_size=300), st.integers(1, 60), st.integers(0, 9)
)
def test_steps_cover_every_history_once_and_carry_enough(
    lengths: list[int], users: int, seed: int
) -> None:
    history = np.array(lengths)
    owner = np.random.default_rng(seed).integers(0, users, len(lengths))
    ranges = steps(history, owner)
    assert ranges[0][0] == 0
    assert ranges[-1][1] is None
    assert all(end is not None and end + 1 == start for (_, end), (start, _) in pairwise(ranges))
    if len(ranges) > 1:
        for first, last in ranges:
            inside = (history >= first) & (history <= (last if last is not None else 10**9))
            assert inside.sum() >= 60
            assert len(np.unique(owner[inside])) >= 20


def test_many_data_are_shown_finer_than_the_five_buckets() -> None:
    history = np.tile(np.arange(120), 100)
    owner = np.repeat(np.arange(100), 120)
    assert [first for first, _ in steps(history, owner)][:9] == [0, 1, 2, 3, 4, 5, 7, 10, 14]


def test_an_interval_of_users_who_differ_is_wider_than_of_their_predictions() -> None:
    owner = np.repeat(np.arange(20), 100)
    values = (owner % 2).astype(np.float64)
    band = band_of(values, owner, draw_users(20, resamples=1_000, seed=0))
    assert band.mean == 0.5
    assert band.high - band.low > 0.3


def events() -> Streams:
    stated = Attributes("default", "a", 0, "ann", {"country": "GB"})
    test: list[FastEvent] = [stated, *(voted("ann", f"i{n}", 1.0, 10 + n) for n in range(5))]
    return Streams([], [voted("ann", "w", 1.0), voted("bob", "w", 1.0)], test)


def test_a_layer_keeps_of_a_user_what_its_answers_need() -> None:
    asked = [f"ann-i{n}" for n in range(5)]
    held = held_bytes(events(), asked)
    assert held[Level.GLOBAL] == [0] * 5
    assert len(set(held[Level.PERSONA])) == 1
    assert held[Level.PERSONA][0] > len("country") + len("GB")
    assert held[Level.USER] == sorted(held[Level.USER])
    assert held[Level.USER][4] - held[Level.USER][1] > 3 * 8
    assert all(both > own for own, both in zip(held[Level.USER], held[Level.BLEND], strict=True))


def test_what_a_user_did_before_the_test_is_kept_as_well() -> None:
    streams = events()
    fresh = Streams([], [], streams.test)
    known, unknown = (held_bytes(one, ["ann-i0"])[Level.USER] for one in (streams, fresh))
    assert known > unknown


def test_memory_counts_arrays_once_and_no_code() -> None:
    class Model:
        def __init__(self) -> None:
            self.rows = np.zeros(1_000)
            self.same = self.rows
            self.names = {f"item {n}": n for n in range(100)}
            self.embed = self.heavy

        def heavy(self) -> bytes:
            return bytes(10**6)

    size = memory_bytes(Model())
    assert 8_000 < size < 8_000 + 30_000
    view = np.zeros(100_000)[:10]
    assert memory_bytes(view) < 1_000


def test_the_meter_counts_time_by_a_clock_of_its_own() -> None:
    ticks = iter(range(0, 1_000, 10))
    meter = Meter(clock_ns=lambda: next(ticks))
    model = FixedOdds(1.0)
    metered = Metered(model, meter)
    speeds = [meter.events_per_second]
    metered.learn(voted("ann", "i", 1.0))
    metered.end_warm()
    assert metered.predict(ASKED) == dict.fromkeys(Level, 1.0)
    assert (meter.learned, meter.learn_ns, meter.fit_ns) == (1, 10, 10)
    assert list(meter.answers_ns) == [10]
    speeds.append(meter.events_per_second)
    assert speeds == [None, 1e8]
    assert meter.model is model
    assert model.calls == ["ann-i", "end of warm", ASKED]


def test_points_pair_quality_with_cost() -> None:
    scored = [
        Scored(f"e{n}", f"u{n % 30}", n // 30, {level: {"m": float(n % 2)} for level in Level}, {})
        for n in range(300)
    ]
    sample = Sample.of(scored, "m")
    held = {level: np.full(300, 7.0) for level in Level}
    draws = draw_users(30, resamples=200, seed=0)
    curve = curve_of(sample, draws, held_bytes=held, answer_us=np.arange(300.0))
    assert sum(point.n for point in curve) == 300
    assert {point.users for point in curve} == {30}
    assert {point.held_bytes[Level.USER] for point in curve} == {7.0}
    assert [point.answer_us for point in curve] == sorted(point.answer_us for point in curve)
