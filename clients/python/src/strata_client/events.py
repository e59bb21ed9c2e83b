"""Events, checked before they are sent as the stream will check them.

`event_id` and `occurred_at` are filled in where they are left out of an object: a new id, and
now. A mapping is taken as it is, with both of them in it.

>>> Interaction(user_id="anna", item_id="emma", action="rate", value=5).action
'rate'
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias, get_args

import msgspec

from strata_client._strict import instant_ms, is_writable
from strata_client.keys import DEFAULT_TENANT, record_key

__all__ = [
    "MAX_RECORD_BYTES",
    "Attributes",
    "Choice",
    "Consent",
    "Document",
    "Erasure",
    "Event",
    "EventLike",
    "Identity",
    "Interaction",
    "Item",
    "ItemRetired",
    "NotAnEvent",
    "Preference",
    "Record",
    "Removal",
    "checked",
    "record_of",
]

MAX_RECORD_BYTES: Final = 1_048_576
_MAX_ID_BYTES: Final = 512
_MAX_DEPTH: Final = 64
_AHEAD_MS: Final = 86_400_000
_DATA_TYPES: Final = ("documents", "attributes", "interactions", "preferences")

Scalar: TypeAlias = str | int | float | bool


def _new_id() -> str:
    return uuid.uuid4().hex


def _now() -> str:
    moment = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    return moment.removesuffix("+00:00") + "Z"


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """What all events have.

    Attributes:
        event_id: Names the event: a repeat of it, with the same `occurred_at`, changes nothing.
        occurred_at: RFC 3339 with an offset (`moment.isoformat()` of an aware datetime), or
            epoch seconds.
        tenant: Left out, the client's.
    """

    event_id: str = msgspec.field(default_factory=_new_id)
    occurred_at: int | float | str = msgspec.field(default_factory=_now)
    tenant: str | None = None


class Choice(msgspec.Struct, frozen=True, omit_defaults=True):
    """One side of a preference: an item or a text."""

    item_id: str | None = None
    text: str | None = None


class Interaction(_Event, frozen=True, tag="interaction"):
    """What a user did with an item, such as `view`, `rate` with a value, or `vote`."""

    user_id: str
    item_id: str
    action: str
    value: float | None = None
    context: dict[str, object] | None = None


class Preference(_Event, frozen=True, tag="preference"):
    """Which of two a user chose; with a `strength` of 0, that they saw no difference."""

    user_id: str
    chosen: Choice
    rejected: Choice
    prompt: str | None = None
    strength: float | None = None


class Document(_Event, frozen=True, tag="document"):
    """What a user wrote; `about` names the items it speaks of."""

    user_id: str
    document_id: str
    text: str
    title: str | None = None
    kind: str | None = None
    about: tuple[str, ...] | None = None


class Attributes(_Event, frozen=True, tag="attributes"):
    """What is static about a user."""

    user_id: str
    attributes: dict[str, Scalar]


class Item(_Event, frozen=True, tag="item"):
    """What is offered; the latest event of an item replaces it."""

    item_id: str
    text: str
    title: str | None = None
    attributes: dict[str, str | int | float | bool | tuple[Scalar, ...]] | None = None


class Consent(_Event, frozen=True, tag="consent"):
    """Whether a kind of the user's data may be used from now on."""

    user_id: str
    data_type: str
    granted: bool


class Erasure(_Event, frozen=True, tag="erasure"):
    """Everything about the user is to be forgotten."""

    user_id: str


class ItemRetired(_Event, frozen=True, tag="item_retired"):
    """The item is no longer offered; history keeps it."""

    item_id: str


class Identity(_Event, frozen=True, tag="identity"):
    """The anonymous id `same_as` turned out to be this user."""

    user_id: str
    same_as: str


class Removal(_Event, frozen=True, tag="removal"):
    """One line is to be forgotten: an event of the user's, or an attribute.

    Attributes:
        attribute: Of `attributes`: which; every value stated up to `occurred_at` goes.
        removed_id, removed_at: Of every other kind: `event_id` and `occurred_at` of what goes.
    """

    user_id: str
    data_type: str
    attribute: str | None = None
    removed_id: str | None = None
    removed_at: str | int | float | None = None


Event: TypeAlias = (
    Interaction
    | Preference
    | Document
    | Attributes
    | Item
    | Consent
    | Erasure
    | ItemRetired
    | Identity
    | Removal
)
EventLike: TypeAlias = Event | Mapping[str, object]
"""An event, or its members as they would stand in JSON."""


class NotAnEvent(ValueError):
    """Why something is no event.

    Attributes:
        code: A fixed word, as the service and dead letters use it.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it is sent.

    Attributes:
        value: Its JSON.
    """

    topic: str
    key: bytes
    value: bytes


_KINDS: Final[Mapping[str, type[Event]]] = MappingProxyType(
    {str(kind.__struct_config__.tag): kind for kind in get_args(Event)}
)
_TOPICS: Final[Mapping[type[Event], str]] = MappingProxyType(
    {
        Interaction: "strata.interactions",
        Preference: "strata.preferences",
        Document: "strata.documents",
        Attributes: "strata.attributes",
        Identity: "strata.attributes",
        Consent: "strata.consents",
        Erasure: "strata.erasures",
        Removal: "strata.consents",
        Item: "strata.items",
        ItemRetired: "strata.items",
    }
)
_PRESET: Final = ("event_id", "occurred_at")
_encoder = msgspec.json.Encoder()


