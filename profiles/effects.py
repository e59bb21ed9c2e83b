"""What an event does to a user's state: a closed set of effects.

Folding knows effects, not events; a new event type says here what it does, and
a new *effect* makes `assert_never` list every place that must learn it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from msgspec import Struct

from profiles.choices.textkeys import text_key
from profiles.entries import SUPERSEDES, TEXT, entry, normal
from profiles.ids import action_code, event_hash, item_key
from profiles.policy import CHOICE, TIE, Policy
from profiles.state import AttributeValue, DataType, Scalar
from schemas import decoded as events
from schemas.instants import instant_ms

__all__ = [
    "Effect",
    "Forget",
    "Remember",
    "Remove",
    "Say",
    "State",
    "Unstate",
    "UserEvent",
    "act_row",
    "effects_of",
    "kind_of",
]

Row = tuple[int, int, int, float, int, int]

UserEvent = (
    events.Interaction
    | events.Preference
    | events.Document
    | events.Attributes
    | events.Consent
    | events.Erasure
    | events.Identity
    | events.Removal
)

_STRONGEST = 5.0


class Remember(Struct, frozen=True, gc=False):
    """Add the event's entries to a set and count it once."""

    kind: DataType
    action: str
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class State:
    """Stated attribute values; per name the latest wins."""

    time_ms: int
    event: int
    values: Mapping[str, Scalar]


@dataclass(frozen=True, slots=True)
class Say:
    """A consent given or withdrawn; per data type the latest wins."""

    kind: DataType
    said: AttributeValue


@dataclass(frozen=True, slots=True)
class Forget:
    """Entries of these kinds at or before `cutoff_ms` have no place any more."""

    kinds: tuple[DataType, ...]
    cutoff_ms: int


@dataclass(frozen=True, slots=True)
class Remove:
    """The entries of one event, by its time and the hash of its id, have no place any more."""

    kind: DataType
    time_ms: int
    event: int


@dataclass(frozen=True, slots=True)
class Unstate:
    """Values of an attribute stated at or before `cutoff_ms` have no place any more."""

    name: str
    cutoff_ms: int


Effect = Remember | State | Say | Forget | Remove | Unstate


def kind_of(event: UserEvent) -> DataType:
    """The kind of data that an event brings; `CONTROLS` for what is said about the others."""
    match event:
        case events.Interaction():
            return DataType.INTERACTIONS
        case events.Preference():
            return DataType.PREFERENCES
        case events.Document():
            return DataType.DOCUMENTS
        case events.Attributes():
            return DataType.ATTRIBUTES
        case events.Consent() | events.Erasure() | events.Identity() | events.Removal():
            return DataType.CONTROLS
        case _:
            assert_never(event)


def effects_of(event: UserEvent, policy: Policy) -> tuple[Effect, ...]:
    """Effects of one event on its user, in the order in which they are folded."""
    time_ms = event.occurred_at_ms
    identity = event_hash(event.event_id)

    def remember(kind: DataType, action: str, item: int = 0, flags: int = TEXT) -> Remember:
        row = entry(
            time_ms=time_ms,
            event=identity,
            item=item,
            weight=0.0,
            action=action_code(action),
            flags=flags,
        )
        return Remember(kind, action, (row,))

    match event:
        case events.Interaction():
            row = act_row(event, policy)
            return (Remember(DataType.INTERACTIONS, event.action, (row,)),)
        case events.Preference():
            return (_choice(event, policy, time_ms, identity),)
        case events.Document():
            document = item_key(event.tenant, event.document_id)
            return (remember(DataType.DOCUMENTS, event.kind or "write", document),)
        case events.Attributes():
            return (
                remember(DataType.ATTRIBUTES, "state"),
                State(time_ms, identity, event.attributes),
            )
        case events.Consent():
            kind = DataType(event.data_type)
            said = Say(kind, AttributeValue(time_ms, identity, event.granted))
            word = remember(DataType.CONTROLS, "grant" if event.granted else "withdraw")
            return (word, said, *(() if event.granted else (Forget((kind,), time_ms),)))
        case events.Erasure():
            # Not even that it was asked for is remembered: nobody was here.
            return (Forget(tuple(DataType), time_ms),)
        case events.Identity():
            other = item_key(event.tenant, event.same_as)
            return (remember(DataType.CONTROLS, "same-as", other),)
        case events.Removal():
            return (_removal(event),)
        case _:
            assert_never(event)


def act_row(event: events.Interaction, policy: Policy) -> Row:
    """The entry of an interaction."""
    action = event.action
    rule = policy.rule(action)
    return (
        event.occurred_at_ms,
        event_hash(event.event_id),
        item_key(event.tenant, event.item_id),
        normal(rule.weight + 0.0 if event.value is None else rule.weigh(event.value)),
        action_code(action),
        SUPERSEDES if rule.supersedes else 0,
    )


def _removal(event: events.Removal) -> Remove | Unstate:
    """Not that it was removed is remembered, but what must not come back."""
    if event.attribute is not None:
        return Unstate(event.attribute, event.occurred_at_ms)
    removed_ms = None if event.removed_at is None else instant_ms(event.removed_at)
    if event.removed_id is None or removed_ms is None:
        raise AssertionError("validation admits removals of one line only")
    return Remove(DataType(event.data_type), removed_ms, event_hash(event.removed_id))


def _choice(event: events.Preference, policy: Policy, time_ms: int, identity: int) -> Remember:
    strength = 1.0 if event.strength is None else min(event.strength, _STRONGEST)
    weight = policy.choice_weight * strength
    word = TIE if event.is_tie else CHOICE
    action = action_code(word)
    rows: list[Row] = []
    for side, signed in ((event.chosen, weight), (event.rejected, 0.0 - weight)):
        named = side.item_id
        tenant = event.tenant
        key = item_key(tenant, named) if named is not None else text_key(tenant, side.text or "")
        rows.append(
            entry(
                time_ms=time_ms,
                event=identity,
                item=key,
                weight=signed,
                action=action,
                flags=0 if named is not None else TEXT,
            )
        )
    return Remember(DataType.PREFERENCES, word, tuple(rows))
