"""What is fetched while the group rebalances is read again, not skipped."""

from typing import Any

import pytest
from oracle import first_ten
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import observe
from write_side.publishing import publish
from write_side.running import running
from write_side.stories import village

from schemas import topics
from streams.transport import BatchConsumer

pytestmark = [pytest.mark.anyio, pytest.mark.stack]


async def test_records_fetched_under_an_earlier_assignment_are_read_again(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a fetch is under way for the whole of a rebalance; here, the first ones."""
    fetch = BatchConsumer._getmany
    overtaken: list[int] = []

    async def overtaken_by_a_rebalance(
        self: Any,
        active_partitions: Any,
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Any:
        found = await fetch(self, active_partitions=active_partitions, timeout=timeout)
        offsets = [
            records[0].offset
            for place, records in (found or {}).items()
            if place.topic == topics.INTERACTIONS
        ]
        if offsets and len(overtaken) < 3:
            overtaken.append(min(offsets))
            self._delivery.reassigned()
        return found

    monkeypatch.setattr(BatchConsumer, "_getmany", overtaken_by_a_rebalance)
    story = village()
    events = [*story.items, *story.events]
    await publish(ground.bootstrap, events, partitions=ground.partitions)
    async with ground.opened() as opened, running(ground, opened) as work:
        await work.until_quiet()
        observed = await observe(ground, opened)
    # Offset 0, where nothing has been committed yet, is the hard one.
    assert overtaken[0] == 0
    assert len(overtaken) == 3
    verdict = differences(observed, events, partitions=ground.partitions)
    assert not verdict.lines, first_ten(iter(verdict.lines))
