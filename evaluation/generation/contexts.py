"""What each level is told before something is written.

* *none*: the input alone.
* *global*: what others wrote for inputs that share particular words with this one.
* *persona*: the same, of others who write alike (`evaluation.generation.styles`).
* *user*: what this user wrote, for the most similar inputs first, then the latest.
* *blend*: the user's own where there is something, else the persona's, else everybody's.

Of others the user's own texts are left out, so that the levels share nothing. A level without
evidence is told as much as none: it abstains.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import Final

from evaluation.generation.examples import Example, Examples
from evaluation.generation.styles import Styles
from evaluation.generation.task import Assignment, Choices, Kind, assignment_of
from evaluation.nextitem import StoredStates
from profiles.ids import user_key
from profiles.policy import DEFAULT_POLICY
from profiles.state import DataType
from schemas.decoded import (
    Consent,
    Document,
    Erasure,
    FastEvent,
    Identity,
    Item,
    Preference,
)

__all__ = ["Asked", "Brief", "Context", "Writings"]

_TOLD: Final = 5


class Context(StrEnum):
    """Whose evidence a writer is given."""

    NONE = "none"
    GLOBAL = "global"
    PERSONA = "persona"
    USER = "user"
    BLEND = "blend"


@dataclass(frozen=True, slots=True)
class Told:
    """An earlier input and what was written for it."""

    inputs: tuple[str, ...]
    output: str


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a writer sees. Equal briefs deserve equal texts."""

    kind: Kind
    inputs: tuple[str, ...]
    chosen: bool
    told: tuple[Told, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A document before it is applied.

    Attributes:
        history: The user's own earlier documents that were asked for or could have been.
        reference: What the user wrote.
    """

    event_id: str
    user_id: str
    history: int
    reference: str
    briefs: Mapping[Context, Brief]


class Writings:
    """What is known of who wrote what; asked before each event, and told of it afterwards.

    What a user's state has forgotten (consent withdrawn, erasure) and what the latest K documents
    push out of it is told to nobody, as in the stream.
    """

    def __init__(self, *, seed: int = 0) -> None:
        self._states = StoredStates(DEFAULT_POLICY)
        self._examples = Examples()
        self._styles = Styles(seed=seed)
        self._choices = Choices()
        self._texts: dict[str, str] = {}

    def ask(self, event: FastEvent) -> Asked | None:
        """What each level is told; None for an event that is not asked for."""
        if not isinstance(event, Document):
            return None
        assignment = assignment_of(event, self._texts, self._choices)
        if assignment is None:
            return None
        own = self._examples.of(event.user_id)
        told = self._told(event.user_id, assignment, own)
        return Asked(
            event_id=event.event_id,
            user_id=event.user_id,
            history=len(own),
            reference=assignment.reference,
            briefs={
                context: Brief(
                    assignment.kind,
                    assignment.inputs,
                    assignment.chosen,
                    tuple(Told(one.inputs, one.output) for one in examples),
                )
                for context, examples in told.items()
            },
        )

    def note(self, event: FastEvent) -> None:
        """The event has happened."""
        match event:
            case Item():
                self._texts[event.item_id] = event.text
            case Preference():
                self._choices.note(event)
            case Document():
                self._write(event)
            case Consent() | Erasure():
                self._states.add(event)
                if isinstance(event, Erasure):
                    self._choices.forget(event.user_id)
                self._examples.forget(event.user_id, through_ms=self._forgotten_ms(event))
                self._restyle(event.user_id)
            case Identity():
                self._examples.rename(event.same_as, event.user_id)
                self._restyle(event.same_as)
                self._restyle(event.user_id)
            case _:
                pass

    def end_warm(self) -> None:
        """The known population is complete: find its ways of writing."""
        self._styles.fit()

    def _write(self, event: Document) -> None:
        assignment = assignment_of(event, self._texts, self._choices)
        if assignment is None or event.occurred_at_ms <= self._forgotten_ms(event):
            return
        self._examples.add(
            Example(
                event.user_id,
                event.document_id,
                event.occurred_at_ms,
                assignment.inputs,
                assignment.reference,
            )
        )
        self._examples.keep_latest(event.user_id, DEFAULT_POLICY.kept)
        self._styles.add(event.user_id, assignment.reference)

    def _restyle(self, user_id: str) -> None:
        self._styles.set(user_id, [one.output for one in self._examples.of(user_id)])

    def _forgotten_ms(self, event: Document | Consent | Erasure) -> int:
        state = self._states.of(user_key(event.tenant, event.user_id))
        return state.forget_before.get(DataType.DOCUMENTS, -1)

    def _told(
        self, user_id: str, assignment: Assignment, own: list[Example]
    ) -> dict[Context, tuple[Example, ...]]:
        near = [example for _, example in self._examples.nearest(assignment)]
        style = self._styles.of(user_id)

        def of_others(example: Example) -> bool:
            return example.user_id != user_id

        def alike(example: Example) -> bool:
            return of_others(example) and self._styles.of(example.user_id) == style

        mine = [example for example in near if example.user_id == user_id]
        told: dict[Context, tuple[Example, ...]] = {
            Context.NONE: (),
            Context.GLOBAL: self._first(near, of_others),
            Context.PERSONA: () if style is None else self._first(near, alike),
            Context.USER: _distinct(chain(mine, reversed(own))),
        }
        told[Context.BLEND] = told[Context.USER] or told[Context.PERSONA] or told[Context.GLOBAL]
        return told

    def _first(
        self, near: list[Example], accepted: Callable[[Example], bool]
    ) -> tuple[Example, ...]:
        return _distinct(
            chain(filter(accepted, near), self._examples.newest(accepted)),
        )


def _distinct(examples: Iterable[Example]) -> tuple[Example, ...]:
    """The first five with different outputs."""
    return tuple(_first_of_each(examples))


def _first_of_each(examples: Iterable[Example]) -> Iterator[Example]:
    said: set[str] = set()
    for example in examples:
        if len(said) == _TOLD:
            return
        if example.output not in said:
            said.add(example.output)
            yield example
