"""The dashboard over a small population in memory, with a stream, letters and a past to look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import httpx
import numpy as np
from fastapi import FastAPI
from lookup_world import CRIME, LIBRARY, NOON_MS, SEA, TOKEN, VERSE, World, like

from lookup.access import Access
from lookup.dashboard import Dashboard
from lookup.dashboard.comparison import Comparison, Difference, Scores
from lookup.dashboard.sources import (
    Letter,
    NotDone,
    NotSent,
    PersonaPast,
    PlacedPersonas,
    Reached,
    SourceUnavailable,
    Undertaking,
    VersionsNow,
    VersionState,
)
from lookup.own_writes import OwnWrites
from lookup.persons import Persons
from lookup.service import create_app
from profiles.ids import item_key
from profiles.personas import Advantage, Label, Persona, PersonaSet, encode_personas
from profiles.policy import DEFAULT_POLICY
from profiles.ports import PersonaDocument, Vector
from schemas import decoded as events
from schemas.persona_events import PersonaEvent, PersonaFate
from schemas.snapshots import (
    SilencedGroup,
    SilencedReversal,
    SilencedSnapshot,
    released_personas_name,
)
from schemas.topics import INTERACTIONS, PREFERENCES
from stores.control import CONTROL_COLLECTION, PointControlStore
from stores.memory import MemoryPoints
from stores.passages import PointPassageStore, passage_collection
from stores.personas import PointPersonaStore

DAY_MS: Final = 86_400_000
HOSTILE: Final = (
    "</title><script>document.documentElement.dataset.ran = 'yes'</script>"
    "<img src=x onerror=document.documentElement.dataset.ran='yes'>\"'&"
)
PERSONAS: Final = (
    Persona(
        "p1",
        40,
        (Label("sea", 3.0, 20), Label("whales", 2.0, 9), Label("islands", 1.4, 7)),
        Advantage(0.41, 0.06, 900),
    ),
    Persona(
        "p3",
        60,
        (Label("crime", 3.4, 31), Label("night trains", 1.9, 12)),
        Advantage(0.2, 0.05, 1400),
    ),
    Persona("p4", 22, (Label("verse", 2.8, 15),), Advantage(0.02, 0.09, 300)),
    Persona("p2", 3, (Label("hidden away", 3.0, 2),)),
)


@dataclass
class StreamInMemory:
    """A stream that moves on by `per_look` records with every look; `down` if it should fail."""

    per_look: int = 200
    behind: int = 120
    down: bool = False
    looks: int = 0

    async def reached(self, _taken: Mapping[tuple[str, int], int]) -> Reached:
        if self.down:
            raise SourceUnavailable("Kafka does not respond just now; try again in a moment")
        self.looks += 1
        ends = {(INTERACTIONS, 0): 1_000 + self.looks * self.per_look, (PREFERENCES, 0): 40}
        at_ms = NOON_MS + self.looks * 2_000
        return Reached(
            at_ms=at_ms,
            ends=ends,
            taken={**ends, (INTERACTIONS, 0): ends[INTERACTIONS, 0] - self.behind},
            oldest_waiting_ms=at_ms - 1_500 if self.behind else None,
        )


def letter(
    position: str, raw: bytes, *, reason: str = "invalid-json", detail: str = "broken"
) -> Letter:
    return Letter(
        position=position,
        tenant="default",
        reason=reason,
        detail=detail,
        received_ms=NOON_MS - 3_600_000,
        key=b"anna",
        raw=raw,
        kept=len(raw),
        length=len(raw),
        sha256="ab" * 32,
    )


@dataclass
class LettersInMemory:
    """`sent` are what was sent again: position, value, and whether keyed by the event."""

    held: list[Letter] = field(default_factory=list)
    sent: list[tuple[str, bytes | None, bool]] = field(default_factory=list)

    async def letters(self, tenant: str) -> Sequence[Letter]:
        return [replace(one, raw=b"") for one in self.held if one.tenant == tenant]

    async def letter(self, tenant: str, position: str) -> Letter | None:
        found = [one for one in self.held if (one.tenant, one.position) == (tenant, position)]
        return found[0] if found else None

    async def send_again(
        self, tenant: str, position: str, *, value: bytes | None, key_of_event: bool
    ) -> None:
        found = await self.letter(tenant, position)
        assert found is not None
        if b"wrong" in (found.raw if value is None else value):
            raise NotSent(f"{position} would be refused again: it is wrong")
        self.sent.append((position, value, key_of_event))


@dataclass
class PastInMemory:
    past_of: PersonaPast = field(default_factory=lambda: PersonaPast((), ()))

    async def past(self, tenant: str) -> PersonaPast:
        return self.past_of if tenant == "default" else PersonaPast((), ())


ONLY_THE_FIRST: Final = (VersionState(name="", shown="live", in_force=True, previous=False),)


@dataclass
class VersionsInMemory:
    """Versions as they are written here; with every look the one being built comes on.

    Attributes:
        asked: What somebody asked for: a word and a version.
        refuses: Why nothing is done, if nothing is.
    """

    held: list[VersionState] = field(default_factory=lambda: list(ONLY_THE_FIRST))
    undertaking: Undertaking | None = None
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    refuses: str | None = None
    looks: int = 0

    async def now(self) -> VersionsNow:
        self.looks += 1
        come = min(self.looks * 1_000, 6_000)
        return VersionsNow(
            at_ms=NOON_MS + self.looks * 2_000,
            versions=tuple(
                replace(one, done=one.done + come, behind=one.behind - come)
                if one.workers and not one.kept
                else one
                for one in self.held
            ),
        )

    def comparison(self, name: str) -> Comparison | None:
        return self.comparisons.get(name)

    def compare(self, name: str) -> None:
        self._note("compare", name)

    def promote(self, name: str) -> None:
        self._note("promote", name)

    async def roll_back(self) -> str:
        self._note("roll back", "")
        return "live"

    def _note(self, what: str, name: str) -> None:
        if self.refuses is not None:
            raise NotDone(self.refuses)
        self.asked.append((what, name))
        self.undertaking = Undertaking(what=what, name=name)


SEVERAL_VERSIONS: Final = (
    VersionState(name="", shown="live", in_force=False, previous=True),
    VersionState(
        name="fast",
        shown="fast",
        in_force=True,
        previous=False,
        created_ms=NOON_MS - 3_600_000,
        embedding_model="all-MiniLM-L6-v2",
        own_policy=True,
        workers=1,
        done=20_000,
        total=20_000,
    ),
    VersionState(
        name="slower",
        shown="slower",
        in_force=False,
        previous=False,
        created_ms=NOON_MS - 60_000,
        embedding_model="hashing",
        own_policy=True,
        own_personas=True,
        kept=False,
        workers=1,
        done=4_000,
        total=20_000,
        behind=16_000,
    ),
    VersionState(
        name="ready",
        shown="ready",
        in_force=False,
        previous=False,
        created_ms=NOON_MS - 50_000,
        embedding_model="hashing",
        kept=False,
        done=20_000,
        total=20_000,
        behind=1,
    ),
    VersionState(
        name="spring",
        shown="spring",
        in_force=False,
        previous=False,
        created_ms=NOON_MS - 40_000,
        embedding_model="hashing",
        follows=False,
        kept=False,
        done=900,
        total=900,
    ),
)


def compared(tenant: str = "default") -> Comparison:
    """Of "ready" with what is in force, with a user of somebody else's among those who differ."""
    return Comparison(
        names=("fast", "ready"),
        users=122,
        only_in=(1, 0),
        facts=2,
        weighed=100,
        distances=(0.12, 0.4, 0.71),
        largest=[
            Difference(
                tenant=tenant,
                user_id=HOSTILE,
                distance=0.71,
                events=(3, 3),
                effective_sample_size=(2.0, 2.5),
            ),
            Difference(
                tenant="another",
                user_id="somebody else's",
                distance=0.6,
                events=(3, 3),
                effective_sample_size=(2.0, 2.5),
            ),
        ],
        ranked=50,
        overlap=7.5,
        scores=(
            [Scores(tenant=tenant, personas=3, users=122, silhouette=0.31, nats=0.2)],
            [Scores(tenant=tenant, personas=4, users=122, silhouette=0.35, nats=None)],
        ),
    )


