"""All routes of the dashboard."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import Response

from lookup.dashboard.asking import page_route
from lookup.dashboard.letters import letter_pages
from lookup.dashboard.live import live_pages
from lookup.dashboard.mine import mine_pages
from lookup.dashboard.people import people_pages
from lookup.dashboard.population import population_pages
from lookup.dashboard.rendering import Pages, asset
from lookup.dashboard.sources import Dashboard
from lookup.dashboard.versions import version_pages
from lookup.erasures import Erasures
from lookup.ingest import Ingest

__all__ = ["dashboard_routes"]


def dashboard_routes(
    dashboard: Dashboard,
    *,
    keyed: bool = False,
    ingest: Ingest | None = None,
    erasures: Erasures | None = None,
) -> APIRouter:
    """Pages at `/`; they are for people and not in the OpenAPI document.

    Args:
        keyed: Requests carry keys, whose tenant it is then.
        ingest, erasures: Take what people change about their own data.
    """
    pages = Pages(now_ms=dashboard.now_ms, keyed=keyed)
    routes = APIRouter(include_in_schema=False, route_class=page_route(pages))
    live_pages(routes, pages, dashboard)
    people_pages(routes, pages)
    mine_pages(routes, pages, dashboard, ingest=ingest, erasures=erasures)
    population_pages(routes, pages, dashboard)
    letter_pages(routes, pages, dashboard)
    version_pages(routes, pages, dashboard)

    @routes.get("/assets/{name}")
    async def assets(name: str) -> Response:
        """Stylesheet, script and icon."""
        try:
            return asset(name)
        except KeyError:
            raise HTTPException(404, "there is no such asset") from None

    return routes
