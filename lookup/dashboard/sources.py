"""What the dashboard shows beside the lookup's answers, as ports: Kafka is not the read side's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from lookup.dashboard.comparison import Comparison
from profiles.ports import Vector
from schemas.persona_events import PersonaEvent

__all__ = [
    "Dashboard",
    "FlowSource",
    "Letter",
    "LetterSource",
    "NotDone",
    "NotSent",
    "PersonaPast",
    "PersonaSource",
    "PlacedPersonas",
    "Reached",
    "SourceUnavailable",
    "Undertaking",
    "VersionSource",
    "VersionState",
    "VersionsNow",
]


class SourceUnavailable(ConnectionError):
    """What the page is about cannot be read just now; the message is for people."""


class NotDone(ValueError):
    """What was asked for makes no sense now; the message says why."""


class NotSent(ValueError):
    """A dead letter would be refused again; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """How far the topics of events go, and how far they have been taken in, at one moment.

    Attributes:
        at_ms: Since the epoch.
        ends: (topic, partition) → offset after its last record.
        taken: The same places → next offset to be taken in.
        oldest_waiting_ms: When the oldest record arrived that waits; None if none does or if
            that could not be read.
    """

    at_ms: int
    ends: Mapping[tuple[str, int], int]
    taken: Mapping[tuple[str, int], int]
    oldest_waiting_ms: int | None


class FlowSource(Protocol):
    async def reached(self, taken: Mapping[tuple[str, int], int]) -> Reached:
        """Ends of the topics beside what has been taken in of them. Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A refused record.

    Attributes:
        position: What identifies it, such as `interactions/3/1042`.
        tenant: As far as the record tells; "default" where it does not.
        raw: Its value as far as it was kept; empty in lists.
        kept, length: Bytes that were kept, and that it had.
    """

    position: str
    tenant: str
    reason: str
    detail: str
    received_ms: int
    key: bytes | None
    raw: bytes
    kept: int
    length: int
    sha256: str


class LetterSource(Protocol):
    async def letters(self, tenant: str) -> Sequence[Letter]:
        """Those of a tenant, newest first, without their bytes. Raises SourceUnavailable."""
        ...

    async def letter(self, tenant: str, position: str) -> Letter | None:
        """One with its bytes. Raises SourceUnavailable."""
        ...

    async def send_again(
        self, tenant: str, position: str, *, value: bytes | None, key_of_event: bool
    ) -> None:
        """Send it where it came from, with another value if one is given.

        Raises:
            NotSent: there is no such letter, or it would be refused again.
            SourceUnavailable: Kafka cannot be reached.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedPersonas:
    """Where personas lay from `at_ms` on, all in one item space."""

    at_ms: int
    version: int
    space: int
    places: Mapping[str, Vector]


@dataclass(frozen=True, slots=True)
class PersonaPast:
    """As far back as the topics still tell, oldest first."""

    events: tuple[PersonaEvent, ...]
    placed: tuple[PlacedPersonas, ...]


class PersonaSource(Protocol):
    async def past(self, tenant: str) -> PersonaPast:
        """Raises SourceUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionState:
    """A version of all profiles, and how far it is.

    Attributes:
        name: "" for the one that was there before any other.
        shown: What it is called.
        previous: A rollback goes to it.
        created_ms, embedding_model: None for the first one, which is as the settings say.
        own_policy, own_personas: It was built with others than the settings'.
        follows: It takes in what comes; else it is a picture of the past.
        kept: The stack's own workers keep it up to date.
        workers: At work on it now.
        done, total: Records of events and items, from where it began.
        behind: Records that it has not taken in.
    """

    name: str
    shown: str
    in_force: bool
    previous: bool
    created_ms: int | None = None
    embedding_model: str | None = None
    own_policy: bool = False
    own_personas: bool = False
    follows: bool = True
    prepared: bool = True
    kept: bool = True
    dropping: bool = False
    workers: int = 0
    done: int = 0
    total: int = 0
    behind: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionsNow:
    """All versions, the first one first, then by age."""

    at_ms: int
    versions: tuple[VersionState, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaking:
    """What somebody has asked for on the page, and how far that is.

    Attributes:
        what: "compare" or "promote".
        done, total: Of whatever is gone through; 0 until that is known.
        failed: Why it came to nothing; None if it did not.
    """

    what: str
    name: str
    done: int = 0
    total: int = 0
    ended: bool = False
    failed: str | None = None


class VersionSource(Protocol):
    async def now(self) -> VersionsNow:
        """Raises SourceUnavailable, StoreUnavailable."""
        ...

    @property
    def undertaking(self) -> Undertaking | None:
        """The last one."""
        ...

    def comparison(self, name: str) -> Comparison | None:
        """What the last comparison with what was in force said; None where there was none."""
        ...

    def compare(self, name: str) -> None:
        """Begin. Raises NotDone: something else is under way."""
        ...

    def promote(self, name: str) -> None:
        """Begin: it is put in force once it has caught up. Raises NotDone, as `compare`."""
        ...

    async def roll_back(self) -> str:
        """Put in force what was before; its name. Raises NotDone, StoreUnavailable."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """What pages show beside the answers of the version in force; None for what is not there.

    Attributes:
        report: Reads `report.json` of `strata report`; None where there is none.
        new_id: Makes ids of events that nobody else makes.
    """

    flow: FlowSource | None = None
    letters: LetterSource | None = None
    past: PersonaSource | None = None
    versions: VersionSource | None = None
    report: Callable[[], bytes | None] = lambda: None
    now_ms: Callable[[], int]
    new_id: Callable[[], str] = lambda: uuid4().hex
