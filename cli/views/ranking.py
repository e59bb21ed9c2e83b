"""A ranking on the terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.terminal import plain
from cli.views.words import (
    evidence_line,
    item_name,
    layers_line,
    learned_line,
    persona_line,
    staleness,
)
from schemas.views import AppliedNormView, RankingView, ReasonView

__all__ = ["render_ranking"]


def render_ranking(ranking: RankingView) -> RenderableType:
    """Items, best first, each with the part that every layer had in it."""
    about = Table.grid(padding=(0, 2))
    about.add_row("  evidence", Text(evidence_line(ranking.evidence)))
    about.add_row("  rests on", Text(layers_line(ranking.weights, ranking.level)))
    about.add_row("  learned", Text(learned_line(ranking.learned)))
    about.add_row("  persona", Text(persona_line(ranking.persona, ranking.persona_absent)))
    unseen = " not seen yet" if ranking.exclude_seen else ""
    title = Text(f"for {plain(ranking.user_id)}, items{unseen}", style="bold")
    norms = [Text(_norm(norm)) for norm in ranking.norms if norm.removed or norm.added]
    if not ranking.items:
        return Group(
            title, about, Text("  nothing to rank"), *norms, *staleness(ranking.stale_because)
        )
    table = Table(box=None, pad_edge=False, padding=(0, 2))
    table.add_column("  #", justify="right")
    table.add_column("item")
    table.add_column("score", justify="right")
    table.add_column("because")
    for place, item in enumerate(ranking.items, 1):
        reasons = sorted(item.reasons, key=lambda reason: -reason.share)
        table.add_row(
            f"  {place}",
            Text(item_name(item)),
            "" if item.score is None else f"{item.score:.2g}",
            Text("; ".join([*map(plain, filter(None, [item.norm])), *map(_reason, reasons)])),
        )
    return Group(title, about, table, *norms, *staleness(ranking.stale_because))


def _norm(norm: AppliedNormView) -> str:
    """What it did and why; ids of what was removed stay out of sight."""
    done = [
        *([f"removed {len(norm.removed)}"] if norm.removed else []),
        *([f"placed {len(norm.added)}"] if norm.added else []),
    ]
    return f"  norm {plain(norm.id)} {' and '.join(done)}: {plain(norm.reason)}"


def _reason(reason: ReasonView) -> str:
    return f"{plain(reason.text)} ({reason.share:.0%})"
