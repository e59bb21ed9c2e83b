"""Waiting for a part: how long, for what, and what is not waited for."""

import pytest

from cli.starting import AT_ONCE, Starting
from profiles.ports import StoreUnavailable
from stores.errors import StoreMismatch

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Part:
    """Comes up after so many attempts."""

    def __init__(self, starting: Starting, *, after: int, error: Exception) -> None:
        self._starting = starting
        self._after = after
        self._error = error
        self.asked = 0
        self.named: list[str | None] = []

    async def open(self) -> str:
        self.asked += 1
        self.named.append(self._starting.waiting_for)
        if self.asked <= self._after:
            raise self._error
        return "open"


async def test_a_part_that_is_away_is_named_until_it_answers() -> None:
    starting = Starting(patience_s=60.0)
    part = Part(starting, after=2, error=StoreUnavailable("away"))
    assert await starting.reached("Redis", part.open) == "open"
    assert part.named == [None, "Redis", "Redis"]
    assert starting.waiting_for is None


async def test_patience_ends_with_what_was_wrong_last() -> None:
    starting = Starting(patience_s=0.01)
    part = Part(starting, after=1_000, error=StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable, match="away"):
        await starting.reached("Redis", part.open)
    assert starting.waiting_for is None


async def test_a_command_does_not_wait() -> None:
    part = Part(AT_ONCE, after=1, error=StoreUnavailable("away"))
    with pytest.raises(StoreUnavailable):
        await AT_ONCE.reached("Redis", part.open)
    assert part.asked == 1


async def test_what_waiting_does_not_mend_is_said_at_once() -> None:
    starting = Starting(patience_s=60.0)
    part = Part(starting, after=1, error=StoreMismatch("another dimension"))
    with pytest.raises(StoreMismatch):
        await starting.reached("Qdrant", part.open)
    assert part.asked == 1
