"""Keys as a table for people."""

from collections.abc import Sequence

from rich.table import Table

from cli.terminal import cell
from lookup.keys import ApiKey

__all__ = ["render_keys"]


def render_keys(keys: Sequence[ApiKey]) -> Table:
    """One row per key; nothing of it that is secret."""
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "tenant", "scopes", "per second", "expires", "note"):
        table.add_column(heading, overflow="fold")
    for key in keys:
        table.add_row(
            cell(key.id),
            cell(key.tenant),
            cell(", ".join(sorted(key.scopes))),
            cell(f"{key.requests_per_s:g}"),
            cell("never" if key.expires_at is None else f"{key.expires_at:%Y-%m-%d %H:%M}"),
            cell(key.note),
        )
    return table
