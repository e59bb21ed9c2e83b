"""Decayed counts and trends read back what their definitions say."""

import math

import pytest
from histories import DIMENSION, VECTORS, EventDict, folded, histories, remembered, seen, times_ms
from hypothesis import given
from hypothesis import strategies as st
from oracle import Settings, hash_of_item, popularity_at, tell, trend_counts

from profiles.contributions import TREND_WINDOWS, TrendWindow, bucket_floor, contribution
from profiles.policy import DEFAULT_POLICY, Policy
from profiles.popularity import decayed, trends
from schemas.updates import Counts

HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
HALF_LIFE_MS = WEEK_MS


def counts_of(events: list[EventDict], policy: Policy = DEFAULT_POLICY) -> Counts:
    return contribution(seen(folded(events, policy), policy), policy).counts


def parts(counts: Counts, series: str) -> dict[int, dict[bytes, int]]:
    return {int(part): table for (name, part), table in counts.items() if name == series}


def like(at_s: float, event_id: str, item: str = "i0") -> EventDict:
    return {
        "type": "interaction",
        "event_id": event_id,
        "occurred_at": at_s,
        "user_id": "u",
        "item_id": item,
        "action": "like",
    }


I0, I1 = (hash_of_item("default", item).to_bytes(8, "little") for item in ("i0", "i1"))


@given(
    histories(says=remembered).filter(bool),
    st.sampled_from([(DEFAULT_POLICY, Settings()), (Policy(popularity_half_life_s=3e5), None)]),
    st.integers(0, 400 * 24 * HOUR_MS),
)
def test_decayed_popularity_is_within_a_thousandth_of_its_definition(
    events: list[EventDict], numbers: tuple[Policy, Settings | None], wait_ms: int
) -> None:
    policy = numbers[0]
    settings = Settings(popularity_half_life_s=policy.popularity_half_life_s)
    user = tell(events, VECTORS, dimension=DIMENSION, settings=settings)["default", "u"]
    now_ms = 1_700_000_000_000 + wait_ms
    expected = popularity_at([user], now_ms, settings=settings)
    found = decayed(parts(counts_of(events, policy), "popularity"), now_ms=now_ms, policy=policy)
    named = {int.from_bytes(item, "little"): worth for item, worth in found.items()}
    assert named == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("half_lives", [0, 0.999, 1, 31, 31.999, 32, 33, 63, 64])
def test_popularity_is_smooth_where_eras_meet(half_lives: float) -> None:
    at_ms = round(half_lives * HALF_LIFE_MS)
    eras = parts(counts_of([like(at_ms / 1000, "e1")]), "popularity")
    found = decayed(eras, now_ms=at_ms + 2 * HALF_LIFE_MS, policy=DEFAULT_POLICY)
    assert found == {I0: pytest.approx(0.25, rel=1e-3)}


@pytest.mark.parametrize("now_ms", [0, 253_402_300_799_999])
def test_popularity_is_finite_however_far_now_lies_from_the_events(now_ms: int) -> None:
    policy = Policy(popularity_half_life_s=3_600.0)
    events = [like(0, "e1"), like(1_700_000_000, "e2"), like(253_402_300_799, "e3")]
    eras = parts(counts_of(events, policy), "popularity")
    (worth,) = decayed(eras, now_ms=now_ms, policy=policy).values()
    assert 0 < worth < math.inf


def test_a_million_of_the_largest_counts_fit_64_bits() -> None:
    just_before_the_next_era_s = 32 * 7 * 86_400 - 0.001
    (table,) = parts(counts_of([like(just_before_the_next_era_s, "e1")]), "popularity").values()
    assert table[I0] * 1_000_000 < 2**63


window_numbers = st.sampled_from(TREND_WINDOWS)


@given(
    st.lists(st.tuples(times_ms, st.sampled_from(["i0", "i1"])), max_size=14),
    window_numbers,
    st.integers(0, 3 * WEEK_MS),
)
def test_trends_are_what_counting_the_windows_gives(
    likes: list[tuple[int, str]], window: TrendWindow, wait_ms: int
) -> None:
    events = [like(at / 1000, f"e{n}", item) for n, (at, item) in enumerate(likes)]
    now_ms = 1_700_000_000_000 + wait_ms
    users = tell(events, VECTORS, dimension=DIMENSION).values()
    expected = {
        item.to_bytes(8, "little"): counted
        for item, counted in trend_counts(users, now_ms, window.name).items()
        if counted[0] > counted[1]
    }
    buckets = parts(counts_of(events), window.series)
    found = trends(buckets, window, now_ms=now_ms, most=10)
    assert {trend.item: (trend.recent, trend.before) for trend in found} == expected
    assert all(trend.score > 0 for trend in found)


