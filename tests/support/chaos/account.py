"""What was injected, and what the comparison at the end found."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiokafka
from oracle import Oracle, tell
from write_side.equality import differences
from write_side.ground import Ground
from write_side.observing import Observed
from write_side.publishing import Event

from profiles.state import decode_state
from schemas import topics

__all__ = ["Account", "compared"]


@dataclass
class Account:
    """The outcome of one part of the run.

    Attributes:
        injected: What was done, and how often.
        compared: How many of what were held against the oracle.
        lost, twice: Events of users that should count and do not, or count once too often.
        lines: Every other difference, one each.
    """

    injected: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    lost: int = 0
    twice: int = 0
    lines: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        return not self.lost and not self.twice and not self.lines

    def __str__(self) -> str:
        said = [f"  {what:<42} {count:>10}" for what, count in sorted(self.injected.items())]
        held = [f"  {what:<42} {count:>10}" for what, count in sorted(self.compared.items())]
        wrong = [f"  {line}" for line in self.lines[:20]]
        return "\n".join(
            (
                "injected",
                *said,
                "compared with the oracle",
                *held,
                f"lost {self.lost}, counted twice {self.twice}, differences {len(self.lines)}",
                *wrong,
            )
        )


async def compared(
    account: Account,
    ground: Ground,
    observed: Observed,
    events: Sequence[Event],
    bad: set[tuple[str, int, int]],
) -> None:
    """Hold everything that is stored against the oracle's account of what was published."""
    told = tell(events, {}, dimension=1)
    _count_events(account, observed, told)
    verdict = differences(observed, events, partitions=ground.partitions)
    account.compared.update(verdict.compared)
    account.lines += verdict.lines
    letters = await _dead_letters(ground)
    account.compared["dead letters"] += len(letters)
    account.lines += [f"dead letter of {place}" for place in sorted(letters ^ bad)]


def _count_events(account: Account, observed: Observed, told: Oracle) -> None:
    for name, user in told.items():
        record = observed.users.get(name)
        found = Counter[tuple[str, str]]()
        if record is not None:
            totals = decode_state(record.state).totals
            found.update({(k.value, act): n for k, by in totals.items() for act, n in by.items()})
        expected = Counter(
            {(kind, act): n for kind, by in user.totals.items() for act, n in by.items()}
        )
        account.compared["events counted"] += expected.total()
        account.lost += (expected - found).total()
        account.twice += (found - expected).total()


async def _dead_letters(ground: Ground) -> set[tuple[str, int, int]]:
    """Positions of the records that dead letters tell of."""
    consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=ground.bootstrap)
    await consumer.start()
    try:
        partitions = consumer.partitions_for_topic(topics.DEAD_LETTERS)
        if not partitions:
            await consumer._client.force_metadata_update()
            partitions = consumer.partitions_for_topic(topics.DEAD_LETTERS) or set()
        places = [aiokafka.TopicPartition(topics.DEAD_LETTERS, one) for one in partitions]
        consumer.assign(places)
        await consumer.seek_to_beginning(*places)
        ends = await consumer.end_offsets(places)
        found: set[tuple[str, int, int]] = set()
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    if record.value is None:
                        continue
                    said = {name: value.decode() for name, value in record.headers}
                    place = said["strata-topic"], said["strata-partition"], said["strata-offset"]
                    found.add((place[0], int(place[1]), int(place[2])))
        return found
    finally:
        await consumer.stop()
