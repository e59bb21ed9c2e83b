"""The bookshop's demo: planted readers, and what Strata makes of them."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console

from bookshop.catalogue import item_events, load_books
from bookshop.personas import MINORITY
from bookshop.protagonist import (
    PERSONA_AFTER,
    PERSONA_BEFORE,
    PROTAGONIST,
    protagonist_drift_ms,
)
from bookshop.simulator import Simulation, simulate
from cli.demo.comparison import Comparison, compare
from cli.demo.scenes import (
    Expectation,
    heading,
    show_answer,
    show_comparison,
    show_expectations,
    show_minority,
    show_reader,
    show_trends,
)
from cli.demo.stage import TENANT, Stage, counted_events
from schemas.instants import rfc3339
from schemas.views import ProfileView, StatisticsView

__all__ = ["play_bookshop"]

_DAY_MS: Final = 86_400_000
_DAYS: Final = 30
_BATCH: Final = 100
_UNKNOWN: Final = "somebody-new"
_GOOD_AGREEMENT: Final = 0.8
_AT_SEA: Final = "two weeks at sea"
_AT_LAST: Final = "a fortnight of them"


@dataclass(frozen=True, slots=True)
class _Chapter:
    title: str
    events: Sequence[dict[str, object]]


async def play_bookshop(stage: Stage, out: Console, *, seed: int, readers: int) -> None:
    """Send a month of the bookshop and show what is known in the end.

    Raises:
        CommandFailed: the stream did not drain.
    """
    # A whole month that ends before now: events more than a day ahead are refused.
    start_ms = (time.time_ns() // 1_000_000 // _DAY_MS - _DAYS) * _DAY_MS
    books = load_books()
    shop = simulate(books=books, seed=seed, start_ms=start_ms, readers=readers)
    others = [event for event in shop.events if event["user_id"] != PROTAGONIST]

    heading(out, "A month in the bookshop")
    out.print(
        f"  {len(books)} public-domain books, {readers} simulated readers, {len(shop.events):,} "
        f"events, seed {seed}.\n  Personas were planted; Strata is not told which reader has which."
    )
    await stage.send("the catalogue", item_events())
    await stage.send("everybody but Ada", others)
    await stage.settled()

    heading(out, "Ada, as her events arrive")
    seen = await _follow_protagonist(stage, out, shop, start_ms=start_ms)
    statistics = await stage.settled()

    planted = dict(shop.persona_of)
    found = await _found_personas(stage, sorted(planted))
    everybody = compare(planted, found)
    unsteady = shop.cold | shop.drifted
    steady = compare({u: name for u, name in planted.items() if u not in unsteady}, found)
    heading(out, "Personas: planted (rows) and found (columns)")
    show_comparison(out, everybody, steady, await stage.lookup.exact.personas(TENANT))
    await _tell_of_minority(stage, out, everybody)

    heading(out, "What rises")
    show_trends(out, statistics)

    heading(out, "Rankings, and what they rest on")
    await show_answer(stage, out, PROTAGONIST, "Ada, of whom much is known")
    if cold := _reader_with_little(shop):
        await show_answer(stage, out, cold, "a reader of whom little is known", limit=3)
    await show_answer(stage, out, _UNKNOWN, "a reader nobody has seen", limit=3)

    heading(out, "Was it found again?")
    show_expectations(out, _expectations(shop, everybody, seen, statistics))


async def _follow_protagonist(
    stage: Stage, out: Console, shop: Simulation, *, start_ms: int
) -> dict[str, ProfileView]:
    """Her profile after each chapter, by the chapter's title."""
    drift = rfc3339(protagonist_drift_ms(start_ms=start_ms))
    hers = [event for event in shop.events if event["user_id"] == PROTAGONIST]
    sea = [event for event in hers if str(event["occurred_at"]) < drift]
    gothic = hers[len(sea) :]
    chapters = (
        _Chapter("before her first visit", ()),
        _Chapter("her first book", sea[:6]),
        _Chapter(_AT_SEA, sea[6:]),
        _Chapter("the first bad dreams", gothic[: len(gothic) // 3]),
        _Chapter(_AT_LAST, gothic[len(gothic) // 3 :]),
    )
    seen: dict[str, ProfileView] = {}
    for chapter in chapters:
        if chapter.events:
            await stage.send(chapter.title, chapter.events)
            await stage.effective()
        profile = await stage.lookup.profile(TENANT, PROTAGONIST)
        ranking = await stage.lookup.rank(TENANT, PROTAGONIST, limit=3)
        show_reader(out, chapter.title, profile, ranking)
        seen[chapter.title] = profile
    return seen


async def _found_personas(stage: Stage, users: Sequence[str]) -> dict[str, str]:
    """User → persona, of those who have one that is shown."""
    found: dict[str, str] = {}
    for start in range(0, len(users), _BATCH):
        answer = await stage.lookup.profiles(TENANT, users[start : start + _BATCH])
        for profile in answer.profiles:
            if profile.persona is not None:
                found[profile.user_id] = profile.persona.id
    return found


async def _tell_of_minority(stage: Stage, out: Console, comparison: Comparison) -> None:
    home = comparison.home_of(MINORITY)
    if home is None:
        return
    theirs = await stage.lookup.exact.statistics(TENANT, home, most=1)
    overall = await stage.lookup.exact.statistics(TENANT, most=100)
    show_minority(
        out,
        comparison,
        minority=MINORITY,
        home=home,
        theirs=theirs.popular,
        overall=overall.popular,
    )


def _reader_with_little(shop: Simulation) -> str | None:
    """The reader who started cold and has shown most."""
    shown = Counter(
        str(event["user_id"])
        for event in shop.events
        if event["type"] == "interaction" and event["user_id"] in shop.cold
    )
    return max(shown, key=lambda user: (shown[user], user)) if shown else None


def _expectations(
    shop: Simulation,
    comparison: Comparison,
    seen: Mapping[str, ProfileView],
    statistics: StatisticsView,
) -> list[Expectation]:
    counted = counted_events(statistics)
    home = comparison.home_of(MINORITY)
    at_sea, at_last = seen[_AT_SEA].persona, seen[_AT_LAST].persona
    rising = statistics.trends.get("24h", ())
    return [
        Expectation(
            f"every event was counted once: {counted:,} of {len(shop.events):,}",
            counted == len(shop.events),
        ),
        Expectation(
            f"readers lie with their like: adjusted Rand index {comparison.rand_index:.2f}, "
            f"expected {_GOOD_AGREEMENT} or more",
            comparison.rand_index >= _GOOD_AGREEMENT,
        ),
        Expectation(
            f"the {MINORITY} are a persona, not noise",
            home is not None and comparison.mostly(home) == MINORITY,
        ),
        Expectation(
            f"Ada was found among the {PERSONA_BEFORE}, then among the {PERSONA_AFTER}",
            at_sea is not None
            and at_last is not None
            and (at_sea.id, at_last.id)
            == (comparison.home_of(PERSONA_BEFORE), comparison.home_of(PERSONA_AFTER)),
        ),
        Expectation(
            "the book that everybody opened on the last day rises most within 24 h",
            bool(rising) and rising[0].item_id == shop.trending,
        ),
    ]
