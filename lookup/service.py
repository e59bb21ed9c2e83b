"""The read side over HTTP: translates requests into questions, and answers into JSON.

Every id in a path may be percent-encoded, and has to be where it holds `?`, `#`
or `%`; a slash may stand as it is, unless a longer route begins with it.
"""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup.access import Access, Guard
from lookup.admission import MOST_AT_ONCE, Admission, Places
from lookup.answering import Answering, Documents, OneVersion, VersionChoice
from lookup.asking import PROBLEM_CONTENT, AskedLookup, AtLeast, Limit, PathId, Tenant
from lookup.conditional import conditional
from lookup.contract import describe, operation_id
from lookup.dashboard import Dashboard, dashboard_routes
from lookup.early_profiles import EarlyProfiles
from lookup.edge import BodyLimit, RawPath
from lookup.erasures import Erasures
from lookup.ingest import Ingest
from lookup.ingest_routes import EVENTS_PATH, MAX_EVENTS_BYTES, ingest_routes
from lookup.metrics import HttpMetrics, Measured
from lookup.options import MOST_LISTED
from lookup.own_writes import OwnWrites
from lookup.paging import page_of_personas
from lookup.persons import Persons
from lookup.preferences import PreferencePairs
from lookup.problems import answer_with_problems
from lookup.profile_json import profiles_body
from lookup.profile_lane import ProfileLane
from lookup.queries import Lookup
from lookup.request_ids import RequestIds
from lookup.routes_documents import document_routes
from lookup.routes_explanations import explanation_routes
from lookup.routes_persons import erasure_routes, person_routes
from lookup.routes_preferences import preference_routes
from lookup.short_ways import short_routes
from schemas.decoded import Choice
from schemas.views import (
    PersonasView,
    PersonaView,
    ProfilesView,
    ProfileView,
    RankingView,
    ReadinessView,
    ScoresView,
    SimilarItemsView,
    SimilarUsersView,
    StatisticsView,
)

__all__ = ["BatchRequest", "RankRequest", "ScoreRequest", "create_app"]

_LONGEST_TEXT: Final = 10_000
_BODY_WITHIN_S: Final = 20.0
# A profile takes longer to pack than to send.
_WORTH_PACKING_BYTES: Final = 16_384


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


class SideRequest(_Request):
    """One side of a comparison: an item, or a text; exactly one of them."""

    item_id: str | None = None
    text: Annotated[str, Field(max_length=_LONGEST_TEXT)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.item_id is None) == (self.text is None):
            raise ValueError("a side has either an item_id or a text")
        return self


class PairRequest(_Request):
    """Two sides."""

    a: SideRequest
    b: SideRequest


class ScoreRequest(_Request):
    """Items that the user may be for or against, and pairs of which they may prefer one."""

    user_id: str
    items: Annotated[tuple[str, ...], Field(max_length=MOST_LISTED)] = ()
    pairs: Annotated[tuple[PairRequest, ...], Field(max_length=MOST_LISTED)] = ()


_problems: dict[int | str, dict[str, Any]] = {422: PROBLEM_CONTENT, 503: PROBLEM_CONTENT}
_problems_or_unknown: dict[int | str, dict[str, Any]] = {404: PROBLEM_CONTENT, **_problems}
_not_modified: dict[int | str, dict[str, Any]] = {
    304: {"description": "Unchanged since the answer whose ETag came in If-None-Match"}
}

_questions = APIRouter(prefix="/v1", responses=_problems)
_probes = APIRouter()


@_questions.get("/profiles/{user_id:path}", response_model=ProfileView, responses=_not_modified)
async def _profile(
    request: Request, lookup: AskedLookup, tenant: Tenant, user_id: PathId, seen: AtLeast
) -> Response:
    """What is known about one user, and how sure that is. An unknown user is no error."""
    await seen.of(user_id)
    answer = await lookup.profile_answer(tenant, user_id)
    _metrics_of(request).count_answer(answer)
    return conditional(request.headers.get("if-none-match"), answer.body)


_PROFILE: Final = _questions.routes[-1]


@_questions.post("/profiles:batchGet", response_model=ProfilesView)
async def _profiles(
    request: Request, lookup: AskedLookup, tenant: Tenant, asked: BatchRequest, seen: AtLeast
) -> Response:
    """Several users, in the order asked."""
    await seen.of(*asked.user_ids)
    answers = await lookup.profile_answers(tenant, asked.user_ids)
    for one in answers:
        _metrics_of(request).count_answer(one)
    return Response(profiles_body(answers), media_type="application/json")


