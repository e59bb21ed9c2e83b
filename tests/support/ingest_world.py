"""A log of events in memory, and the service that publishes to it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import httpx
from documents_world import documents_over
from fastapi import FastAPI
from lookup_world import DIMENSION, NOON_MS, World

from lookup.access import Access
from lookup.dashboard import Dashboard
from lookup.erasures import Erasures
from lookup.errors import EventsNotTaken
from lookup.ingest import EventLog, Ingest
from lookup.ingest_checking import EventRecord
from lookup.ingest_consents import ConsentCheck
from lookup.own_writes import OwnWrites
from lookup.persons import Persons
from lookup.preferences import PreferencePairs
from lookup.service import create_app
from profiles.policy import DEFAULT_POLICY
from profiles.ports import Control
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.pseudonyms import secret_of
from schemas.json_values import Json
from schemas.topics import USER_TOPICS
from stores.answers import AnswerStore, MemoryAnswerStore
from stores.control import CONTROL_COLLECTION, PointControlStore
from stores.erasures import ERASURE_COLLECTION, PointErasureStore
from stores.memory import MemoryPoints
from stores.passages import PointPassageStore, passage_collection

PARTITIONS: Final = 4
SECRET: Final = secret_of("of the tests")

RATED: Final[dict[str, Json]] = {
    "event_id": "e1",
    "type": "interaction",
    "occurred_at": "2023-11-14T12:00:00Z",
    "user_id": "anna",
    "item_id": "emma",
    "action": "rate",
    "value": 5,
}


@dataclass
class MemoryEventLog(EventLog):
    """Takes events unless it is `down`; acknowledges once `gate` is set, and sets `asked`."""

    down: bool = False
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    records: list[EventRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gate.set()

    async def answers(self) -> None:
        if self.down:
            raise EventsNotTaken("kafka.internal:9092 is away")

    async def append(self, records: Sequence[EventRecord]) -> list[int]:
        if self.down:
            raise EventsNotTaken("kafka.internal:9092 is away")
        self.asked.set()
        await self.gate.wait()
        offsets = []
        for record in records:
            place = (record.topic, record.partition)
            offsets.append(sum((held.topic, held.partition) == place for held in self.records))
            self.records.append(record)
        return offsets


@dataclass
class Publishing:
    """The whole service over a world of stores."""

    world: World
    log: MemoryEventLog = field(default_factory=MemoryEventLog)
    answers: AnswerStore = field(default_factory=MemoryAnswerStore)
    control: PointControlStore = field(
        default_factory=lambda: PointControlStore(MemoryPoints(CONTROL_COLLECTION))
    )
    erasures: PointErasureStore = field(
        default_factory=lambda: PointErasureStore(MemoryPoints(ERASURE_COLLECTION))
    )
    now_ms: Callable[[], int] = lambda: NOON_MS
    wait_s: float = 0.2
    most_waiting: int = 256
    dashboard: Dashboard | None = None
    preferences: PreferencePairs | None = None
    data_policy: DataPolicy = ANYTHING_GOES
    versions: dict[str, PointErasureStore] = field(default_factory=dict)

    async def taken_in(self) -> None:
        """As if workers had stored everything that was, and soon will be, published."""
        for partition in range(PARTITIONS):
            control = await self.control.read(partition)
            control = control or await self.control.take(partition, "nonce")
            await self.control.bookmark(
                Control(partition, control.token, "nonce"),
                {f"offset:{topic}": 1_000_000 for topic in USER_TOPICS},
            )

    def ingest(self) -> Ingest:
        return Ingest(
            log=self.log,
            answers=self.answers,
            partitions=PARTITIONS,
            now_ms=self.now_ms,
            consents=ConsentCheck(
                users=self.world.users,
                data_policy=self.data_policy,
                clock_s=lambda: self.now_ms() / 1e3,
            ),
        )

    def taking_erasures(self, ingest: Ingest | None = None) -> Erasures:
        return Erasures(
            store=self.erasures,
            users=self.world.users,
            answers=self.answers,
            ingest=ingest or self.ingest(),
            secret=SECRET,
            now_ms=self.now_ms,
            new_id=lambda: f"{len(self.log.records):032x}",
            others=lambda: self.versions,
        )

    def app(self, *, access: Access | None = None, body_within_s: float = 20.0) -> FastAPI:
        lookup = self.world.lookup()
        ingest = self.ingest()
        passages = PointPassageStore(MemoryPoints(passage_collection(DIMENSION)))
        return create_app(
            lookup,
            documents=documents_over(
                lookup,
                users=self.world.users,
                items=self.world.items,
                passages=passages,
            ),
            erasures=self.taking_erasures(ingest),
            persons=Persons(
                users=self.world.users,
                items=self.world.items,
                passages=passages,
                policy=DEFAULT_POLICY,
                data_policy=self.data_policy,
            ),
            dashboard=self.dashboard,
            preferences=self.preferences,
            own_writes=OwnWrites(
                control=self.control,
                users=self.world.users,
                cache=self.world.cache,
                partitions=PARTITIONS,
                wait_s=self.wait_s,
                most_waiting=self.most_waiting,
            ),
            ingest=ingest,
            access=access,
            body_within_s=body_within_s,
        )

    def transport(self) -> httpx.ASGITransport:
        return httpx.ASGITransport(self.app(), raise_app_exceptions=False)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=self.transport(), base_url="http://strata.test")
