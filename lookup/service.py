"""The read side over HTTP: translates requests into questions, and answers into JSON.

Every id in a path may be percent-encoded, and has to be where it holds `?`, `#`
or `%`; a slash may stand as it is, unless a longer route begins with it.
"""

from typing import Annotated, Any, TypeAlias
from urllib.parse import unquote_to_bytes

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from lookup.edge import BodyLimit, RawPath
from lookup.options import MOST_LISTED
from lookup.problems import PROBLEM_MEDIA_TYPE, answer_with_problems
from lookup.queries import Lookup
from schemas.views import (
    PersonasView,
    PersonaView,
    Problem,
    ProfilesView,
    ProfileView,
    RankingView,
    ReadinessView,
    SimilarItemsView,
    SimilarUsersView,
    StatisticsView,
)
from schemas.wire import DEFAULT_TENANT

__all__ = ["BatchRequest", "RankRequest", "create_app"]


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BatchRequest(_Request):
    """Users to look up, at most 100; the answer has their order."""

    user_ids: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_LISTED)]


class RankRequest(_Request):
    """`exclude_seen` leaves out items of the user's kept events."""

    user_id: str
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 10
    exclude_seen: bool = True


def _decoded(encoded: str) -> str:
    """An id from its place in a path; UnicodeDecodeError, a ValueError, if it is not UTF-8."""
    return unquote_to_bytes(encoded.encode("latin-1")).decode()


async def _lookup(request: Request) -> Lookup:
    lookup: Lookup = request.app.state.lookup
    return lookup


async def _tenant(
    x_strata_tenant: Annotated[
        str, AfterValidator(lambda header: header.encode("latin-1").decode()), Header()
    ] = DEFAULT_TENANT,
) -> str:
    return x_strata_tenant


AskedLookup: TypeAlias = Annotated[Lookup, Depends(_lookup)]
Tenant: TypeAlias = Annotated[str, Depends(_tenant)]
PathId: TypeAlias = Annotated[str, AfterValidator(_decoded), Path()]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_LISTED)]

_problem_content = {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}}
_problems: dict[int | str, dict[str, Any]] = {422: _problem_content, 503: _problem_content}
_problems_or_unknown: dict[int | str, dict[str, Any]] = {404: _problem_content, **_problems}

_questions = APIRouter(prefix="/v1", responses=_problems)
_probes = APIRouter()


@_questions.get("/profiles/{user_id:path}", response_model=ProfileView)
async def _profile(lookup: AskedLookup, tenant: Tenant, user_id: PathId) -> Response:
    return _json(await lookup.profile(tenant, user_id))


@_questions.post("/profiles:batchGet", response_model=ProfilesView)
async def _profiles(lookup: AskedLookup, tenant: Tenant, asked: BatchRequest) -> Response:
    return _json(await lookup.profiles(tenant, asked.user_ids))


@_questions.post("/rank", response_model=RankingView)
async def _rank(lookup: AskedLookup, tenant: Tenant, asked: RankRequest) -> Response:
    return _json(
        await lookup.rank(tenant, asked.user_id, limit=asked.limit, exclude_seen=asked.exclude_seen)
    )


@_questions.get("/personas", response_model=PersonasView)
async def _personas(lookup: AskedLookup, tenant: Tenant) -> Response:
    return _json(await lookup.personas(tenant))


@_questions.get(
    "/personas/{persona_id:path}", response_model=PersonaView, responses=_problems_or_unknown
)
async def _persona(lookup: AskedLookup, tenant: Tenant, persona_id: PathId) -> Response:
    return _json(await lookup.persona(tenant, persona_id))


@_questions.get("/statistics", response_model=StatisticsView, responses=_problems_or_unknown)
async def _statistics(
    lookup: AskedLookup, tenant: Tenant, persona: str | None = None, most: Limit = 20
) -> Response:
    return _json(await lookup.statistics(tenant, persona, most=most))


@_questions.get(
    "/items/{item_id:path}/similar",
    response_model=SimilarItemsView,
    responses=_problems_or_unknown,
)
async def _similar_items(
    lookup: AskedLookup, tenant: Tenant, item_id: PathId, limit: Limit = 10
) -> Response:
    return _json(await lookup.similar_items(tenant, item_id, limit=limit))


@_questions.get("/users/{user_id:path}/similar", response_model=SimilarUsersView)
async def _similar_users(
    lookup: AskedLookup, tenant: Tenant, user_id: PathId, limit: Limit = 10
) -> Response:
    return _json(await lookup.similar_users(tenant, user_id, limit=limit))


@_probes.get("/livez")
async def _livez() -> dict[str, bool]:
    """The process answers; it says nothing about the stores."""
    return {"live": True}


@_probes.get("/readyz", response_model=ReadinessView, responses={503: {"model": ReadinessView}})
async def _readyz(lookup: AskedLookup) -> Response:
    """Every store answers."""
    readiness = await lookup.readiness()
    return _json(readiness, status_code=200 if readiness.ready else 503)


def _json(view: BaseModel, *, status_code: int = 200) -> Response:
    # The view was validated when it was made; a response model would do it again.
    return Response(view.model_dump_json(), status_code=status_code, media_type="application/json")


def create_app(lookup: Lookup) -> FastAPI:
    """The HTTP service over `lookup`, which stays the caller's to close.

    The tenant comes from the header `X-Strata-Tenant` (UTF-8), else "default".
    Every error is a problem (RFC 9457).
    """
    app = FastAPI(
        title="Strata",
        summary="What is known about a user, and how sure that is",
        version="1",
        # The interactive pages load scripts from elsewhere; /openapi.json stays.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.lookup = lookup
    app.include_router(_questions)
    app.include_router(_probes)
    app.add_middleware(BodyLimit)
    app.add_middleware(RawPath)
    answer_with_problems(app)
    return app
