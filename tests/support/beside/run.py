"""The run: live traffic and reads go on while a version is built, put in force and taken back."""

import asyncio
import json
import signal
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil
from running_stack import RunningUp, Strata

from beside.account import Account
from beside.reading import Reading, Told, judged
from beside.traffic import LASTING, READERS, Traffic
from profiles.state import decode_state
from schemas import topics
from stores.connect import open_profile_stores
from streams.learners import LearnerSpec
from streams.offsets import KafkaView, kafka_opened

__all__ = ["Scale", "beside_live"]

_VERSION: Final = "other"
_TEXT_DIMENSION: Final = 128
"""Of the embedding model `hashing`."""
_SAMPLED_S: Final = 1.0
_STOPPED_WITHIN_S: Final = 60.0
_COMMAND_S: Final = 300.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much.

    Attributes:
        events: Of the history that is replayed.
        users: Who have them.
        rate: Live events a second.
        lookups: Requests a second.
        before_s: How long lookups are measured before anything is replayed.
        after_s: How long after the command of a promotion or a rollback has ended.
        patience_s: For the history to be taken in, and for it to be replayed.
        policy: Of the other version.
    """

    events: int
    users: int
    rate: float
    lookups: float
    before_s: float = 30.0
    after_s: float = 5.0
    patience_s: float = 3_600.0
    policy: str = LASTING


async def beside_live(strata: Strata, scale: Scale, say: Say) -> Account:
    """Do it all on a stack of its own, which has ended when this returns."""
    up = await asyncio.to_thread(RunningUp.start, strata)
    try:
        account = await _Run(strata, scale, say).done()
    finally:
        await asyncio.to_thread(_stopped, up)
    account.compared = await _compared(
        f"edge://{strata.environment['STRATA_DATA_DIR']}/qdrant", account.published
    )
    return account


def _stopped(up: RunningUp) -> None:
    up.process.send_signal(signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        up.process.wait(timeout=_STOPPED_WITHIN_S)
    if up.process.poll() is None:
        up.process.kill()
    psutil.wait_procs(up.children, timeout=_STOPPED_WITHIN_S)


@dataclass
class _Run:
    strata: Strata
    scale: Scale
    say: Say
    account: Account = field(default_factory=Account)

    async def done(self) -> Account:
        scale, account = self.scale, self.account
        data = Path(self.strata.environment["STRATA_DATA_DIR"])
        running = json.loads((data / "running.json").read_text())
        traffic = Traffic(
            running["kafka_bootstrap"],
            partitions=running["partitions"],
            users=scale.users,
            began_s=time.time(),
        )
        reading = Reading(running["http_url"])
        async with kafka_opened(traffic.bootstrap) as kafka:
            lag = _Lag(kafka, running["group"])
            began_s = time.monotonic()
            await traffic.history(scale.events)
            self.say(f"{traffic.sent:,} events published; waiting until live has them")
            await lag.until_none(scale.patience_s)
            account.history_s = time.monotonic() - began_s
            live = await _known(reading, scale.patience_s)
            async with _beside(traffic, reading, scale) as lasted:
                other = await self._measured(traffic, reading, lag)
            account.live_s = lasted.seconds
            account.history, account.live = scale.events, traffic.sent - account.already
            await lag.until_none(scale.patience_s)
            await _Lag(kafka, f"{running['group']}--{_VERSION}").until_none(scale.patience_s)
        account.answers = reading.answers
        account.judgement = judged(reading.answers, live=live, other=other)
        account.published = traffic.published
        return account

    async def _measured(
        self, traffic: Traffic, reading: Reading, lag: "_Lag"
    ) -> Mapping[str, Told]:
        """What the other version says of each reader."""
        scale, account = self.scale, self.account
        account.already = traffic.sent
        self.say(f"live traffic of {scale.rate:g}/s and {scale.lookups:g} lookups/s begin")
        async with account.span("before"):
            await asyncio.sleep(scale.before_s)
        path = self.strata.directory / "other.toml"
        path.write_text(scale.policy)
        async with account.span("replay"), lag.sampled() as sampled:
            said = await self._ordered(
                "replay", "--into", _VERSION, "--policy", str(path), timeout_s=scale.patience_s
            )
        account.most_behind, account.taken_in = sampled.most, sampled.taken_in
        self.say(said)
        async with account.span("promotion"):
            said = await self._ordered("promote", _VERSION, timeout_s=scale.patience_s)
            self.say(said)
            other = await reading.of_everybody()
            await asyncio.sleep(scale.after_s)
        async with account.span("rollback"):
            self.say(await self._ordered("rollback"))
            await asyncio.sleep(scale.after_s)
        return other

    async def _ordered(self, *arguments: str, timeout_s: float = _COMMAND_S) -> str:
        """Run a command of `strata` to its end; the line that it ends with."""
        ended = await asyncio.to_thread(lambda: self.strata(*arguments, timeout_s=timeout_s))
        if ended.returncode:
            raise RuntimeError(f"strata {arguments[0]} failed: {ended.stderr}")
        return ended.stdout.strip()


@dataclass(slots=True)
class _Lasted:
    seconds: float = 0.0


@asynccontextmanager
async def _beside(traffic: Traffic, reading: Reading, scale: Scale) -> AsyncIterator[_Lasted]:
    """Live events and lookups by the clock, for as long as what is inside takes."""
    over, lasted = asyncio.Event(), _Lasted()
    async with asyncio.TaskGroup() as tasks:
        live = tasks.create_task(traffic.live(scale.rate, over))
        tasks.create_task(reading.by_the_clock(scale.lookups, over))
        try:
            yield lasted
        finally:
            over.set()
    lasted.seconds = live.result()


async def _known(reading: Reading, patience_s: float) -> Mapping[str, Told]:
    """What the first version says of each reader, once it knows all of them."""
    async with asyncio.timeout(patience_s):
        while True:
            told = await reading.of_everybody()
            if len(told) == len(READERS) and all(told.values()):
                return told
            await asyncio.sleep(_SAMPLED_S)


@dataclass
class _Sampled:
    most: int = 0
    taken_in: float = 0.0


@dataclass
class _Lag:
    """How far a group is behind the topics of events and items."""

    kafka: KafkaView
    group: str

    async def now(self) -> tuple[int, int]:
        """Records behind, and records taken in."""
        places = await self.kafka.places([*topics.USER_TOPICS, topics.ITEMS])
        committed = await self.kafka.committed(self.group)
        ends = await self.kafka.ends(places)
        behind = sum(max(0, end - committed.get(place, 0)) for place, end in ends.items())
        return behind, sum(committed.get(place, 0) for place in places)

    async def until_none(self, patience_s: float) -> None:
        async with asyncio.timeout(patience_s):
            while (await self.now())[0]:  # noqa: ASYNC110 - the broker sets no event
                await asyncio.sleep(_SAMPLED_S)

    @asynccontextmanager
    async def sampled(self) -> AsyncIterator[_Sampled]:
        """Beside what is inside: the most records behind, and records taken in a second."""
        found = _Sampled()

        async def sample() -> None:
            while True:
                found.most = max(found.most, (await self.now())[0])
                await asyncio.sleep(_SAMPLED_S)

        start_s, (_, before) = time.monotonic(), await self.now()
        sampling = asyncio.create_task(sample())
        try:
            yield found
        finally:
            sampling.cancel()
            with suppress(asyncio.CancelledError):
                await sampling
        _, after = await self.now()
        found.taken_in = (after - before) / (time.monotonic() - start_s)


async def _compared(url: str, published: Counter[str]) -> dict[str, Counter[str]]:
    """Of each version: users, and events that their states lack or count twice."""
    found = {}
    for namespace in ("live", f"live--{_VERSION}"):
        stores = await open_profile_stores(
            url,
            namespace=namespace,
            dimension=_TEXT_DIMENSION,
            space_dimension=LearnerSpec().dimension,
        )
        counted: Counter[str] = Counter()
        try:
            async for page in stores.users.scan():
                for record in page:
                    totals = decode_state(record.state).totals if record.version else {}
                    events = sum(number for by in totals.values() for number in by.values())
                    counted[record.user_id] += events
        finally:
            await stores.close()
        found[namespace] = Counter(
            users=len(counted),
            lost=(published - counted).total(),
            twice=(counted - published).total(),
        )
    return found