def _unit(vector: tuple[float, ...]) -> Vector:
    found = np.array(vector, np.float32)
    unit: Vector = found / np.linalg.norm(found)
    return unit


CENTROIDS: Final = {
    "p1": _unit(SEA),
    "p3": _unit(CRIME),
    "p4": _unit((0.0, 0.4, 0.9, 0.0)),
    "p2": _unit(VERSE),
}


@dataclass
class Shown:
    """A dashboard and what it stands on."""

    world: World = field(default_factory=World)
    stream: StreamInMemory = field(default_factory=StreamInMemory)
    letters: LettersInMemory = field(default_factory=LettersInMemory)
    past: PastInMemory = field(default_factory=PastInMemory)
    versions: VersionsInMemory = field(default_factory=VersionsInMemory)
    report: bytes | None = None

    def dashboard(self) -> Dashboard:
        return Dashboard(
            flow=self.stream,
            letters=self.letters,
            past=self.past,
            versions=self.versions,
            report=lambda: self.report,
            now_ms=lambda: NOON_MS + self.stream.looks * 2_000 + 1_000,
        )

    def app(self, *, access: Access | None = None) -> FastAPI:
        own_writes = OwnWrites(
            control=PointControlStore(MemoryPoints(CONTROL_COLLECTION)),
            users=self.world.users,
            cache=self.world.cache,
            partitions=1,
        )
        return create_app(
            self.world.lookup(),
            own_writes=own_writes,
            dashboard=self.dashboard(),
            access=access,
            persons=Persons(
                users=self.world.users,
                items=self.world.items,
                passages=PointPassageStore(MemoryPoints(passage_collection(4))),
                policy=DEFAULT_POLICY,
            ),
        )

    def client(self, *, access: Access | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app(access=access)), base_url="http://strata.test"
        )


