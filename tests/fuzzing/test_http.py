"""A short round of `make fuzz-http`."""

from collections.abc import Sequence

from fuzzing.http import fuzz_http
from fuzzing.service import service_running
from ingest_world import MemoryEventLog

from lookup.ingest_checking import EventRecord


class BrokenLog(MemoryEventLog):
    async def append(self, records: Sequence[EventRecord]) -> list[int]:
        raise NotImplementedError(f"{len(records)} events and a bug")


def test_no_answer_breaks_the_document() -> None:
    with service_running() as service:
        found = fuzz_http(service, cases=100, seed=1, phases="examples,fuzzing")
    assert found.cases >= 100
    assert found.failures == 0, found.report


def test_a_service_with_a_bug_is_found_out() -> None:
    with service_running(BrokenLog()) as service:
        found = fuzz_http(service, cases=1, seed=1, phases="examples")
    assert found.failures > 0
    assert "ST101 Server error" in found.report
