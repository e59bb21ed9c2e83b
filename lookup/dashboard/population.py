"""Personas on a map, everybody's statistics, and what precision costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from fastapi import APIRouter
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from lookup.asking import AskedLookup
from lookup.dashboard.asking import Tenant
from lookup.dashboard.charts import (
    Bars,
    Curve,
    bars,
    curves,
    persona_bubbles,
    stacked_shares,
)
from lookup.dashboard.persona_map import PersonaMap, persona_map
from lookup.dashboard.rendering import Pages
from lookup.dashboard.report import CostCurve, ReportUnreadable, cost_curves
from lookup.dashboard.sources import (
    Dashboard,
    PersonaPast,
    PlacedPersonas,
    SourceUnavailable,
)
from lookup.dashboard.words import compact, number, percent
from lookup.queries import Lookup
from schemas.views import PersonasView, PersonaView, StatisticsView

__all__ = ["population_pages"]

_NO_PAST: Final = PersonaPast((), ())
_CHANGES: Final = 30
_BY_PERSONA: Final = 6
_VALUES: Final = 7
_LAYERS: Final[tuple[str, ...]] = ("global", "persona", "user", "blend")


@dataclass(frozen=True, slots=True)
class Distribution:
    """One attribute: shares of its values with everybody and in each persona.

    Attributes:
        values: The most frequent ones, then "other" where there are more.
        rows: Whose, how many stated it, and the share of each value.
    """

    name: str
    values: tuple[str, ...]
    rows: tuple[tuple[str, int, tuple[float, ...]], ...]
    chart: Markup


@dataclass(frozen=True, slots=True)
class CostPage:
    """A curve with its two charts: by history, and by what a user costs."""

    curve: CostCurve
    by_history: Markup
    by_cost: Markup


def population_pages(routes: APIRouter, pages: Pages, dashboard: Dashboard) -> None:
    """Add the pages to `routes`."""
    shown = _PopulationPages(pages, dashboard)
    routes.add_api_route("/personas", shown.personas)
    routes.add_api_route("/everybody", shown.everybody)
    routes.add_api_route("/cost", shown.cost)


class _PopulationPages:
    """Answers each with a page."""

    def __init__(self, pages: Pages, dashboard: Dashboard) -> None:
        self._pages = pages
        self._dashboard = dashboard

    async def personas(self, request: Request, lookup: AskedLookup, tenant: Tenant) -> Response:
        shown = await lookup.personas(tenant)
        past, past_trouble = await self._past(tenant)
        found, space = await self._map(lookup, tenant, shown, past)
        return self._pages.answer(
            request,
            "personas.html",
            tenant=tenant,
            section="personas",
            personas=shown,
            map=found,
            by_id={one.id: one for one in found.personas},
            space=space,
            chart=_map_chart(found, shown) if found.personas else None,
            predicts=_advantages(shown.personas),
            changes=[event for event in reversed(past.events) if event.tenant == tenant][:_CHANGES],
            past_trouble=past_trouble,
        )

    async def everybody(
        self, request: Request, lookup: AskedLookup, tenant: Tenant, persona: str | None = None
    ) -> Response:
        statistics = await lookup.statistics(tenant, persona, most=15)
        shown = await lookup.personas(tenant)
        return self._pages.answer(
            request,
            "everybody.html",
            tenant=tenant,
            section="everybody",
            statistics=statistics,
            personas=shown,
            persona=persona,
            title_of=_titles(shown),
            distributions=(
                await self._distributions(lookup, tenant, statistics, shown)
                if persona is None
                else ()
            ),
            stated=statistics.attributes,
            silenced_chart=_silenced(statistics),
        )

    async def cost(self, request: Request, tenant: Tenant) -> Response:
        encoded, trouble = self._dashboard.report(), None
        found: tuple[CostCurve, ...] = ()
        if encoded is not None:
            try:
                found = cost_curves(encoded)
            except ReportUnreadable as error:
                trouble = str(error)
        return self._pages.answer(
            request,
            "cost.html",
            tenant=tenant,
            section="cost",
            curves=[_cost_page(curve) for curve in found],
            layers=_LAYERS,
            trouble=trouble,
        )

    async def _past(self, tenant: str) -> tuple[PersonaPast, str | None]:
        if self._dashboard.past is None:
            return _NO_PAST, "this service was started without a Kafka, which keeps the history"
        try:
            return await self._dashboard.past.past(tenant), None
        except SourceUnavailable as error:
            return _NO_PAST, str(error)

    async def _map(
        self, lookup: Lookup, tenant: str, shown: PersonasView, past: PersonaPast
    ) -> tuple[PersonaMap, int]:
        places, space = await lookup.persona_places(tenant)
        before: list[PlacedPersonas] = [one for one in past.placed if one.space == space]
        sizes = {persona.id: persona.size for persona in shown.personas}
        return persona_map(places, sizes, before), space

    async def _distributions(
        self, lookup: Lookup, tenant: str, whole: StatisticsView, shown: PersonasView
    ) -> tuple[Distribution, ...]:
        groups = [*shown.personas[:_BY_PERSONA], *shown.declared[:_BY_PERSONA]]
        titles = _titles(shown)
        parts: dict[str, StatisticsView] = {"Everybody": whole}
        for one in groups:
            parts[titles[one.id]] = await lookup.statistics(tenant, one.id, most=1)
        return tuple(
            _distribution(name, [str(count.value) for count in counts], parts)
            for name, counts in whole.attributes.items()
        )


def _titles(shown: PersonasView) -> dict[str, str]:
    """What to call each persona that is shown."""
    return {
        **{one.id: f"{one.id} · {_label(one)}" if one.labels else one.id for one in shown.personas},
        **{one.id: one.title or one.id for one in shown.declared},
    }


def _label(persona: PersonaView) -> str:
    return persona.labels[0].text


def _map_chart(found: PersonaMap, shown: PersonasView) -> Markup:
    names = {one.id: one.id for one in shown.personas}
    largest = ", ".join(
        f"{one.id} with {number(one.size)} members"
        + (f" ({', '.join(label.text for label in one.labels[:2])})" if one.labels else "")
        for one in shown.personas[:5]
    )
    return persona_bubbles(
        found,
        labels=names,
        description=f"Map of {len(found.personas)} personas, near ones alike: {largest}.",
    )


def _advantages(personas: Sequence[PersonaView]) -> Markup | None:
    """How much better each persona predicts its members than everybody's taste does."""
    known = [one for one in personas if one.advantage is not None]
    if not known:
        return None
    nats = [0.0 if one.advantage is None else one.advantage.nats for one in known]
    errors = [None if one.advantage is None else one.advantage.standard_error for one in known]
    low = [
        None if error is None else value - 1.96 * error
        for value, error in zip(nats, errors, strict=True)
    ]
    high = [
        None if error is None else value + 1.96 * error
        for value, error in zip(nats, errors, strict=True)
    ]
    told = "; ".join(f"{one.id} {value:+.2f}" for one, value in zip(known, nats, strict=True))
    return bars(
        [one.id for one in known],
        [Bars("gain", "persona", nats, low, high)],
        description=f"Gain of each persona over everybody's taste, nats per event: {told}.",
        show=lambda value: f"{value:+.2f}",
    )


