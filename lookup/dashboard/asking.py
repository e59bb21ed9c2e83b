"""What every page takes from a request, and how it fails: as a page, too."""

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from lookup.asking import Tenant as HeaderTenant
from lookup.dashboard.rendering import Pages
from lookup.dashboard.sources import SourceUnavailable
from lookup.errors import InvalidArgument, InvalidName, UnknownPersona
from profiles.ports import StoreUnavailable
from schemas.wire import DEFAULT_TENANT

__all__ = ["Tenant", "page_route", "require_same_origin"]

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


async def _tenant(header: HeaderTenant, tenant: Annotated[str | None, Query()] = None) -> str:
    # A browser cannot send a header of its own choosing. With keys, the key's tenant stands in the
    # header, and the guard has refused a query that differs.
    return header if header != DEFAULT_TENANT or not tenant else tenant


Tenant: TypeAlias = Annotated[str, Depends(_tenant)]


def page_route(pages: Pages) -> type[APIRoute]:
    """Routes whose failures are pages that say what happened and what to do."""

    class PageRoute(APIRoute):
        def get_route_handler(self) -> Handler:
            asked = super().get_route_handler()

            async def answered(request: Request) -> Response:
                try:
                    return await asked(request)
                except _SHOWN as error:
                    status, detail = _failure(error)
                    return pages.answer(
                        request,
                        "failed.html",
                        status=status,
                        section="",
                        heading=status.phrase,
                        detail=detail.encode(errors="replace").decode(),
                    )

            return answered

    return PageRoute


_SHOWN: Final = (
    HTTPException,
    InvalidArgument,
    InvalidName,
    RequestValidationError,
    SourceUnavailable,
    StoreUnavailable,
    UnknownPersona,
)


def _failure(error: Exception) -> tuple[HTTPStatus, str]:
    """What went wrong, as a person may read it."""
    match error:
        case InvalidName() | InvalidArgument():
            return HTTPStatus.UNPROCESSABLE_ENTITY, f"{error.where} {error.message}"
        case RequestValidationError():
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"])
            return HTTPStatus.UNPROCESSABLE_ENTITY, f"{where}: {first['msg']}"
        case UnknownPersona():
            return HTTPStatus.NOT_FOUND, str(error)
        case HTTPException():
            return HTTPStatus(error.status_code), str(error.detail)
        case SourceUnavailable():
            return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
    # The cause names hosts, which are for the log.
    return (
        HTTPStatus.SERVICE_UNAVAILABLE,
        "a store that this page needs does not respond; try again in a moment",
    )


def require_same_origin(request: Request) -> None:
    """Refuse a form that another site has sent: a browser adds what it knows of its user.

    Raises:
        HTTPException: 403.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        same = site == "same-origin"
    else:
        # Older browsers; `Referrer-Policy: same-origin` keeps them from hiding it.
        origin = urlsplit(request.headers.get("origin", ""))
        same = bool(origin.netloc) and origin.netloc == request.headers.get("host")
    if not same:
        raise HTTPException(403, "only this dashboard's own pages may send this")
