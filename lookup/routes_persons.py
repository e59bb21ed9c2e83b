"""`/v1/users/{user_id}/…`: what a person may ask of their own data."""

from typing import Any, Final

from fastapi import APIRouter
from starlette.responses import Response

from lookup.asking import PROBLEM_CONTENT, AtLeast, PathId, Tenant
from lookup.persons import Persons

__all__ = ["JSON_LINES", "person_routes"]

JSON_LINES: Final = "application/x-ndjson"
_problems: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((422, 503), PROBLEM_CONTENT)
_lines: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One event per line, as `POST /v1/events` and `strata publish` take them",
        "content": {JSON_LINES: {"schema": {"type": "string"}}},
    },
    **_problems,
}


def person_routes(persons: Persons) -> APIRouter:
    """The routes over `persons`."""
    routes = APIRouter(tags=["persons"])

    @routes.get("/v1/users/{user_id:path}/export", response_class=Response, responses=_lines)
    async def export(tenant: Tenant, user_id: PathId, seen: AtLeast) -> Response:
        """Everything that is kept of a user, as events; nothing for an unknown one."""
        await seen.of(user_id)
        return Response(await persons.export(tenant, user_id), media_type=JSON_LINES)

    return routes
