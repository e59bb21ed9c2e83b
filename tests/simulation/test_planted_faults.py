"""The simulator finds what it is there for: each fault, planted, fails a schedule."""

import pytest
from simulation import draw, run
from simulation.faults import FAULTS

# Where each is found at once, so that the test is quick; any run of seeds finds them.
FOUND_AT = {
    "work_is_dropped_and_not_read_again": 12,
    "what_a_dead_owner_left_is_not_sent_on": 24,
    "nobody_looks_who_owns_a_partition": 89,
    "positions_are_not_kept": 0,
    "updates_are_applied_whatever_their_version": 0,
    "records_fetched_in_a_rebalance_are_skipped": 12,
    "an_interrupted_sweep_is_forgotten": 24,
}


@pytest.mark.parametrize("name", FOUND_AT)
def test_a_planted_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = draw(FOUND_AT[name])
    assert not run(schedule).lines
    FAULTS[name](monkeypatch)
    assert run(schedule).lines
