"""The laws that each schedule is held to are broken by values that break them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import pytest
import simulation.verdict
from simulation import draw, run
from write_side.declared import DECLARED
from write_side.ground import Ground, Opened
from write_side.observing import Observed, observe

Change = Callable[[Observed], None]

# A schedule at whose end there are two personas with members.
LEARNED: Final = next(schedule for schedule in map(draw, range(100)) if schedule.learns)


def a_user_is_forgotten(observed: Observed) -> None:
    del observed.users[next(iter(sorted(observed.users)))]


def somebody_is_counted_twice(observed: Observed) -> None:
    _count_again(observed, lambda scope: scope == "")


def a_persona_counts_somebody_twice(observed: Observed) -> None:
    _count_again(observed, lambda scope: scope != "" and scope not in DECLARED.by_id)


def _count_again(observed: Observed, is_meant: Callable[[str], bool]) -> None:
    counters = next(
        counters
        for tables in observed.counters.values()
        for table, counters in tables.items()
        if table.series == "events" and is_meant(table.scope)
    )
    counters[next(iter(counters))] += 1


def centroids_point_elsewhere(observed: Observed) -> None:
    for tenant, document in observed.personas.items():
        turned = {persona: -centroid for persona, centroid in document.centroids.items()}
        observed.personas[tenant] = replace(document, centroids=turned)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (a_user_is_forgotten, "were accepted"),
        (somebody_is_counted_twice, "sum over users"),
        (a_persona_counts_somebody_twice, "sum over personas"),
        (centroids_point_elsewhere, "from its members' mean"),
    ],
)
def test_a_broken_law_is_told_of(
    change: Change, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def observe_wrongly(ground: Ground, opened: Opened) -> Observed:
        observed = await observe(ground, opened)
        change(observed)
        return observed

    assert not run(LEARNED).lines
    # What the oracle finds first would hide what the laws say.
    monkeypatch.setattr(simulation.verdict, "differences", lambda *_, **__: _Nothing)
    monkeypatch.setattr(simulation.verdict, "observe", observe_wrongly)
    assert any(said in line for line in run(LEARNED).lines)


class _Nothing:
    lines: tuple[str, ...] = ()