def _distribution(
    name: str, values: Sequence[str], parts: Mapping[str, StatisticsView]
) -> Distribution:
    named = list(dict.fromkeys(values))[:_VALUES]
    rows: list[tuple[str, int, tuple[float, ...]]] = []
    for whose, statistics in parts.items():
        counted = {str(one.value): one.users for one in statistics.attributes.get(name, ())}
        total = sum(counted.values())
        if not total:
            continue
        shares = [counted.get(value, 0) / total for value in named]
        rows.append((whose, total, (*shares, max(0.0, 1.0 - sum(shares)))))
    columns = [*named, "other"]
    if all(shares[-1] < 1e-9 for *_, shares in rows):
        rows = [(whose, total, shares[:-1]) for whose, total, shares in rows]
        columns.pop()
    told = "; ".join(
        f"{whose}: " + ", ".join(f"{v} {percent(s)}" for v, s in zip(columns, shares, strict=True))
        for whose, _, shares in rows[:3]
    )
    chart = stacked_shares(
        [whose for whose, *_ in rows],
        {column: [shares[place] for *_, shares in rows] for place, column in enumerate(columns)},
        description=f"Values of {name}. {told}.",
    )
    return Distribution(name, tuple(columns), tuple(rows), chart)


def _silenced(statistics: StatisticsView) -> Markup | None:
    found = statistics.silenced
    if found is None or not found.personas:
        return None
    told = "; ".join(
        f"{one.persona} {one.satisfaction:.2f}, protected {one.protected:.2f}"
        for one in found.personas
    )
    return bars(
        [one.persona for one in found.personas],
        [
            Bars("best on average", "global", [one.satisfaction for one in found.personas]),
            Bars("minorities protected", "persona", [one.protected for one in found.personas]),
        ],
        description=f"How satisfied each persona is with what is best on average: {told}.",
        show=lambda value: f"{value:.2f}",
    )


def _cost_page(curve: CostCurve) -> CostPage:
    layers = [layer for layer in _LAYERS if layer in curve.overall]
    told = "; ".join(f"{layer} {curve.overall[layer].mean:.3f}" for layer in layers)

    def lines(x_of: Mapping[str, Sequence[float]]) -> list[Curve]:
        return [
            Curve(
                layer,
                layer,
                [
                    (x, point.quality[layer].mean)
                    for x, point in zip(x_of[layer], curve.points, strict=True)
                    if layer in point.quality
                ],
            )
            for layer in layers
        ]

    history = [float(1 + point.first) for point in curve.points]
    by_history = curves(
        lines(dict.fromkeys(layers, history)),
        description=f"{curve.metric} by events of the user, {curve.name}. Overall: {told}.",
        show_x=lambda x: number(x - 1),
        show_y=lambda y: f"{y:.3f}",
        logarithmic=True,
    )
    held = {layer: [point.held_bytes.get(layer, 0.0) for point in curve.points] for layer in layers}
    by_cost = curves(
        [
            replace(one, whole=(_mean_bytes(curve, one.kind), curve.overall[one.kind].mean))
            for one in lines(held)
        ],
        description=f"{curve.metric} by bytes held of a user, {curve.name}. Overall: {told}.",
        show_x=lambda x: "0" if x < 1.5 else f"{compact(x)}B" if x >= 1_000 else f"{x:.0f} B",
        show_y=lambda y: f"{y:.3f}",
        logarithmic=True,
        lines=False,
    )
    return CostPage(curve, by_history, by_cost)


def _mean_bytes(curve: CostCurve, layer: str) -> float:
    """Kept of a user, mean over predictions."""
    total = sum(point.n for point in curve.points)
    held = sum(point.n * point.held_bytes.get(layer, 0.0) for point in curve.points)
    return held / total if total else 0.0
