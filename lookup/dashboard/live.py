"""The first page: what goes through the stream just now, and whether everything stands."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from lookup.answering import Answering
from lookup.asking import Chosen
from lookup.dashboard.asking import Tenant
from lookup.dashboard.charts import rate_lines
from lookup.dashboard.flow import Flow, FlowNow
from lookup.dashboard.rendering import Pages
from lookup.dashboard.sources import Dashboard, SourceUnavailable
from lookup.dashboard.words import number, span
from lookup.own_writes import OwnWrites
from lookup.queries import Lookup
from profiles.ports import StoreUnavailable
from schemas.views import PersonasView, StatisticsView

__all__ = ["live_pages"]


def live_pages(routes: APIRouter, pages: Pages, dashboard: Dashboard) -> None:
    """Add the pages to `routes`."""
    flow = None if dashboard.flow is None else Flow(dashboard.flow, now_ms=dashboard.now_ms)

    @routes.get("/")
    async def live(request: Request, tenant: Tenant, answering: Chosen) -> Response:
        return await _answer(request, tenant, answering, "live.html")

    @routes.get("/live")
    async def live_part(request: Request, tenant: Tenant, answering: Chosen) -> Response:
        """The part of the page that changes; asked for every two seconds."""
        return await _answer(request, tenant, answering, "live_part.html")

    async def _answer(
        request: Request, tenant: str, answering: Answering, template: str
    ) -> Response:
        now, trouble = await _flow_now(answering.own_writes)
        statistics, personas = await _population(answering.lookup, tenant)
        return pages.answer(
            request,
            template,
            tenant=tenant,
            section="live",
            flow=now,
            flow_trouble=trouble,
            chart=None if now is None or not now.history else _chart(now),
            readiness=await answering.lookup.readiness(),
            statistics=statistics,
            personas=personas,
            now_ms=dashboard.now_ms(),
        )

    async def _flow_now(own_writes: OwnWrites | None) -> tuple[FlowNow | None, str | None]:
        if flow is None or own_writes is None:
            return None, "this service was started without a Kafka, so it sees no stream"
        try:
            return await flow.now(own_writes.taken), None
        except SourceUnavailable as error:
            return None, str(error)
        except StoreUnavailable:
            return None, "the store of positions does not respond just now"

    async def _population(
        lookup: Lookup, tenant: str
    ) -> tuple[StatisticsView | None, PersonasView | None]:
        try:
            return (
                await lookup.statistics(tenant, most=5),
                await lookup.personas(tenant),
            )
        except StoreUnavailable:
            # The readiness beside it says which store.
            return None, None


def _chart(now: FlowNow) -> object:
    fresh = "unknown" if now.freshness_s is None else span(now.freshness_s)
    return rate_lines(
        now.history,
        description=(
            "Events per second over the last three minutes: "
            f"{number(now.arriving_per_s or 0.0)} arriving and {number(now.taken_per_s or 0.0)} "
            f"taken in just now, {number(now.waiting)} waiting, the oldest for {fresh}."
        ),
    )
