"""The reference of metrics says what the code exports."""

from pathlib import Path
from typing import Final

from cli.metrics_reference import exported, main, reference

PAGE: Final = Path(__file__).resolve().parents[3] / "docs/metrics.md"


def test_the_reference_is_current() -> None:
    assert main([str(PAGE), "--check"]) == 0, "make schemas writes it"


def test_a_change_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "metrics.md"
    page.write_text(reference().replace("strata_lag_records", "strata_lag"))
    assert main([str(page), "--check"]) == 1
    assert main([str(page)]) == 0
    assert main([str(page), "--check"]) == 0


def test_what_operators_were_promised_is_there() -> None:
    assert exported().keys() >= {
        "strata_events_total",
        "strata_freshness_seconds",
        "strata_lag_records",
        "strata_fold_duration_seconds",
        "strata_flush_duration_seconds",
        "strata_store_retries_total",
        "strata_dead_letters_total",
        "strata_dirty_users",
        "strata_rebuilds_total",
        "strata_sweeps_total",
        "strata_model_learned_timestamp_seconds",
        "strata_blend_weight_ratio",
        "strata_silenced_users_ratio",
        "strata_personas",
        "strata_replay_records",
    }
