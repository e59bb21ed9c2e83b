"""The default policy's numbers, written out a second time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Seconds are event time; the rest are counts or weights.

    Attributes:
        consent: Kind of data → "opt-in" or "opt-out", where consent decides.
    """

    half_life_s: float = 2_592_000.0
    half_rank: float = 10.0
    kept: int = 512
    choice_weight: float = 0.5
    popularity_half_life_s: float = 604_800.0
    co_occurrence_window: int = 10
    co_occurrence_share: float = 0.25
    consent: Mapping[str, str] = field(default_factory=dict)


DEFAULT_SETTINGS: Final = Settings()

_WORTH: Final = {
    "view": 0.1,
    "click": 0.2,
    "save": 0.5,
    "favorite": 1.0,
    "cart": 0.5,
    "buy": 1.0,
    "read": 0.5,
    "like": 1.0,
    "dislike": -1.0,
    "hide": -0.5,
    "return": -0.5,
}
_UNKNOWN_ACTION: Final = 0.1

SUPERSEDING_ACTIONS: Final = ("rate", "vote", "judge")


def worth(action: str, value: float | None) -> float:
    """What one interaction is worth under the default action table."""
    if action == "rate":
        return 0.0 if value is None else _clipped((value - 3.0) / 2.0)
    if action in ("vote", "judge"):
        return 0.0 if value is None else _clipped(value)
    return _WORTH.get(action, _UNKNOWN_ACTION)


def _clipped(weight: float) -> float:
    if weight > 1.0:
        return 1.0
    if weight < -1.0:
        return -1.0
    return weight