@_questions.post("/rank", response_model=RankingView)
async def _rank(
    request: Request, lookup: AskedLookup, tenant: Tenant, asked: RankRequest, seen: AtLeast
) -> Response:
    """Items for a user, best first, with reasons."""
    await seen.of(asked.user_id)
    view = await lookup.rank(
        tenant, asked.user_id, limit=asked.limit, exclude_seen=asked.exclude_seen
    )
    _metrics_of(request).count_answer(view)
    return _json(view)


@_questions.post("/score", response_model=ScoresView)
async def _score(
    lookup: AskedLookup, tenant: Tenant, asked: ScoreRequest, seen: AtLeast
) -> Response:
    """Whether a user is for items, and which of two they prefer, by level of evidence."""
    await seen.of(asked.user_id)
    pairs = [(_choice(pair.a), _choice(pair.b)) for pair in asked.pairs]
    return _json(await lookup.score(tenant, asked.user_id, items=asked.items, pairs=pairs))


@_questions.get("/personas", response_model=PersonasView, responses=_not_modified)
async def _personas(
    request: Request,
    lookup: AskedLookup,
    tenant: Tenant,
    limit: Limit = MOST_LISTED,
    cursor: Annotated[
        str | None, Query(description="`next_cursor` of the page before; opaque")
    ] = None,
) -> Response:
    """The personas that are large enough to be shown, largest first, in pages."""
    page = page_of_personas(await lookup.personas(tenant), limit=limit, cursor=cursor)
    return _unless_held(request, page)


@_questions.get(
    "/personas/{persona_id:path}",
    response_model=PersonaView,
    responses=_problems_or_unknown | _not_modified,
)
async def _persona(
    request: Request, lookup: AskedLookup, tenant: Tenant, persona_id: PathId
) -> Response:
    """One persona. One that is hidden for its size is as unknown as one that never was."""
    return _unless_held(request, await lookup.persona(tenant, persona_id))


@_questions.get(
    "/statistics",
    response_model=StatisticsView,
    responses=_problems_or_unknown | _not_modified,
)
async def _statistics(
    request: Request,
    lookup: AskedLookup,
    tenant: Tenant,
    persona: str | None = None,
    most: Limit = 20,
) -> Response:
    """Statistics of everybody, or of one persona."""
    return _unless_held(request, await lookup.statistics(tenant, persona, most=most))


@_questions.get(
    "/items/{item_id:path}/similar",
    response_model=SimilarItemsView,
    responses=_problems_or_unknown,
)
async def _similar_items(
    lookup: AskedLookup, tenant: Tenant, item_id: PathId, limit: Limit = 10
) -> Response:
    """Described, unretired items nearest to this one."""
    return _json(await lookup.similar_items(tenant, item_id, limit=limit))


@_questions.get("/users/{user_id:path}/similar", response_model=SimilarUsersView)
async def _similar_users(
    lookup: AskedLookup, tenant: Tenant, user_id: PathId, seen: AtLeast, limit: Limit = 10
) -> Response:
    """Users whose evidence points the same way."""
    await seen.of(user_id)
    return _json(await lookup.similar_users(tenant, user_id, limit=limit))


@_probes.get("/livez")
async def _livez() -> dict[str, bool]:
    """The process answers; it says nothing about the stores."""
    return {"live": True}


@_probes.get("/readyz", response_model=ReadinessView, responses={503: {"model": ReadinessView}})
async def _readyz(request: Request, lookup: AskedLookup) -> Response:
    """Every store answers. Kafka is named beside them, but questions are answered without it."""
    ingest: Ingest | None = request.app.state.ingest
    readiness, kafka = await asyncio.gather(
        lookup.readiness(), _nothing() if ingest is None else ingest.readiness()
    )
    if kafka is not None:
        stores = {**readiness.stores, "kafka": kafka}
        readiness = readiness.model_copy(update={"stores": stores})
    return _json(readiness, status_code=200 if readiness.ready else 503)


@_probes.get("/metrics", response_class=PlainTextResponse)
async def _metrics(request: Request) -> Response:
    """Counters and histograms for Prometheus."""
    return _metrics_of(request).exposed()


async def _nothing() -> None:
    return None


def _metrics_of(request: Request) -> HttpMetrics:
    metrics: HttpMetrics = request.app.state.metrics
    return metrics


def _choice(side: SideRequest) -> Choice:
    return Choice(item_id=side.item_id, text=side.text)


def _json(view: BaseModel, *, status_code: int = 200) -> Response:
    # The view was validated when it was made; a response model would do it again.
    return Response(view.model_dump_json(), status_code=status_code, media_type="application/json")


