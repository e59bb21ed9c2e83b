"""The bound within which counters stay exact in every store."""

from collections.abc import Sequence

import numpy as np

from profiles.ports import Increments, ItemCounters

__all__ = ["LARGEST_INCREMENT", "require_exact"]

LARGEST_INCREMENT = 2**53
"""Above this, an overflow in the middle of a script could leave half of a batch applied."""


def require_exact(increments: Increments, items: Sequence[ItemCounters] = ()) -> None:
    """Refuse increments beyond ±2**53.

    Raises:
        ValueError: naming the table.
    """
    for table, fields in increments.items():
        if fields and max(map(abs, fields.values())) > LARGEST_INCREMENT:
            raise ValueError(f"an increment of {table.series!r} exceeds 2**53")
    for columns in items:
        if len(columns.counts) and int(np.abs(columns.counts).max()) > LARGEST_INCREMENT:
            raise ValueError(f"an increment of {columns.series!r} exceeds 2**53")
