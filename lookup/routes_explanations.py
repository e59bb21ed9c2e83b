"""`GET /v1/profiles/{user_id}/explanation`: why a user stands where they do."""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Query
from starlette.responses import Response

from lookup.asking import PROBLEM_CONTENT, AskedLookup, AtLeast, Limit, PathId, Tenant
from schemas.explanation_views import ExplanationView

__all__ = ["HalfLife", "HalfRank", "explanation_routes"]

HalfLife: TypeAlias = Annotated[
    float | None,
    Query(ge=1.0, le=1e12, description="Seconds in which evidence halves, to see what would be."),
]
HalfRank: TypeAlias = Annotated[
    float | None,
    Query(ge=0.01, le=1e12, description="Later events in which evidence halves, likewise."),
]

_problems: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((422, 503), PROBLEM_CONTENT)


def explanation_routes() -> APIRouter:
    """The route; it has to come before the one of the profile, whose path it begins with."""
    routes = APIRouter(prefix="/v1", responses=_problems)

    @routes.get("/profiles/{user_id:path}/explanation", response_model=ExplanationView)
    async def explanation(
        *,
        lookup: AskedLookup,
        tenant: Tenant,
        user_id: PathId,
        seen: AtLeast,
        half_life_s: HalfLife = None,
        half_rank: HalfRank = None,
        limit: Limit = 10,
    ) -> Response:
        """What each of a user's events is still worth, and which items it moved them towards."""
        await seen.of(user_id)
        view = await lookup.explanation(
            tenant, user_id, half_life_s=half_life_s, half_rank=half_rank, limit=limit
        )
        return Response(view.model_dump_json(), media_type="application/json")

    return routes
