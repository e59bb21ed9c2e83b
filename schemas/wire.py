"""Events as they lie in a record, and the one place where they are admitted.

Both lanes of `schemas.fast` end here, so what a field may hold is said once for them; the
pydantic models of `schemas.events` say it again, and a property test holds the two equal.
"""

from typing import Final, TypeAlias

from msgspec import Struct

from schemas import decoded
from schemas.decoded import DATA_TYPES, Choice, FastEvent
from schemas.instants import instant_ms
from schemas.json_values import Scalar
from schemas.limits import Limits
from schemas.rejection import Reason, Rejection

DEFAULT_TENANT: Final = "default"


class _Wire(Struct, gc=False, kw_only=True, tag_field="type", forbid_unknown_fields=True):
    event_id: str
    occurred_at: int | float | str
    tenant: str | None = None


class Interaction(_Wire, gc=False, kw_only=True, tag="interaction"):
    user_id: str
    item_id: str
    action: str
    value: float | None = None
    # msgspec reads `object` as any JSON value; an alias cannot be recursive for it.
    context: dict[str, object] | None = None

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        longest = limits.max_id_bytes
        if not (_fits(self.user_id, longest) and _fits(self.item_id, longest)):
            return _bad_id(longest, ("user_id", self.user_id), ("item_id", self.item_id))
        if not _fits(self.action, longest):
            return Rejection(Reason.INVALID_FIELD, f"action must have 1 to {longest} bytes")
        return decoded.Interaction(
            tenant,
            self.event_id,
            at_ms,
            self.user_id,
            self.item_id,
            self.action,
            self.value,
            self.context,  # type: ignore[arg-type]  # parsed from JSON, so it is Json
        )


class Preference(_Wire, gc=False, kw_only=True, tag="preference"):
    user_id: str
    chosen: Choice
    rejected: Choice
    prompt: str | None = None
    strength: float | None = None

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        longest = limits.max_id_bytes
        if not _fits(self.user_id, longest):
            return _bad_id(longest, ("user_id", self.user_id))
        for name, choice in (("chosen", self.chosen), ("rejected", self.rejected)):
            if (choice.item_id is None) == (choice.text is None):
                return Rejection(Reason.INVALID_FIELD, f"{name} needs either item_id or text")
            if choice.item_id is not None and not _fits(choice.item_id, longest):
                return _bad_id(longest, (f"{name}.item_id", choice.item_id))
        if self.chosen == self.rejected:
            return Rejection(Reason.INVALID_FIELD, "chosen and rejected are the same")
        if self.strength is not None and not self.strength >= 0:
            return Rejection(Reason.INVALID_FIELD, "strength must not be negative")
        return decoded.Preference(
            tenant,
            self.event_id,
            at_ms,
            self.user_id,
            self.chosen,
            self.rejected,
            self.prompt,
            self.strength,
        )


class Document(_Wire, gc=False, kw_only=True, tag="document"):
    user_id: str
    document_id: str
    text: str
    title: str | None = None
    kind: str | None = None
    about: tuple[str, ...] | None = None

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        longest = limits.max_id_bytes
        if not (_fits(self.user_id, longest) and _fits(self.document_id, longest)):
            return _bad_id(longest, ("user_id", self.user_id), ("document_id", self.document_id))
        about = self.about or ()
        for item_id in about:
            if not _fits(item_id, longest):
                return _bad_id(longest, ("about", item_id))
        return decoded.Document(
            tenant,
            self.event_id,
            at_ms,
            self.user_id,
            self.document_id,
            self.text,
            self.title,
            self.kind,
            about,
        )


class Attributes(_Wire, gc=False, kw_only=True, tag="attributes"):
    user_id: str
    attributes: dict[str, Scalar]

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        if not _fits(self.user_id, limits.max_id_bytes):
            return _bad_id(limits.max_id_bytes, ("user_id", self.user_id))
        return decoded.Attributes(tenant, self.event_id, at_ms, self.user_id, self.attributes)


class Item(_Wire, gc=False, kw_only=True, tag="item"):
    item_id: str
    text: str
    title: str | None = None
    attributes: dict[str, str | int | float | bool | tuple[Scalar, ...]] | None = None

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        if not _fits(self.item_id, limits.max_id_bytes):
            return _bad_id(limits.max_id_bytes, ("item_id", self.item_id))
        return decoded.Item(
            tenant, self.event_id, at_ms, self.item_id, self.text, self.title, self.attributes
        )


