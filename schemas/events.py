"""The events that cross Strata's boundary, as pydantic models.

For producers, HTTP bodies and the generated JSON Schemas. The stream reads the same records
through `schemas.fast`; a property test holds that both accept the same set with the same values.

Everywhere: unknown fields are ignored, `null` counts as absent, ids, tenants and actions have
1 to 512 bytes of UTF-8, other texts may be empty. Limits may be given as the validation
context, a `Deadline`; without one the time may lie ahead without bound.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    FiniteFloat,
    Strict,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    model_validator,
)

from schemas.cloudevents import Headers
from schemas.instants import instant_ms
from schemas.json_values import INT64_MAX, INT64_MIN
from schemas.limits import DEFAULT_LIMITS, Limits
from schemas.record import read_record
from schemas.rejection import Reason, Rejection
from schemas.strict_json import is_writable
from schemas.wire import DEFAULT_TENANT


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The validation context: when the record was received, and the limits it must keep."""

    received_ms: int
    limits: Limits = DEFAULT_LIMITS


def _limits(info: ValidationInfo) -> Limits:
    return info.context.limits if isinstance(info.context, Deadline) else DEFAULT_LIMITS


def _identifier(text: str, info: ValidationInfo) -> str:
    limits = _limits(info)
    if not 1 <= len(text.encode()) <= limits.max_id_bytes:
        raise ValueError(f"must have 1 to {limits.max_id_bytes} bytes of UTF-8")
    return text


def _text(text: str) -> str:
    text.encode()
    return text


def _instant(occurred_at: str | float, info: ValidationInfo) -> str | float:
    at_ms = instant_ms(occurred_at)
    if at_ms is None or at_ms < 0:
        raise ValueError("must be an RFC 3339 date-time or epoch seconds, not before 1970")
    context = info.context
    if isinstance(context, Deadline) and at_ms > context.received_ms + context.limits.ahead_ms:
        raise ValueError("is too far ahead")
    return occurred_at


def _json_object(members: dict[str, object], info: ValidationInfo) -> dict[str, object]:
    # One level less than the record: the event itself is around it.
    if not is_writable(members, max_depth=_limits(info).max_depth - 1):
        raise ValueError("holds something that strict JSON cannot say, or nests too deep")
    return members


def _default_tenant(tenant: object) -> object:
    return DEFAULT_TENANT if tenant is None else tenant


_IDENTIFIER: Final = {"minLength": 1, "maxLength": 512}
_INSTANT: Final = {
    "description": "RFC 3339 date-time, or epoch seconds; not before 1970",
    "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0}],
}

Identifier = Annotated[str, AfterValidator(_identifier), Field(json_schema_extra=_IDENTIFIER)]
Text = Annotated[str, AfterValidator(_text)]
Tenant = Annotated[
    Identifier,
    BeforeValidator(_default_tenant),
    Field(json_schema_extra={"type": ["string", "null"]}),
]
Instant = Annotated[str | int | float, AfterValidator(_instant), Field(json_schema_extra=_INSTANT)]
Int64 = Annotated[int, Field(ge=INT64_MIN, le=INT64_MAX)]
Scalar: TypeAlias = Text | bool | Int64 | FiniteFloat
JsonObject = Annotated[dict[str, object], AfterValidator(_json_object)]
ItemIds = Annotated[tuple[Identifier, ...], Strict(False)]
Scalars = Annotated[tuple[Scalar, ...], Strict(False)]


