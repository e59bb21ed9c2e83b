"""Events as the folds see them: checked, immutable, small.

`occurred_at_ms` is milliseconds since the epoch, in UTC. `None` means absent, never zero.
Structs are left out of garbage collection: nothing parsed from JSON can refer to itself.
"""

from collections.abc import Mapping
from typing import ClassVar, Final, TypeAlias

from msgspec import Struct

from schemas.json_values import Json, Scalar


class Choice(Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One side of a preference: exactly one of the two is present."""

    item_id: str | None = None
    text: str | None = None


class _Decoded(Struct, frozen=True, gc=False, tag_field="type"):
    tenant: str
    event_id: str
    occurred_at_ms: int


class Interaction(_Decoded, frozen=True, gc=False, tag="interaction"):
    """What a user did with an item; what it is worth is policy."""

    type: ClassVar[str] = "interaction"
    user_id: str
    item_id: str
    action: str
    value: float | None = None
    context: Mapping[str, Json] | None = None


class Preference(_Decoded, frozen=True, gc=False, tag="preference"):
    """Which of two a user chose; `strength` ≥ 0, and 0 where they saw no difference."""

    type: ClassVar[str] = "preference"
    user_id: str
    chosen: Choice
    rejected: Choice
    prompt: str | None = None
    strength: float | None = None

    @property
    def is_tie(self) -> bool:
        """Whether neither side was chosen, whatever they are called."""
        return self.strength == 0


class Document(_Decoded, frozen=True, gc=False, tag="document"):
    """What a user wrote; `about` names items."""

    type: ClassVar[str] = "document"
    user_id: str
    document_id: str
    text: str
    title: str | None = None
    kind: str | None = None
    about: tuple[str, ...] = ()


class Attributes(_Decoded, frozen=True, gc=False, tag="attributes"):
    """What is static about a user."""

    type: ClassVar[str] = "attributes"
    user_id: str
    attributes: Mapping[str, Scalar]


class Item(_Decoded, frozen=True, gc=False, tag="item"):
    """What is offered."""

    type: ClassVar[str] = "item"
    item_id: str
    text: str
    title: str | None = None
    attributes: Mapping[str, Scalar | tuple[Scalar, ...]] | None = None


class Consent(_Decoded, frozen=True, gc=False, tag="consent"):
    """Whether a kind of data may be used; `data_type` is one of `DATA_TYPES`."""

    type: ClassVar[str] = "consent"
    user_id: str
    data_type: str
    granted: bool


class Erasure(_Decoded, frozen=True, gc=False, tag="erasure"):
    """Everything about the user is to be forgotten."""

    type: ClassVar[str] = "erasure"
    user_id: str


class ItemRetired(_Decoded, frozen=True, gc=False, tag="item_retired"):
    """The item is no longer offered; history keeps it."""

    type: ClassVar[str] = "item_retired"
    item_id: str


class Identity(_Decoded, frozen=True, gc=False, tag="identity"):
    """The anonymous `same_as` turned out to be `user_id`."""

    type: ClassVar[str] = "identity"
    user_id: str
    same_as: str


class Removal(_Decoded, frozen=True, gc=False, tag="removal"):
    """One line is to be forgotten.

    `attribute` is present for attributes, the others for every other kind of data;
    `removed_at` is spelled as it came.
    """

    type: ClassVar[str] = "removal"
    user_id: str
    data_type: str
    attribute: str | None = None
    removed_id: str | None = None
    removed_at: str | int | float | None = None


FastEvent: TypeAlias = (
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
DATA_TYPES: Final = ("documents", "attributes", "interactions", "preferences")