class Consent(_Wire, gc=False, kw_only=True, tag="consent"):
    user_id: str
    data_type: str
    granted: bool

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        if not _fits(self.user_id, limits.max_id_bytes):
            return _bad_id(limits.max_id_bytes, ("user_id", self.user_id))
        if self.data_type not in DATA_TYPES:
            return Rejection(Reason.INVALID_FIELD, f"data_type must be one of {DATA_TYPES}")
        return decoded.Consent(
            tenant, self.event_id, at_ms, self.user_id, self.data_type, self.granted
        )


class Erasure(_Wire, gc=False, kw_only=True, tag="erasure"):
    user_id: str

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        if not _fits(self.user_id, limits.max_id_bytes):
            return _bad_id(limits.max_id_bytes, ("user_id", self.user_id))
        return decoded.Erasure(tenant, self.event_id, at_ms, self.user_id)


class ItemRetired(_Wire, gc=False, kw_only=True, tag="item_retired"):
    item_id: str

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        if not _fits(self.item_id, limits.max_id_bytes):
            return _bad_id(limits.max_id_bytes, ("item_id", self.item_id))
        return decoded.ItemRetired(tenant, self.event_id, at_ms, self.item_id)


class Identity(_Wire, gc=False, kw_only=True, tag="identity"):
    user_id: str
    same_as: str

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        longest = limits.max_id_bytes
        if not (_fits(self.user_id, longest) and _fits(self.same_as, longest)):
            return _bad_id(longest, ("user_id", self.user_id), ("same_as", self.same_as))
        if self.user_id == self.same_as:
            return Rejection(Reason.INVALID_FIELD, "same_as must differ from user_id")
        return decoded.Identity(tenant, self.event_id, at_ms, self.user_id, self.same_as)


class Removal(_Wire, gc=False, kw_only=True, tag="removal"):
    user_id: str
    data_type: str
    attribute: str | None = None
    removed_id: str | None = None
    removed_at: int | float | str | None = None

    def settle(self, tenant: str, at_ms: int, limits: Limits) -> FastEvent | Rejection:
        longest = limits.max_id_bytes
        if not _fits(self.user_id, longest):
            return _bad_id(longest, ("user_id", self.user_id))
        if self.data_type not in DATA_TYPES:
            return Rejection(Reason.INVALID_FIELD, f"data_type must be one of {DATA_TYPES}")
        stated = self.data_type == "attributes"
        of_event = (self.removed_id is not None, self.removed_at is not None)
        if (self.attribute is not None) != stated or of_event != (not stated, not stated):
            return Rejection(
                Reason.INVALID_FIELD,
                "a removal names an attribute, or removed_id and removed_at of another kind",
            )
        if self.removed_id is not None and not _fits(self.removed_id, longest):
            return _bad_id(longest, ("removed_id", self.removed_id))
        if self.removed_at is not None:
            removed_ms = instant_ms(self.removed_at)
            if removed_ms is None or removed_ms < 0:
                return Rejection(Reason.INVALID_FIELD, "removed_at is no time that can have been")
        return decoded.Removal(
            tenant,
            self.event_id,
            at_ms,
            self.user_id,
            self.data_type,
            self.attribute,
            self.removed_id,
            self.removed_at,
        )


WireEvent: TypeAlias = (
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


def admit(wire: WireEvent, received_ms: int, limits: Limits) -> FastEvent | Rejection:
    """Check what JSON types cannot say, and drop the wire's spelling of time and tenant."""
    longest = limits.max_id_bytes
    tenant = wire.tenant
    if not (_fits(wire.event_id, longest) and (tenant is None or _fits(tenant, longest))):
        return _bad_id(longest, ("event_id", wire.event_id), ("tenant", tenant or ""))
    at_ms = instant_ms(wire.occurred_at)
    if at_ms is None and isinstance(wire.occurred_at, str):
        return Rejection(Reason.INVALID_FIELD, "occurred_at is not an RFC 3339 date-time")
    if at_ms is None or not 0 <= at_ms <= received_ms + limits.ahead_ms:
        return Rejection(Reason.TIME_OUT_OF_RANGE, "occurred_at is before 1970 or too far ahead")
    return wire.settle(DEFAULT_TENANT if tenant is None else tenant, at_ms, limits)


def _fits(text: str, max_bytes: int) -> bool:
    # A character has at most four bytes: most ids need not be encoded to be measured.
    return len(text) > 0 and (len(text) * 4 <= max_bytes or len(text.encode()) <= max_bytes)


def _bad_id(max_bytes: int, *named: tuple[str, str]) -> Rejection:
    name = next(name for name, text in named if not _fits(text, max_bytes))
    return Rejection(Reason.INVALID_ID, f"{name} must have 1 to {max_bytes} bytes of UTF-8")