def checked(event: EventLike, *, now_ms: int) -> Event:
    """The event, if the stream will accept it.

    Args:
        now_ms: Milliseconds since the epoch; an event may lie a day ahead of it.

    Raises:
        NotAnEvent: saying why not.
    """
    members = _members(event)
    if not is_writable(members, max_depth=_MAX_DEPTH):
        raise NotAnEvent("not-json", "holds something that strict JSON cannot say")
    kind = _KINDS.get(str(members.get("type")))
    if kind is None:
        raise NotAnEvent("unknown-type", f"type must be one of {', '.join(_KINDS)}")
    found = _converted({name: one for name, one in members.items() if one is not None}, kind)
    _check_names(found)
    _check_time(found.occurred_at, now_ms)
    _check_meaning(found)
    return found


def record_of(event: EventLike, *, tenant: str, now_ms: int) -> Record:
    """The record of a tenant's event.

    Raises:
        NotAnEvent: the stream would refuse it, or it is another tenant's.
    """
    found = checked(event, now_ms=now_ms)
    if found.tenant not in {None, tenant}:
        raise NotAnEvent("invalid-field", "tenant differs from the client's")
    found = msgspec.structs.replace(found, tenant=None if tenant == DEFAULT_TENANT else tenant)
    value = _encoder.encode(found)
    if len(value) > MAX_RECORD_BYTES:
        raise NotAnEvent("too-large", f"larger than {MAX_RECORD_BYTES} bytes")
    owner = found.item_id if isinstance(found, Item | ItemRetired) else found.user_id
    return Record(_TOPICS[type(found)], record_key(tenant, owner), value)


def _members(event: EventLike) -> Mapping[str, object]:
    if isinstance(event, Mapping):
        return dict(event)
    try:
        members: dict[str, object] = msgspec.to_builtins(event)
    except TypeError as error:
        raise NotAnEvent("wrong-type", str(error)) from error
    return members


def _converted(members: dict[str, object], kind: type[Event]) -> Event:
    for name in _PRESET:
        if name not in members:
            raise NotAnEvent("missing-field", f"{name} is missing")
    for name in ("chosen", "rejected"):
        side = members.get(name)
        if kind is Preference and isinstance(side, dict):
            members[name] = {key: one for key, one in side.items() if one is not None}
    try:
        return msgspec.convert(members, kind)
    except msgspec.ValidationError as error:
        raise NotAnEvent("wrong-type", str(error)) from error


def _check_names(event: Event) -> None:
    named = {name: getattr(event, name, None) for name in _NAMES}
    match event:
        case Preference(chosen=chosen, rejected=rejected):
            named["chosen.item_id"], named["rejected.item_id"] = chosen.item_id, rejected.item_id
        case Document(about=about):
            named |= {f"about.{index}": one for index, one in enumerate(about or ())}
        case _:
            pass
    for name, text in named.items():
        if text is not None and not 1 <= len(text.encode()) <= _MAX_ID_BYTES:
            raise NotAnEvent("invalid-id", f"{name} must have 1 to {_MAX_ID_BYTES} bytes of UTF-8")


_NAMES: Final = (
    "event_id",
    "tenant",
    "user_id",
    "item_id",
    "document_id",
    "same_as",
    "action",
    "removed_id",
)


def _check_time(occurred_at: str | float, now_ms: int) -> None:
    at_ms = instant_ms(occurred_at)
    if at_ms is None and isinstance(occurred_at, str):
        raise NotAnEvent("invalid-field", "occurred_at is not an RFC 3339 date-time")
    if at_ms is None or not 0 <= at_ms <= now_ms + _AHEAD_MS:
        raise NotAnEvent("time-out-of-range", "occurred_at is before 1970 or too far ahead")


def _check_removal(event: Removal) -> None:
    if event.data_type not in _DATA_TYPES:
        raise NotAnEvent("invalid-field", f"data_type must be one of {', '.join(_DATA_TYPES)}")
    stated = event.data_type == "attributes"
    of_event = (event.removed_id is not None, event.removed_at is not None)
    if (event.attribute is not None) != stated or of_event != (not stated, not stated):
        raise NotAnEvent(
            "invalid-field",
            "a removal names an attribute, or removed_id and removed_at of another kind",
        )
    if event.removed_at is not None:
        removed_ms = instant_ms(event.removed_at)
        if removed_ms is None or removed_ms < 0:
            raise NotAnEvent("invalid-field", "removed_at is no time that can have been")


def _check_meaning(event: Event) -> None:
    match event:
        case Preference():
            for name, side in (("chosen", event.chosen), ("rejected", event.rejected)):
                if (side.item_id is None) == (side.text is None):
                    raise NotAnEvent("invalid-field", f"{name} needs either item_id or text")
            if event.chosen == event.rejected:
                raise NotAnEvent("invalid-field", "chosen and rejected are the same")
            if event.strength is not None and not event.strength >= 0:
                raise NotAnEvent("invalid-field", "strength must not be negative")
        case Consent() if event.data_type not in _DATA_TYPES:
            raise NotAnEvent("invalid-field", f"data_type must be one of {', '.join(_DATA_TYPES)}")
        case Removal():
            _check_removal(event)
        case Identity() if event.user_id == event.same_as:
            raise NotAnEvent("invalid-field", "same_as must differ from user_id")
        case _:
            pass
