"""What learners are told about items; what they learn from users are stored states."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from profiles.ports import Vector

__all__ = ["KnownItem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownItem:
    """An item as it is described now.

    Attributes:
        key: `profiles.ids.item_key`, in [0, 2**64).
        text: May be empty.
        vector: Of the text, unit length, the same length for all items; None without a text.
        retired: No longer offered; histories keep it.
        described_ms: Event time of the description; None for as long ago as anything. What comes
            without acts is less telling of an item that has not been there for long.
    """

    key: int
    item_id: str
    title: str | None = None
    text: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)
    vector: Vector | None = None
    retired: bool = False
    described_ms: int | None = None
