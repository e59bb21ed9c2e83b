"""`/v1/users/{user_id}/…` and `/v1/erasures/{id}`: a person's say over their own data."""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends
from fastapi.exceptions import HTTPException
from starlette.responses import Response

from lookup.answering import Answering
from lookup.asking import PROBLEM_CONTENT, AtLeast, Chosen, PathId, Tenant
from lookup.erasures import Erasures, UnknownErasure
from lookup.persons import Persons
from profiles.documents.text_profile import TextProfile
from schemas.privacy_views import ErasureView, MineView

__all__ = ["JSON_LINES", "AskedPersons", "erasure_routes", "person_routes", "writing_of"]

JSON_LINES: Final = "application/x-ndjson"
_problems: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((422, 503), PROBLEM_CONTENT)
_problems_or_unknown: Final[dict[int | str, dict[str, Any]]] = {404: PROBLEM_CONTENT, **_problems}
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


async def writing_of(answering: Answering, tenant: str, user_id: str) -> TextProfile | None:
    """What a user writes about, where there are documents to ask and they may be told of."""
    if answering.documents is None:
        return None
    return await answering.documents.retrieval.text_profile(tenant, user_id)


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

    @routes.get("/v1/users/{user_id:path}/mine", response_model=MineView, responses=_problems)
    async def mine(
        answering: Chosen, persons: AskedPersons, tenant: Tenant, user_id: PathId, seen: AtLeast
    ) -> Response:
        """What is kept of a user, in words for that user: since when, until when, who sees it."""
        await seen.of(user_id)
        profile = await answering.lookup.profile(tenant, user_id)
        writing = await writing_of(answering, tenant, user_id)
        return _json(await persons.mine(tenant, user_id, profile, writing=writing))

    return routes


def erasure_routes(erasures: Erasures) -> APIRouter:
    """The routes over `erasures`, which write: they are mounted only where there is a log."""
    routes = APIRouter(tags=["persons"])

    async def not_this(user_id: PathId) -> Response:
        # Whoever errs in the method must not have erased a user whose id ends like the route. An
        # id that does is percent-encoded.
        del user_id
        raise HTTPException(405, "only GET is answered here", headers={"Allow": "GET"})

    for longer in ("export", "mine", "similar"):
        routes.add_api_route(
            f"/v1/users/{{user_id:path}}/{longer}",
            not_this,
            methods=["DELETE"],
            include_in_schema=False,
        )

    @routes.delete(
        "/v1/users/{user_id:path}",
        status_code=202,
        response_model=ErasureView,
        responses=_problems,
    )
    async def erase(tenant: Tenant, user_id: PathId) -> Response:
        """Have everything about a user erased; also of an unknown one, who is then erased too.

        Answers once Kafka has acknowledged the request; `/v1/erasures/{id}` tells how far it is.
        """
        view = await erasures.ask(tenant, user_id)
        return _json(view, status_code=202)

    @routes.get(
        "/v1/erasures/{erasure_id}", response_model=ErasureView, responses=_problems_or_unknown
    )
    async def erasure(tenant: Tenant, erasure_id: str) -> Response:
        """The receipt of an erasure."""
        try:
            return _json(await erasures.receipt(tenant, erasure_id))
        except UnknownErasure as error:
            raise HTTPException(404, str(error)) from error

    return routes


def _json(view: ErasureView | MineView, *, status_code: int = 200) -> Response:
    return Response(view.model_dump_json(), status_code=status_code, media_type="application/json")