def _unless_held(request: Request, view: BaseModel) -> Response:
    """304 for a caller who has this answer already."""
    body = view.model_dump_json().encode()
    return conditional(request.headers.get("if-none-match"), body)


class _Service(FastAPI):
    """Plain questions for one profile are answered before its layers, where `early` is there."""

    early: EarlyProfiles | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.early is None or not await self.early.answer(scope, send):
            await super().__call__(scope, receive, send)


def create_app(
    lookup: Lookup,
    *,
    own_writes: OwnWrites | None = None,
    ingest: Ingest | None = None,
    documents: Documents | None = None,
    access: Access | None = None,
    body_within_s: float = _BODY_WITHIN_S,
    most_at_once: int = MOST_AT_ONCE,
    dashboard: Dashboard | None = None,
    persons: Persons | None = None,
    versions: VersionChoice | None = None,
    preferences: PreferencePairs | None = None,
    erasures: Erasures | None = None,
    metrics: HttpMetrics | None = None,
    traced: Callable[[ASGIApp], ASGIApp] | None = None,
) -> FastAPI:
    """The HTTP service over `lookup`, which stays the caller's to close.

    It only reads, unless `ingest` is given: then `POST /v1/events` publishes. The tenant
    comes from the key, or without keys from the header `X-Strata-Tenant` (UTF-8), else it is
    "default". Every error is a problem (RFC 9457).

    Args:
        access: Decides who may ask what; without it everybody may ask everything.
        body_within_s: The body of a request has to arrive in this time.
        most_at_once: Requests under `/v1/` are answered at a time, ≥ 1; further ones are refused.
        dashboard: What the pages at `/` are made of; without it there are none.
        documents: Answers what users wrote; without them there are no routes for it.
        persons: Answers what people may ask of their own data; likewise.
        traced: Puts whoever traces around every request.
        metrics: What is counted, and what is exposed at `/metrics` beside it.
        preferences: Gives pairs for training away; likewise.
        erasures: Takes requests to erase a user; likewise.
        own_writes: Lets reads wait for a position token; without it they are refused one.
        versions: Chooses what answers each request; without it, that is all of the above.
    """
    app = _Service(
        title="Strata",
        summary="What is known about a user, and how sure that is",
        version="1",
        # The interactive pages load scripts from elsewhere; /openapi.json stays.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    metrics = metrics or HttpMetrics()
    app.state.versions = versions or OneVersion(
        Answering(lookup=lookup, own_writes=own_writes, documents=documents, persons=persons)
    )
    app.state.metrics = metrics
    app.state.ingest = ingest
    # Plain requests are taken by these, and all others go on to the routes behind them.
    app.router.routes.extend(
        short_routes(app.router, versions=app.state.versions, metrics=metrics, ingest=ingest)
    )
    # Before the profile's route, with whose path its own begins.
    app.include_router(explanation_routes())
    app.include_router(_questions)
    app.include_router(_probes)
    if documents is not None:
        app.include_router(document_routes())
    if persons is not None:
        app.include_router(person_routes())
    if preferences is not None:
        app.include_router(preference_routes(preferences))
    if erasures is not None:
        app.include_router(erasure_routes(erasures))
    if ingest is not None:
        app.include_router(ingest_routes(ingest, counted=metrics.count_ingested))
    if dashboard is not None:
        app.include_router(
            dashboard_routes(
                dashboard,
                keyed=access is not None and access.keyed,
                ingest=ingest,
                erasures=erasures,
            )
        )
    # The last one added is the first to see a request. Profiles are answered before what only
    # bodies and long answers need.
    app.add_middleware(GZipMiddleware, minimum_size=_WORTH_PACKING_BYTES, compresslevel=5)
    app.add_middleware(BodyLimit, larger={EVENTS_PATH: MAX_EVENTS_BYTES}, within_s=body_within_s)
    places = Places(most_at_once)
    if traced is None:
        app.early = EarlyProfiles(
            versions=app.state.versions,
            route=_PROFILE,
            access=access,
            places=places,
            metrics=metrics,
        )
    else:
        # Within whoever traces, and so within what stands around that.
        app.add_middleware(
            ProfileLane, versions=app.state.versions, route=_PROFILE, counted=metrics.count_answer
        )
    # Within the guard: who may not ask keeps nobody out, and who asks too much is told so.
    app.add_middleware(Admission, places=places)
    if access is not None:
        app.add_middleware(Guard, access=access)
    app.add_middleware(Measured, metrics=metrics)
    if traced is not None:
        app.add_middleware(traced)
    app.add_middleware(RawPath)
    app.add_middleware(RequestIds)
    answer_with_problems(app)
    describe(app, keyed=access is not None and access.keyed)
    return app
