"""`POST /v1/events`: the one route that writes, mounted only where there is a log to write to."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Request
from fastapi.exceptions import HTTPException
from starlette.responses import Response

from lookup.asking import PROBLEM_CONTENT, Tenant
from lookup.errors import InvalidArgument
from lookup.ingest import Ingest
from schemas.views import AcceptedView

__all__ = ["EVENTS_PATH", "MAX_EVENTS_BYTES", "ingest_routes"]

EVENTS_PATH: Final = "/v1/events"
MAX_EVENTS_BYTES: Final = 4 << 20

_MEDIA_TYPES: Final = frozenset(
    {
        "application/json",
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
    }
)
_KEY: Final = re.compile(r"[!-~]{1,255}")
_problems: Final[dict[int | str, dict[str, Any]]] = dict.fromkeys(
    (409, 413, 415, 422, 503), PROBLEM_CONTENT
)


def ingest_routes(ingest: Ingest, *, counted: Callable[[str], None]) -> APIRouter:
    """The route over `ingest`, which stays the caller's to close.

    Args:
        counted: Told the type of each event taken.
    """
    routes = APIRouter(tags=["events"])

    @routes.post(EVENTS_PATH, status_code=202, response_model=AcceptedView, responses=_problems)
    async def publish_events(
        request: Request,
        tenant: Tenant,
        idempotency_key: Annotated[
            str | None,
            Header(
                description="1 to 255 visible ASCII characters. The same body under the same key "
                "is sent once and answered alike for a day."
            ),
        ] = None,
    ) -> Response:
        """Publish one event or an array of events, all of them or none.

        Answers once Kafka has acknowledged every event. `token` goes into `at_least` of a
        read that has to know them.
        """
        _require_plain_json(request)
        if idempotency_key is not None and not _KEY.fullmatch(idempotency_key):
            raise InvalidArgument(
                "header.Idempotency-Key", "must have 1 to 255 visible ASCII characters"
            )
        accepted = await ingest.publish(
            tenant, await request.body(), idempotency_key=idempotency_key, counted=counted
        )
        return Response(accepted.model_dump_json(), status_code=202, media_type="application/json")

    return routes


def _require_plain_json(request: Request) -> None:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES:
        raise HTTPException(415, f"the media type must be one of {', '.join(sorted(_MEDIA_TYPES))}")
    # Unpacking would let a small request stand for an enormous one.
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "a body must not be compressed")
