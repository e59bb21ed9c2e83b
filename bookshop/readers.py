"""Who comes to the shop: every reader's planted truth, decided before anything happens."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from bookshop.personas import MINORITY, PERSONAS, Persona

_COLD_PART: Final = 0.06
_DRIFTING_PART: Final = 0.07
_COLD_EVENTS_MAX: Final = 3
_WARM_EVENTS_MIN: Final = 6
# Somebody who changes must show enough on both sides of the change.
_DRIFTING_EVENTS_MIN: Final = 24
_ACTIVITY_SIGMA: Final = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One reader as planned.

    Attributes:
        persona: What they resemble at first.
        persona_after: What they resemble from the middle of their visits on; None for no change.
        events: About how many events they cause; exact and at most three when `cold`.
    """

    user_id: str
    persona: Persona
    persona_after: Persona | None
    events: int
    cold: bool

    @property
    def final_persona(self) -> Persona:
        """What they resemble in the end."""
        return self.persona_after or self.persona


def plan_readers(
    *, readers: int, events_per_reader: float, rng: np.random.Generator
) -> tuple[Reader, ...]:
    """Draw `readers` readers; persona sizes are exact quotas of their shares."""
    personas = [PERSONAS[i] for i in rng.permutation(_quotas(readers))]
    activity = rng.lognormal(
        np.log(events_per_reader) - _ACTIVITY_SIGMA**2 / 2, _ACTIVITY_SIGMA, size=readers
    )
    # Minority readers neither drift nor start cold: the four percent stay four percent.
    eligible = rng.permutation([i for i, p in enumerate(personas) if p.name != MINORITY])
    cold_count, drifting_count = round(_COLD_PART * readers), round(_DRIFTING_PART * readers)
    cold = set(eligible[:cold_count].tolist())
    drifting = set(eligible[cold_count : cold_count + drifting_count].tolist())
    large = [p for p in PERSONAS if p.name != MINORITY]
    planned: list[Reader] = []
    for i, persona in enumerate(personas):
        others = [p for p in large if p is not persona]
        after = others[int(rng.integers(len(others)))] if i in drifting else None
        least = _DRIFTING_EVENTS_MIN if i in drifting else _WARM_EVENTS_MIN
        events = max(round(float(activity[i])), least)
        if i in cold:
            events = int(rng.integers(_COLD_EVENTS_MAX + 1))
        planned.append(
            Reader(
                user_id=f"reader-{i + 1:04d}",
                persona=persona,
                persona_after=after,
                events=events,
                cold=i in cold,
            )
        )
    return tuple(planned)


def _quotas(readers: int) -> list[int]:
    """Persona indices, each repeated for its share of `readers` by largest remainder."""
    exact = [persona.share * readers for persona in PERSONAS]
    counts = [int(x) for x in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: readers - sum(counts)]:
        counts[i] += 1
    return [i for i, count in enumerate(counts) for _ in range(count)]