async def populated() -> Shown:
    """Books, readers of three personas, statistics with a silenced one, letters and a past."""
    shown = Shown()
    world = shown.world
    for item_id, vector in LIBRARY.items():
        await world.add_item(item_id, vector)
    await world.add_item(HOSTILE, (0.7, 0.3, 0.0, 0.0))
    await _publish_personas(world)
    await _publish_statistics(world)
    await _add_readers(world)
    shown.letters.held = [
        letter(
            "interactions/3/1042", b'{"event_id": "e-1", "wrong": 1}', detail="user_id is missing"
        ),
        letter("interactions/1/77", HOSTILE.encode(), detail=HOSTILE),
        letter("documents/0/5", b"\xff\xfe\x00", reason="not-utf-8"),
    ]
    shown.versions.held = list(SEVERAL_VERSIONS)
    shown.versions.comparisons["ready"] = compared()
    shown.past.past_of = PersonaPast(_fates(), _placed())
    return shown


async def _publish_personas(world: World) -> None:
    body = PersonaSet("default", 3, 9, PERSONAS, 0.31, sum(one.size for one in PERSONAS))
    published = await PointPersonaStore(world.persona_points).publish(
        PersonaDocument("default", 3, TOKEN, encode_personas(body), CENTROIDS)
    )
    assert published
    await world.aggregates.put_snapshot(released_personas_name("default"), encode_personas(body))


async def _publish_statistics(world: World) -> None:
    def key(item_id: str) -> int:
        return item_key("default", item_id)

    silenced = SilencedSnapshot(
        satisfaction="approval",
        users=122,
        share=0.18,
        fraction=0.8,
        floor=0.1,
        price=0.012,
        price_others=0.015,
        groups=(
            SilencedGroup(
                "p4",
                22,
                0.41,
                0.66,
                0.6,
                key("odes"),
                True,
                True,
                3,
                (SilencedReversal(key("odes"), None, 0.3, -0.2, 0.01),),
            ),
            SilencedGroup("p1", 40, 0.7, 0.72, 0.95, key("moby"), False, False, 0, ()),
            SilencedGroup("p3", 60, 0.8, 0.78, 1.0, key("lupin"), False, False, 0, ()),
        ),
    )
    await world.publish_statistics(
        {"lupin": 9.0, "moby": 7.0, "sonnets": 5.0, HOSTILE: 3.0, "odes": 2.0},
        users=122,
        silenced=silenced,
    )
    await world.publish_statistics({"moby": 6.0, "omoo": 4.0, "typee": 1.0}, scope="p1", users=40)
    await world.publish_statistics({"lupin": 6.0, "holmes": 4.0}, scope="p3", users=60)
    await world.publish_statistics({"sonnets": 6.0, "odes": 4.0}, scope="p4", users=22)


async def _add_readers(world: World) -> None:
    await world.add_user(
        "ishmael",
        [
            like("ishmael", "sonnets", at_ms=NOON_MS - 200 * DAY_MS),
            like("ishmael", "moby", at_ms=NOON_MS - 9 * DAY_MS),
            like("ishmael", "typee"),
            events.Interaction(
                "default", "no", NOON_MS - 2_000, "ishmael", "lupin", "dislike", None, None
            ),
            events.Attributes("default", "a", NOON_MS, "ishmael", {"country": "NL", "age": 30}),
        ],
        persona="p1",
    )
    await world.add_user(
        HOSTILE,
        [
            like(HOSTILE, "moby"),
            events.Interaction(
                "default", "h", NOON_MS + 1, HOSTILE, "odes", HOSTILE[:200], None, None
            ),
            events.Attributes("default", "x", NOON_MS, HOSTILE, {HOSTILE: HOSTILE}),
        ],
        persona="p1",
    )
    for number in range(12):
        await world.add_user(f"reader-{number}", [like(f"reader-{number}", "moby")], persona="p1")


def _fates() -> tuple[PersonaEvent, ...]:
    told = (
        (PersonaFate.BIRTH, "p1", None, 20, 1),
        (PersonaFate.BIRTH, "p3", None, 33, 1),
        (PersonaFate.SPLIT, "p4", "p3", 14, 2),
        (PersonaFate.MERGE, "p5", "p1", 8, 3),
    )
    return tuple(
        PersonaEvent(
            event_id=f"default/{version}/{persona}",
            occurred_at=f"2023-11-0{version}T12:00:00.000Z",
            tenant="default",
            version=version,
            fate=fate,
            persona=persona,
            other=other,
            members=members,
        )
        for fate, persona, other, members, version in told
    )


def _placed() -> tuple[PlacedPersonas, ...]:
    return tuple(
        PlacedPersonas(
            at_ms=NOON_MS - (3 - step) * DAY_MS,
            version=step,
            space=0,
            places={
                name: _unit(tuple((place + 0.12 * (3 - step)).tolist()))
                for name, place in CENTROIDS.items()
            },
        )
        for step in range(3)
    )
