"""What `strata bench` measures with: the load, the spread, the comparison with what was."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.load import Load
from benchmarks.measures import MEASURES
from benchmarks.report import Machine, Report, fallen, table
from benchmarks.spread import Bound, Figure, quantile
from schemas.fast import Interaction, Item, decode

ROOT = Path(__file__).resolve().parents[3]
RECEIVED_MS = 2_000_000_000_000


def figure(*pairs: tuple[float, float | None], bound: Bound, reach: float | None = 2.0) -> Figure:
    return Figure.of("m", "ours / theirs", "x", pairs, bound=bound, reach=reach)


def report(*figures: Figure) -> Report:
    machine = Machine(cores=2, memory_gb=1.0, processor="p", python="3", load_average=0.0)
    return Report(machine=machine, events=1, users=1, figures=figures, failures={})


def test_the_load_is_valid_events_of_the_stated_size() -> None:
    load = Load(events=2_000, users=500, items=50)
    records = list(load.interactions())
    assert len(records) == 2_000
    assert 150 <= sum(len(value) for _, value in records) / 2_000 <= 250
    for key, value in records:
        event = decode(value, received_ms=RECEIVED_MS)
        assert isinstance(event, Interaction)
        assert event.user_id.encode() == key
    items = [decode(value, received_ms=RECEIVED_MS) for _, value in load.item_events()]
    assert len({item.item_id for item in items if isinstance(item, Item)}) == 50


def test_the_load_is_the_same_each_time_and_follows_zipfs_law() -> None:
    load = Load(events=20_000, users=1_000, items=50)
    assert list(load.interactions()) == list(Load(20_000, 1_000, 50).interactions())
    by_user = [count for _, count in Counter(key for key, _ in load.interactions()).most_common()]
    # 1 / 7.49 of all events are the first user's, and half as many the second's.
    assert by_user[0] == pytest.approx(20_000 / 7.4855, rel=0.1)
    assert by_user[1] == pytest.approx(by_user[0] / 2, rel=0.1)


def test_a_ratio_is_taken_pair_by_pair() -> None:
    found = figure((10.0, 5.0), (40.0, 10.0), (9.0, 3.0), bound=Bound.AT_LEAST)
    assert (found.value.least, found.value.median, found.value.greatest) == (2.0, 3.0, 4.0)
    assert found.theirs is not None
    assert found.theirs.median == 5.0


@pytest.mark.parametrize(
    ("ours", "bound", "reach", "reached"),
    [
        (2.0, Bound.AT_LEAST, 2.0, True),
        (1.9, Bound.AT_LEAST, 2.0, False),
        (2.0, Bound.AT_MOST, 2.0, True),
        (2.1, Bound.AT_MOST, 2.0, False),
        (2.1, Bound.AT_MOST, None, None),
    ],
)
def test_a_target_is_reached_on_its_side(
    ours: float, bound: Bound, reach: float | None, reached: object
) -> None:
    found = figure((ours, None), bound=bound, reach=reach)
    assert found.reached is reached
    verdict = {True: "reached", False: "missed", None: "stated"}[reached]
    assert verdict in table(report(found))


@pytest.mark.parametrize(
    ("bound", "runs", "worse"),
    [
        (Bound.AT_LEAST, (0.69, 0.1), True),
        (Bound.AT_LEAST, (0.71, 0.1), False),
        (Bound.AT_MOST, (1.31, 9.0), True),
        (Bound.AT_MOST, (1.29, 9.0), False),
    ],
)
def test_a_ratio_has_fallen_if_its_best_run_is_30_percent_worse(
    bound: Bound, runs: tuple[float, float], worse: object
) -> None:
    found = report(figure(*((run, 1.0) for run in runs), bound=bound))
    assert bool(fallen(found, {"m": 1.0}, tolerance=0.3)) is worse
    assert not fallen(found, {"other": 100.0}, tolerance=0.3)


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(number) for number in range(1, 101)]
    assert quantile(values, 0.99) == 99.0
    assert quantile(values, 1.0) == 100.0
    assert quantile([7.0], 0.99) == 7.0


def test_what_ci_measures_is_what_ratios_are_committed_of() -> None:
    committed = json.loads((ROOT / "benchmarks" / "ratios.json").read_text())
    assert committed.keys() <= MEASURES.keys()
    (recipe,) = re.findall(
        r"^bench-small:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE
    )
    assert set(re.findall(r"--only (\S+)", recipe)) == set(committed)
    assert "make bench-small" in (ROOT / ".ci" / "run").read_text()
