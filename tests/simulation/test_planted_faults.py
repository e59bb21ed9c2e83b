"""The simulator finds what it is there for: each fault, planted, fails a schedule."""

import pytest
from simulation import draw, run
from simulation.faults import FAULTS
from simulation.schedule import AIMED_FROM, POWERLESS_FROM

# Where the search begins, so that the test is quick: timing shifts when the write side changes.
FOUND_FROM = {
    "work_is_dropped_and_not_read_again": 400,
    "what_a_dead_owner_left_is_not_sent_on": 0,
    "an_interrupted_flush_is_gone_on_with": 600,
    "an_interrupted_sweep_is_forgotten": AIMED_FROM + 380,
    "a_lagging_worker_trusts_the_last_owners_marks": AIMED_FROM + 140,
    "nobody_looks_who_owns_a_partition": 0,
    "positions_are_not_kept": 0,
    "updates_are_applied_whatever_their_version": 0,
    "records_fetched_in_a_rebalance_are_skipped": 0,
    "an_older_copy_of_redis_is_trusted": 0,
    "seals_are_not_compared": POWERLESS_FROM,
    "changes_are_sent_before_they_are_synced": POWERLESS_FROM,
    "tokens_are_used_before_they_are_synced": POWERLESS_FROM,
    "seals_outlast_the_users_they_are_of": POWERLESS_FROM + 500,
    "seals_are_not_synced": POWERLESS_FROM,
    "receipts_are_put_back_as_they_were_read": 100,
    "descriptions_are_committed_before_they_are_synced": POWERLESS_FROM + 220,
}
SEARCHED = 200


@pytest.mark.parametrize("name", FOUND_FROM)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schedules = [draw(seed) for seed in range(FOUND_FROM[name], FOUND_FROM[name] + SEARCHED)]
    with monkeypatch.context() as planting:
        FAULTS[name](planting)
        found = next((schedule for schedule in schedules if run(schedule).lines), None)
    assert found is not None
    assert not run(found).lines
