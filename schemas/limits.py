"""How large, how deep and how early an event may be."""

from dataclasses import dataclass
from typing import Final

SHALLOWEST_MAX_DEPTH: Final = 4
DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The bounds a record must keep to become an event.

    Args:
        max_record_bytes: Largest record value; > 0.
        ahead_ms: How far `occurred_at` may lie after the broker's timestamp; >= 0.
        max_id_bytes: Longest id, tenant or action in bytes of UTF-8; > 0.
        max_depth: Deepest nesting of objects and arrays, the record itself being 1; an event
            that uses all its fields needs 3, and a CloudEvents envelope one more.

    Raises:
        ValueError: a bound is out of its range.
    """

    max_record_bytes: int = 1_048_576
    ahead_ms: int = DAY_MS
    max_id_bytes: int = 512
    max_depth: int = 64

    def __post_init__(self) -> None:
        if self.max_record_bytes <= 0 or self.max_id_bytes <= 0:
            raise ValueError("max_record_bytes and max_id_bytes must be positive")
        if self.ahead_ms < 0:
            raise ValueError("ahead_ms must not be negative")
        if not SHALLOWEST_MAX_DEPTH <= self.max_depth <= 256:
            raise ValueError(f"max_depth must lie in {SHALLOWEST_MAX_DEPTH}..256")


DEFAULT_LIMITS: Final = Limits()
