"""Phrases that several answers share."""

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from cli.terminal import plain
from schemas.views import (
    AbsenceView,
    AdvantageView,
    DeclaredMembershipView,
    EvidenceView,
    Layer,
    LearnedView,
    MembershipView,
    NamedItemView,
    WeightsView,
)

__all__ = [
    "advantage_line",
    "bar",
    "day",
    "declared_line",
    "evidence_line",
    "item_name",
    "labels_line",
    "layers_line",
    "learned_line",
    "moment",
    "persona_line",
    "staleness",
]

_LAYER_NAMES = {Layer.USER: "this user", Layer.PERSONA: "the persona", Layer.GLOBAL: "everybody"}


def item_name(item: NamedItemView) -> str:
    return plain(item.title or item.item_id)


def bar(part: float, *, width: int = 10) -> str:
    """A part of 1 as blocks; something is never shown as nothing.

    >>> bar(0.5, width=4), bar(0.01, width=4), bar(0.0, width=4)
    ('██··', '█···', '····')
    """
    filled = round(part * width) or int(part > 0)
    return "█" * filled + "·" * (width - filled)


def day(instant: str | None) -> str:
    """The day of an RFC 3339 instant, in UTC."""
    if instant is None:
        return "-"
    return datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%d")


def moment(at_ms: int) -> str:
    """Milliseconds since the epoch as a moment in UTC, to the second.

    >>> moment(0)
    '1970-01-01 00:00:00'
    """
    return datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def labels_line(labels: Iterable[str], *, most: int = 4) -> str:
    return ", ".join(plain(label) for label in list(labels)[:most])


def persona_line(persona: MembershipView | None, absent: AbsenceView | None) -> str:
    if persona is None:
        return "none: " + (plain(absent.text) if absent else "no reason given")
    named = labels_line((label.text for label in persona.labels), most=3) or "no labels yet"
    return f"{plain(persona.id)} ({named}; {persona.size} members, {persona.share:.0%} of users)"


def declared_line(declared: Iterable[DeclaredMembershipView]) -> str:
    return "; ".join(
        f"{plain(one.id)} ({plain(one.title)}; {one.size} members, {one.share:.0%} of users)"
        for one in declared
    )


def layers_line(weights: WeightsView, level: Layer) -> str:
    shares = (
        f"user {weights.user:.0%}, persona {weights.persona:.0%}, everybody {weights.global_:.0%}"
    )
    return f"{shares}: mostly {_LAYER_NAMES[level]}"


def evidence_line(evidence: EvidenceView) -> str:
    if not evidence.events:
        return "none"
    return (
        f"{evidence.events} events, worth {evidence.effective_sample_size:.1f} equal ones now; "
        f"newest {day(evidence.newest_at)}"
    )


def advantage_line(advantage: AdvantageView | None) -> str:
    """How well a persona predicts its members, against everybody's average.

    >>> advantage_line(AdvantageView(nats=0.31, standard_error=0.05, events=400, abstains=False))
    '+0.31±0.05 nats'
    """
    if advantage is None:
        return "not known yet"
    error = "" if advantage.standard_error is None else f"±{advantage.standard_error:.2f}"
    silent = ", abstains" if advantage.abstains else ""
    return f"{advantage.nats:+.2f}{error} nats{silent}"


def learned_line(learned: LearnedView | None) -> str:
    """Which learned model answered, and how sure it is."""
    if learned is None:
        return "nothing learned yet"
    silent = "; no persona predicts here" if learned.persona_abstains else ""
    return (
        f"model {learned.version} in item space {learned.space}, "
        f"uncertainty {learned.uncertainty:.0%}{silent}"
    )


def staleness(stale_because: Iterable[str]) -> list[RenderableType]:
    """A warning where something newer may exist."""
    reasons = "; ".join(plain(reason) for reason in stale_because)
    return [Text(f"may be out of date: {reasons}", style="yellow")] if reasons else []