def test_the_strongest_trends_come_first_and_equal_ones_by_item() -> None:
    now_s = 100 * 3600
    events = [like(now_s, f"a{n}", "i0") for n in range(3)]
    events += [like(now_s, f"b{n}", "i1") for n in range(3)]
    events += [like(now_s, f"c{n}", "i2") for n in range(4)]
    buckets = parts(counts_of(events), "trend-1h")
    found = trends(buckets, TREND_WINDOWS[0], now_ms=now_s * 1000, most=3)
    assert [trend.recent for trend in found] == [4, 3, 3]
    assert [trend.item for trend in found[1:]] == sorted([I0, I1])
    assert found[0].score == pytest.approx(4 / 5**0.5)
    assert trends(buckets, TREND_WINDOWS[0], now_ms=now_s * 1000, most=1) == found[:1]


@pytest.mark.parametrize("window", TREND_WINDOWS)
@pytest.mark.parametrize(
    ("buckets_ago", "recent", "before"),
    [(-1, 0, 0), (0, 1, 0), (1, 1, 0), ("w-1", 1, 0), ("w", 0, 1), ("2w-1", 0, 1), ("2w", 0, 0)],
)
def test_windows_end_where_they_should(
    window: TrendWindow, buckets_ago: int | str, recent: int, before: int
) -> None:
    width = window.window_s // window.bucket_s
    ago = {"w-1": width - 1, "w": width, "2w-1": 2 * width - 1, "2w": 2 * width}
    number = 1000 - (buckets_ago if isinstance(buckets_ago, int) else ago[buckets_ago])
    events = [like(number * window.bucket_s, "e1")]
    # two more now, so that the item is a trend whatever came before
    events += [like(1000 * window.bucket_s, f"now {n}") for n in range(2)]
    (found,) = trends(
        parts(counts_of(events), window.series),
        window,
        now_ms=1000 * window.bucket_s * 1000,
        most=1,
    )
    assert (found.recent, found.before) == (2 + recent, before)


@given(st.lists(times_ms, min_size=1, max_size=12), st.sampled_from([3_600.0, 86_400.0]))
def test_what_is_pruned_is_not_missed(at_ms: list[int], half_life_s: float) -> None:
    policy = Policy(popularity_half_life_s=half_life_s)
    counts = counts_of([like(at / 1000, f"e{n}") for n, at in enumerate(at_ms)], policy)
    now_ms = max(at_ms)
    for window in TREND_WINDOWS:
        whole = parts(counts, window.series)
        floor = bucket_floor(window.series, now_ms, policy)
        assert floor is not None
        left = {part: table for part, table in whole.items() if part >= floor}
        assert trends(left, window, now_ms=now_ms, most=9) == trends(
            whole, window, now_ms=now_ms, most=9
        )
    eras = parts(counts, "popularity")
    floor = bucket_floor("popularity", now_ms, policy)
    assert floor is not None
    kept = {era: table for era, table in eras.items() if era >= floor}
    missed = decayed(eras, now_ms=now_ms, policy=policy)[I0] - decayed(
        kept, now_ms=now_ms, policy=policy
    ).get(I0, 0.0)
    assert missed <= len(at_ms) * 2.0**-32


def test_tomorrows_event_is_no_trend_today() -> None:
    now_s = 100 * 3600
    buckets = parts(counts_of([like(now_s, "e1"), like(now_s + 86_400, "e2", "i1")]), "trend-24h")
    found = trends(buckets, TREND_WINDOWS[1], now_ms=now_s * 1000, most=9)
    assert [trend.item for trend in found] == [I0]


@pytest.mark.parametrize("window", TREND_WINDOWS)
def test_windows_are_whole_numbers_of_buckets(window: TrendWindow) -> None:
    assert window.window_s % window.bucket_s == 0
