"""`strata demo`, small and without a text model."""

import re
from pathlib import Path

import pytest
from running_stack import Strata

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


def test_the_bookshop_plays_through(strata: Strata) -> None:
    outcome = strata("demo", "--model", "hashing", "--readers", "80", timeout_s=200)
    assert outcome.returncode == 0, outcome.stderr
    counted = re.search(r"yes every event was counted once: ([\d,]+) of ([\d,]+)", outcome.stdout)
    assert counted is not None
    assert counted[1] == counted[2]
    for shown in (
        "two weeks at sea",
        "a fortnight of them",
        "adjusted Rand index",
        "The versifiers",
        "rising within 24h",
        "a reader nobody has seen",
        "nothing is known about this user",
        "The demo took",
    ):
        assert shown in outcome.stdout
    assert "\x1b" not in outcome.stdout


def test_other_files_play_too_and_repeats_count_once(
    strata: Strata, shop_files: tuple[Path, Path]
) -> None:
    items, events = map(str, shop_files)
    outcome = strata(
        "demo", "--items", items, "--events", events, "--events", events, timeout_s=200
    )
    assert outcome.returncode == 0, outcome.stderr
    told = re.search(
        r"([\d,]+) events of users sent; ([\d,]+) .+, ([\d,]+) counted", outcome.stdout
    )
    assert told is not None
    sent, different, counted = (int(number.replace(",", "")) for number in told.groups())
    assert sent == 2 * different
    assert counted == different
    assert "The busiest user" in outcome.stdout


def test_a_directory_that_holds_something_is_left_alone(strata: Strata) -> None:
    directory = Path(strata.environment["STRATA_DATA_DIR"])
    directory.mkdir()
    (directory / "precious").write_text("data")
    outcome = strata("demo", "--model", "hashing")
    assert outcome.returncode == 1
    assert "wants an empty data directory" in outcome.stderr
    assert [path.name for path in directory.iterdir()] == ["precious"]


def test_a_missing_model_is_one_line_with_a_way_out(strata: Strata) -> None:
    outcome = strata("demo", "--model", "hashing:3")
    assert outcome.returncode == 1
    assert outcome.stderr.splitlines()[-1].startswith("strata: model 'hashing:3'")
