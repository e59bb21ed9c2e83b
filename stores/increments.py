"""The bound within which counters stay exact in every store."""

from profiles.ports import Increments

__all__ = ["LARGEST_INCREMENT", "require_exact"]

LARGEST_INCREMENT = 2**53
"""Above this, an overflow in the middle of a script could leave half of a batch applied."""


def require_exact(increments: Increments) -> None:
    """Refuse increments beyond ±2**53.

    Raises:
        ValueError: naming the table.
    """
    for table, fields in increments.items():
        if fields and max(map(abs, fields.values())) > LARGEST_INCREMENT:
            raise ValueError(f"an increment of {table.series!r} exceeds 2**53")
