"""Which offsets a version reads, from what was asked and what the topics hold."""

from collections.abc import Iterable
from typing import cast

import pytest

from cli.errors import WrongUse
from cli.replay_arguments import moment_of, topics_of
from schemas import topics
from streams.delivery import before
from streams.memory import MemoryRecord
from streams.offsets import KafkaView
from streams.ownership import Place
from streams.replay import EARLIEST, Moment, Range, planned

pytestmark = pytest.mark.anyio

FIRST, END = 10, 100


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Held:
    """Every topic of events has one partition, which holds offsets 10 to 99; 50 came at noon."""

    async def places(self, names: Iterable[str]) -> list[Place]:
        return [(name, 0) for name in names]

    async def beginnings(self, places: Iterable[Place]) -> dict[Place, int]:
        return dict.fromkeys(places, FIRST)

    async def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        return dict.fromkeys(places, END)

    async def at_time(self, places: Iterable[Place], moment_ms: int) -> dict[Place, int]:
        return dict.fromkeys(places, 50 if moment_ms <= 0 else END)


async def range_of(**asked: object) -> Range:
    return await planned(cast(KafkaView, Held()), **asked)  # type: ignore[arg-type]


async def test_all_that_is_there_is_read_and_what_is_gone_is_said() -> None:
    found = await range_of(start=EARLIEST)
    assert set(found.starts.values()) == {FIRST}
    assert found.ends == {}
    assert found.gone[topics.INTERACTIONS] == FIRST


async def test_what_people_withdrew_is_read_whole_whatever_is_chosen() -> None:
    found = await range_of(
        chosen=[topics.INTERACTIONS], start=Moment(time_ms=0), until=Moment(time_ms=1)
    )
    assert found.starts == {
        (topics.INTERACTIONS, 0): 50,
        (topics.PREFERENCES, 0): END,
        (topics.DOCUMENTS, 0): END,
        (topics.ATTRIBUTES, 0): END,
        (topics.CONSENTS, 0): FIRST,
        (topics.ERASURES, 0): FIRST,
    }
    assert (topics.ERASURES, 0) not in found.ends
    assert found.ends[topics.INTERACTIONS, 0] == END
    assert found.gone == {}


async def test_offsets_are_kept_within_what_is_there() -> None:
    place = (topics.INTERACTIONS, 0)
    found = await range_of(start=Moment(offsets={place: 3}), until=Moment(offsets={place: 1}))
    assert found.starts[place] == FIRST
    assert found.ends[place] == FIRST
    late = await range_of(start=Moment(offsets={place: 1_000}))
    assert late.starts[place] == END


def test_nothing_from_the_end_on_is_handed_to_an_agent() -> None:
    records = [MemoryRecord(offset, 0, None, None) for offset in range(5, 9)]
    fetched = {("a", 0): records, ("b", 0): records, ("c", 0): records}
    kept = before({("a", 0): 7, ("b", 0): 5}, fetched)
    assert {place: [one.offset for one in found] for place, found in kept.items()} == {
        ("a", 0): [5, 6],
        ("c", 0): [5, 6, 7, 8],
    }


@pytest.mark.parametrize(
    "wrong", ["yesterday", "interactions:0=", "interactions:x=1", "items:0=1", "0=1", ""]
)
def test_what_says_no_moment_is_wrong_use(wrong: str) -> None:
    with pytest.raises(WrongUse):
        moment_of(wrong, option="--from")


def test_topics_go_by_their_names() -> None:
    assert topics_of(None) == topics.USER_TOPICS
    assert topics_of("documents, strata.consents") == (topics.DOCUMENTS, topics.CONSENTS)
    with pytest.raises(WrongUse, match="there is no topic of events 'items'"):
        topics_of("items")
