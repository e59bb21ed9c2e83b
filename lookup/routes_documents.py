"""`POST /v1/retrieve` and `POST /v1/context`, mounted where there are documents to ask."""

from typing import Annotated, Any, Final, TypeAlias

from fastapi import APIRouter, Depends
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat
from starlette.responses import Response

from lookup.answering import Documents
from lookup.asking import PROBLEM_CONTENT, AtLeast, Chosen, Tenant
from lookup.options import MOST_LISTED
from lookup.templates import DEFAULT_TEMPLATE
from profiles.documents.hybrid import Choosing
from profiles.documents.passages import PassageFilter
from schemas.document_views import ContextView, RetrievalView
from schemas.instants import instant_ms

__all__ = [
    "CONTEXT_PATH",
    "RETRIEVE_PATH",
    "ContextRequest",
    "Documents",
    "RetrieveRequest",
    "document_routes",
]

RETRIEVE_PATH: Final = "/v1/retrieve"
CONTEXT_PATH: Final = "/v1/context"
_LONGEST_QUERY: Final = 10_000
_LARGEST_BUDGET: Final = 100_000
_problems: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys((422, 503), PROBLEM_CONTENT)


class _Request(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _encodable(text: str) -> str:
    text.encode()
    return text


def _instant(text: str) -> str:
    if instant_ms(text) is None:
        raise ValueError("must be an RFC 3339 date-time")
    return text


Text = Annotated[str, AfterValidator(_encodable)]
Query = Annotated[Text, Field(max_length=_LONGEST_QUERY)]
Instant = Annotated[str, AfterValidator(_instant), Field(json_schema_extra={"format": "date-time"})]


class Filters(_Request):
    """Which documents; each that is given must hold. `since` and `until` are included."""

    kind: Text | None = None
    document_id: Text | None = None
    about: Annotated[Text | None, Field(description="An item id that the document names")] = None
    since: Instant | None = None
    until: Instant | None = None


class RetrieveRequest(_Request):
    """A question to what a user wrote.

    `half_life` is in seconds of event time before the user's newest document, null for no
    decay; `diversity` 0 takes the best, 1 what differs most from what is taken.
    """

    user_id: str
    query: Query
    limit: Annotated[int, Field(ge=1, le=MOST_LISTED)] = 10
    filters: Filters = Filters()
    half_life: Annotated[FiniteFloat, Field(gt=0.0)] | None = None
    diversity: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3


class ContextRequest(_Request):
    """What to tell a language model; with a `query`, also passages that answer it."""

    user_id: str
    token_budget: Annotated[int, Field(ge=0, le=_LARGEST_BUDGET)]
    query: Query | None = None
    template: str = DEFAULT_TEMPLATE


async def _documents(answering: Chosen) -> Documents:
    if answering.documents is None:
        raise RuntimeError("the version in force has no documents to ask")
    return answering.documents


AskedDocuments: TypeAlias = Annotated[Documents, Depends(_documents)]


def document_routes() -> APIRouter:
    """The routes over what users wrote; mounted where every version has documents to ask."""
    routes = APIRouter(tags=["documents"])

    @routes.post(RETRIEVE_PATH, response_model=RetrievalView, responses=_problems)
    async def retrieve(
        documents: AskedDocuments, tenant: Tenant, asked: RetrieveRequest, seen: AtLeast
    ) -> Response:
        """Passages of the user's own documents that answer a query; else items, and why."""
        await seen.of(asked.user_id)
        view = await documents.retrieval.retrieve(
            tenant,
            asked.user_id,
            asked.query,
            choosing=Choosing(
                limit=asked.limit, half_life_s=asked.half_life, diversity=asked.diversity
            ),
            chosen=_chosen(asked.filters),
        )
        return _json(view)

    @routes.post(CONTEXT_PATH, response_model=ContextView, responses=_problems)
    async def context(
        documents: AskedDocuments, tenant: Tenant, asked: ContextRequest, seen: AtLeast
    ) -> Response:
        """A block of text about the user for a language model, within a budget of tokens."""
        await seen.of(asked.user_id)
        view = await documents.contexts.context(
            tenant,
            asked.user_id,
            token_budget=asked.token_budget,
            query=asked.query,
            template=asked.template,
        )
        return _json(view)

    return routes


def _chosen(filters: Filters) -> PassageFilter:
    return PassageFilter(
        kind=filters.kind,
        document_id=filters.document_id,
        about=filters.about,
        since_ms=None if filters.since is None else instant_ms(filters.since),
        until_ms=None if filters.until is None else instant_ms(filters.until),
    )


def _json(view: BaseModel) -> Response:
    return Response(view.model_dump_json(), media_type="application/json")
