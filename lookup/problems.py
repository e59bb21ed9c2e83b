"""Errors as problem details (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lookup.errors import (
    EventsNotTaken,
    InvalidArgument,
    InvalidEvents,
    InvalidName,
    KeyInUse,
    KeyReused,
    NotYet,
    OtherTenant,
    UnknownItem,
    UnknownPersona,
)
from lookup.request_ids import REQUEST_ID, request_id_of
from profiles.ports import StoreUnavailable
from schemas.views import Problem, ProblemField

__all__ = [
    "PROBLEM_MEDIA_TYPE",
    "answer_with_problems",
    "other_tenant_problem",
    "problem_answer",
]

PROBLEM_MEDIA_TYPE: Final = "application/problem+json"

_RETRY_AFTER: Final = {"Retry-After": "1"}
_MOST_FIELDS: Final = 20
_MOST_CHARACTERS: Final = 200

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)


def answer_with_problems(app: FastAPI) -> None:
    """Make every error of the app a problem."""

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        fields = [
            ProblemField(
                where=_printable(".".join(str(part) for part in found["loc"])),
                message=_printable(str(found["msg"])),
            )
            for found in error.errors()[:_MOST_FIELDS]
        ]
        return _invalid(request, fields)

    @app.exception_handler(InvalidName)
    async def invalid_name(request: Request, error: InvalidName) -> Response:
        return _invalid(request, [ProblemField(where=error.where, message=error.message)])

    @app.exception_handler(InvalidArgument)
    async def invalid_argument(request: Request, error: InvalidArgument) -> Response:
        return _invalid(request, [ProblemField(where=error.where, message=error.message)])

    @app.exception_handler(UnknownPersona)
    async def unknown_persona(request: Request, error: UnknownPersona) -> Response:
        return problem_answer(
            request,
            HTTPStatus.NOT_FOUND,
            kind="urn:strata:problem:unknown-persona",
            title="Unknown persona",
            detail=str(error),
        )

    @app.exception_handler(UnknownItem)
    async def unknown_item(request: Request, error: UnknownItem) -> Response:
        return problem_answer(
            request,
            HTTPStatus.NOT_FOUND,
            kind="urn:strata:problem:unknown-item",
            title="Unknown item",
            detail=str(error),
        )

    @app.exception_handler(StoreUnavailable)
    async def store_unavailable(request: Request, error: StoreUnavailable) -> Response:
        # The cause names hosts, which are for the log and not for the caller.
        _log.warning("a question could not be answered without its store", cause=str(error))
        return problem_answer(
            request,
            HTTPStatus.SERVICE_UNAVAILABLE,
            kind="urn:strata:problem:store-unavailable",
            title="Store unavailable",
            detail="a store that the answer needs does not respond; ask again",
            headers=_RETRY_AFTER,
        )

    _answer_about_publishing(app)

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        return problem_answer(
            request,
            HTTPStatus(error.status_code),
            detail=_printable(str(error.detail)),
            headers=error.headers,
        )

    @app.exception_handler(Exception)
    async def bug(request: Request, _error: Exception) -> Response:
        # Starlette raises it again after this answer, so the server logs the traceback.
        return problem_answer(
            request, HTTPStatus.INTERNAL_SERVER_ERROR, detail="a bug; the server's log has it"
        )


def _answer_about_publishing(app: FastAPI) -> None:
    """Problems of whoever publishes, or reads what was just published."""

    @app.exception_handler(InvalidEvents)
    async def invalid_events(request: Request, error: InvalidEvents) -> Response:
        return problem_answer(
            request,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            kind="urn:strata:problem:invalid-events",
            title="Invalid events",
            detail=f"{error}; nothing was sent",
            fields=[
                ProblemField(where=wrong.where, message=_printable(wrong.message), code=wrong.code)
                for wrong in error.wrong
            ],
        )

    @app.exception_handler(OtherTenant)
    async def other_tenant(request: Request, error: OtherTenant) -> Response:
        return other_tenant_problem(request, error)

    @app.exception_handler(EventsNotTaken)
    async def events_not_taken(request: Request, _error: EventsNotTaken) -> Response:
        return problem_answer(
            request,
            HTTPStatus.SERVICE_UNAVAILABLE,
            kind="urn:strata:problem:events-not-taken",
            title="Events not taken",
            detail="Kafka did not acknowledge all of them in time, though it may have taken some; "
            "send all of them again, their ids unchanged",
            headers=_RETRY_AFTER,
        )

    @app.exception_handler(KeyReused)
    async def key_reused(request: Request, _error: KeyReused) -> Response:
        return problem_answer(
            request,
            HTTPStatus.UNPROCESSABLE_ENTITY,
            kind="urn:strata:problem:idempotency-key-reused",
            title="Idempotency key reused",
            detail="the key came with another body before; nothing was sent",
        )

    @app.exception_handler(KeyInUse)
    async def key_in_use(request: Request, _error: KeyInUse) -> Response:
        return problem_answer(
            request,
            HTTPStatus.CONFLICT,
            kind="urn:strata:problem:idempotency-key-in-use",
            title="Idempotency key in use",
            detail="a request with this key is still under way; ask again",
            headers=_RETRY_AFTER,
        )

    @app.exception_handler(NotYet)
    async def not_yet(request: Request, error: NotYet) -> Response:
        return problem_answer(
            request,
            HTTPStatus.SERVICE_UNAVAILABLE,
            kind="urn:strata:problem:not-yet",
            title="Not yet",
            detail=f"{error}; ask again, or ask without at_least",
            headers=_RETRY_AFTER,
        )


def _invalid(request: Request, fields: Sequence[ProblemField]) -> Response:
    return problem_answer(
        request,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        kind="urn:strata:problem:invalid-request",
        title="Invalid request",
        detail="; ".join(f"{field.where}: {field.message}" for field in fields),
        fields=fields,
    )


def other_tenant_problem(request: Request, error: OtherTenant) -> Response:
    """The answer to a request that speaks for another tenant."""
    return problem_answer(
        request,
        HTTPStatus.FORBIDDEN,
        kind="urn:strata:problem:other-tenant",
        title="Other tenant",
        detail=f"{error}; nothing was done",
        fields=[ProblemField(where=error.where, message="names another tenant")],
    )


def problem_answer(
    request: Request,
    status: HTTPStatus,
    *,
    kind: str = "about:blank",
    title: str | None = None,
    detail: str,
    fields: Sequence[ProblemField] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A problem, also for who answers outside of the app's handlers."""
    request_id = request_id_of(request.scope)
    problem = Problem(
        type=kind,
        title=title or status.phrase,
        status=status.value,
        detail=detail,
        instance=request.scope["path"],
        fields=tuple(fields),
        request_id=request_id,
    )
    identified = {} if request_id is None else {REQUEST_ID: request_id}
    return Response(
        problem.model_dump_json(),
        status_code=status.value,
        headers={**(headers or {}), **identified},
        media_type=PROBLEM_MEDIA_TYPE,
    )


def _printable(text: str) -> str:
    """Short, and without the lone surrogates that JSON can spell and UTF-8 cannot."""
    return text[:_MOST_CHARACTERS].encode(errors="replace").decode()
