"""A receipt of an erasure, for people."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from schemas.privacy_views import ErasureStage, ErasureView

__all__ = ["render_erasure"]

_SAID = {
    ErasureStage.PENDING: "asked for; not carried out yet",
    ErasureStage.ERASED: "no store answers with anything any more; their files still hold it",
    ErasureStage.COMPLETE: "complete: no store and no file of theirs holds anything any more",
}


def render_erasure(view: ErasureView) -> RenderableType:
    """The stage, what there was and is, and until when Kafka's log holds it."""
    parts: list[RenderableType] = [
        Text(f"erasure {view.id}"),
        Text(_SAID[view.stage]),
    ]
    if view.versions:
        parts.append(
            Text("; ".join(f"version {name}: {stage}" for name, stage in view.versions.items()))
        )
    if view.before is not None:
        parts.append(_counts(view))
    if view.log_until:
        parts.append(_log(view))
    return Group(*parts)


def _counts(view: ErasureView) -> Table:
    table = Table("store", "what", "before", "after", title="kept", title_justify="left")
    for store, counts in (view.before or {}).items():
        after = (view.after or {}).get(store, {})
        for what, count in counts.items():
            left = "" if view.after is None else str(after.get(what, 0))
            table.add_row(store, what, str(count), left)
    return table


def _log(view: ErasureView) -> Table:
    table = Table("topic", "until", title="still in Kafka's log", title_justify="left")
    for topic, until in view.log_until.items():
        table.add_row(topic, until or "for as long as the topic exists")
    return table