class _Closed(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")


class _Event(_Closed):
    event_id: Identifier
    occurred_at: Instant
    tenant: Tenant = DEFAULT_TENANT

    @property
    def occurred_at_ms(self) -> int:
        """Milliseconds since the epoch, in UTC, rounded down."""
        at_ms = instant_ms(self.occurred_at)
        if at_ms is None:
            raise AssertionError("validation admits instants only")
        return at_ms


class Choice(_Closed):
    """One side of a preference: either an item or a text."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"type": "string"}}}
                for name in ("item_id", "text")
            ]
        }
    )

    item_id: Identifier | None = None
    text: Text | None = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.item_id is None) == (self.text is None):
            raise ValueError("needs either item_id or text")
        return self


class Interaction(_Event):
    """What a user did with an item, such as `view`, `rate` with a value, or `vote`."""

    type: Literal["interaction"] = "interaction"
    user_id: Identifier
    item_id: Identifier
    action: Identifier
    value: FiniteFloat | None = None
    context: JsonObject | None = None


class Preference(_Event):
    """Which of two a user chose; with a strength of 0, that they saw no difference."""

    type: Literal["preference"] = "preference"
    user_id: Identifier
    chosen: Choice
    rejected: Choice
    prompt: Text | None = None
    strength: Annotated[FiniteFloat, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _is_a_choice(self) -> Self:
        if self.chosen == self.rejected:
            raise ValueError("chosen and rejected are the same")
        return self


class Document(_Event):
    """What a user wrote; `about` names the items it speaks of."""

    type: Literal["document"] = "document"
    user_id: Identifier
    document_id: Identifier
    text: Text
    title: Text | None = None
    kind: Text | None = None
    about: ItemIds | None = None


class Attributes(_Event):
    """What is static about a user."""

    type: Literal["attributes"] = "attributes"
    user_id: Identifier
    attributes: dict[Text, Scalar]


class Item(_Event):
    """What is offered; the latest event of an item replaces it."""

    type: Literal["item"] = "item"
    item_id: Identifier
    text: Text
    title: Text | None = None
    attributes: dict[Text, Scalar | Scalars] | None = None


class Consent(_Event):
    """Whether a kind of the user's data may be used from now on."""

    type: Literal["consent"] = "consent"
    user_id: Identifier
    data_type: Literal["documents", "attributes", "interactions", "preferences"]
    granted: bool


class Erasure(_Event):
    """Everything about the user is to be forgotten."""

    type: Literal["erasure"] = "erasure"
    user_id: Identifier


class ItemRetired(_Event):
    """The item is no longer offered; history keeps it."""

    type: Literal["item_retired"] = "item_retired"
    item_id: Identifier


class Identity(_Event):
    """The anonymous id `same_as` turned out to be this user."""

    type: Literal["identity"] = "identity"
    user_id: Identifier
    same_as: Identifier

    @model_validator(mode="after")
    def _joins_two(self) -> Self:
        if self.user_id == self.same_as:
            raise ValueError("same_as must differ from user_id")
        return self


class Removal(_Event):
    """One line is to be forgotten: an event of the user's, or what they stated of an attribute.

    Of attributes `attribute` names which; every value stated up to `occurred_at` goes. Of other
    kinds `removed_id` and `removed_at` are `event_id` and `occurred_at` of the event that goes.
    """

    type: Literal["removal"] = "removal"
    user_id: Identifier
    data_type: Literal["documents", "attributes", "interactions", "preferences"]
    attribute: Text | None = None
    removed_id: Identifier | None = None
    removed_at: Instant | None = None

    @model_validator(mode="after")
    def _names_one_line(self) -> Self:
        of_event = (self.removed_id is not None, self.removed_at is not None)
        stated = self.data_type == "attributes"
        if (self.attribute is not None) != stated or of_event != (not stated, not stated):
            raise ValueError("names an attribute, or removed_id and removed_at of another kind")
        return self


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
EVENT: Final[TypeAdapter[Event]] = TypeAdapter(Annotated[Event, Discriminator("type")])


def validate(
    raw: bytes,
    *,
    received_ms: int,
    limits: Limits = DEFAULT_LIMITS,
    headers: Headers = (),
) -> Event | Rejection:
    """What `schemas.fast.decode` decides, through the models; never raises for any bytes.

    Slow, and by intent a second opinion: the property test compares the two.
    """
    members = read_record(raw, limits=limits, headers=headers)
    if isinstance(members, Rejection):
        return members
    try:
        return EVENT.validate_python(
            members, context=Deadline(received_ms=received_ms, limits=limits)
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(step) for step in first["loc"])
        return Rejection(Reason.INVALID_FIELD, f"{place}: {first['msg']}")
