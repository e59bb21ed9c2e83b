"""The partitions of a dead worker move again soon."""

from collections.abc import Callable
from typing import Final

import pytest
from chaos.takeover import taken_over
from write_side.ground import Ground

pytestmark = [pytest.mark.anyio, pytest.mark.stack]

PROMISED_S: Final = 15.0


async def test_the_partitions_of_a_killed_worker_move_again_within_fifteen_seconds(
    shared_ground: Ground, record_property: Callable[[str, object], None]
) -> None:
    took_s = (await taken_over(shared_ground, timeout_s=100)).moved_s
    record_property("seconds from SIGKILL until all partitions moved", took_s)
    assert took_s <= PROMISED_S
