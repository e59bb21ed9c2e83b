"""`/v1/users/{user_id}/…`: what a person may ask of their own data."""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends
from starlette.responses import Response

from lookup.asking import PROBLEM_CONTENT, AtLeast, Chosen, PathId, Tenant
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


async def _persons(answering: Chosen) -> Persons:
    if answering.persons is None:
        raise RuntimeError("the version in force cannot be asked for a person's data")
    return answering.persons


AskedPersons: TypeAlias = Annotated[Persons, Depends(_persons)]


def person_routes() -> APIRouter:
    """The routes; mounted where every version can be asked."""
    routes = APIRouter(tags=["persons"])

    @routes.get("/v1/users/{user_id:path}/export", response_class=Response, responses=_lines)
    async def export(
        persons: AskedPersons, tenant: Tenant, user_id: PathId, seen: AtLeast
    ) -> Response:
        """Everything that is kept of a user, as events; nothing for an unknown one."""
        await seen.of(user_id)
        return Response(await persons.export(tenant, user_id), media_type=JSON_LINES)

    return routes
