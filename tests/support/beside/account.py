"""What was measured, in the words of the report."""

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from beside.reading import Answer, Judgement, latencies

__all__ = ["Account", "Span"]

_TITLES = {
    "before": "before the replay",
    "replay": "during the replay",
    "promotion": "around the promotion",
    "rollback": "around the rollback",
}


@dataclass(frozen=True, slots=True)
class Span:
    """From one moment to another, of a clock that only grows."""

    from_s: float
    to_s: float

    @property
    def seconds(self) -> float:
        return self.to_s - self.from_s

    def holds(self, moment_s: float) -> bool:
        return self.from_s <= moment_s < self.to_s


@dataclass
class Account:
    """The outcome.

    Attributes:
        spans: By what went on then.
        history, live: Events published.
        history_s: Until the first version had taken in the history.
        live_s: How long live events were published.
        already: Published when live traffic began.
        most_behind: Records that the first version was behind during the replay.
        taken_in: Records a second that it took in during the replay.
        published: Events acknowledged, by user.
        compared: Of each version: users, and events lost and counted twice.
    """

    spans: dict[str, Span] = field(default_factory=dict)
    history: int = 0
    live: int = 0
    history_s: float = 0.0
    live_s: float = 0.0
    already: int = 0
    most_behind: int = 0
    taken_in: float = 0.0
    answers: list[Answer] = field(default_factory=list)
    judgement: Judgement | None = None
    published: Counter[str] = field(default_factory=Counter)
    compared: dict[str, Counter[str]] = field(default_factory=dict)

    @asynccontextmanager
    async def span(self, name: str) -> AsyncIterator[None]:
        """What is inside is a span of that name."""
        from_s = time.monotonic()
        yield
        self.spans[name] = Span(from_s, time.monotonic())

    @property
    def is_well(self) -> bool:
        return (
            self.judgement is not None
            and self.judgement.is_well
            and len(self.compared) == len({"first", "other"})
            and not any(one["lost"] or one["twice"] for one in self.compared.values())
        )

    def __str__(self) -> str:
        judged = self.judgement
        if judged is None:
            return "nothing was judged"
        replayed_s = self.spans["replay"].seconds
        took_in = f"live took in {self.history:,} events of history in {self.history_s:.0f} s"
        replayed = f"replay: that and what came meanwhile in {replayed_s:.0f} s"
        held = f"live traffic: {self.live / self.live_s:,.0f} events/s published"
        behind = f"at most {self.most_behind:,} records behind"
        lines = [
            f"{took_in}, {self.history / self.history_s:,.0f}/s",
            f"{replayed}, {self.history / replayed_s:,.0f}/s of the history alone",
            f"{held}, {self.taken_in:,.0f}/s taken in during the replay, {behind}",
        ]
        for name, span in self.spans.items():
            found = latencies(self.answers, span.holds)
            if found is not None:
                count, *seconds = found
                p50, p99, longest = (one * 1e3 for one in seconds)
                lines.append(
                    f"lookups {_TITLES[name]:<21} {count:>7,} in {span.seconds:>5.0f} s: "
                    f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, longest {longest:.0f} ms"
                )
        lines.append(
            f"answers: {judged.kinds['live']:,} of the first version, {judged.kinds['other']:,} of "
            f"the other, {judged.kinds['mixed']} mixed, {judged.unordered} out of order, "
            f"{judged.failed.total()} failed {dict(judged.failed) or ''}"
            f"({judged.with_popular:,} also told by what is popular)"
        )
        lines += [
            f"{namespace}: {one['users']:,} users, lost {one['lost']}, counted twice {one['twice']}"
            for namespace, one in self.compared.items()
        ]
        return "\n".join(lines)
