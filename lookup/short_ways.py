"""Short ways of the questions and events that are sent most, beside `lookup.profile_lane`.

FastAPI resolves a route's dependencies anew for each request and reads a body through a model.
What is as plain as almost every such request is answered without; everything else goes on to the
route, body and all, which alone knows what else may be said and what is wrong with it.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Final, TypeVar

import msgspec
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Router
from starlette.types import Message, Receive, Scope, Send

from lookup.answering import VersionChoice
from lookup.ingest import Ingest
from lookup.ingest_routes import EVENTS_PATH
from lookup.metrics import HttpMetrics
from lookup.options import MOST_LISTED
from lookup.profile_json import profiles_body
from schemas.wire import DEFAULT_TENANT

__all__ = ["ShortRoute", "short_routes"]

_LONG: Final = "strata.long_way"
_TYPE: Final = b"content-type"
_JSON: Final = b"application/json"
_TENANT: Final = b"x-strata-tenant"
# What says more than the short way reads.
_SAYING_MORE: Final = frozenset({b"content-encoding", b"idempotency-key"})

AnswerTo = Callable[[str, bytes], Awaitable[Response | None]]
"""By tenant and body; None for a body that the route has to read."""

T = TypeVar("T")


class ShortRoute(BaseRoute):
    """A plain POST to one path, ahead of the route that FastAPI has for it.

    It stands among the routes, so that its errors become the problems that the route's would.
    """

    methods = frozenset({"POST"})

    def __init__(self, router: Router, path: str, answer: AnswerTo) -> None:
        self.path = path
        self._router = router
        self._answer = answer

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if (
            scope["type"] == "http"
            and scope["path"] == self.path
            and scope["method"] == "POST"
            and not scope["query_string"]
            and _LONG not in scope
            and _tenant(scope["headers"]) is not None
        ):
            return Match.FULL, {"route": self}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole(receive)
        tenant = _tenant(scope["headers"])
        answer = None
        if body is not None and tenant is not None:
            answer = await self._answer(tenant, body)
        if answer is not None:
            await answer(scope, receive, send)
            return
        scope[_LONG] = True
        await self._router.app(scope, _again(body, receive), send)


def short_routes(
    router: Router, *, versions: VersionChoice, metrics: HttpMetrics, ingest: Ingest | None
) -> list[ShortRoute]:
    """Of batches of profiles, of rankings, and of events where they are taken.

    Args:
        router: Has the routes that everything else goes on to.
    """

    async def profiles(tenant: str, body: bytes) -> Response | None:
        asked = _read(_batches, body)
        if asked is None:
            return None
        async with versions.chosen() as answering:
            answers = await answering.lookup.profile_answers(tenant, asked.user_ids)
        for one in answers:
            metrics.count_answer(one)
        return Response(profiles_body(answers), media_type="application/json")

    async def rank(tenant: str, body: bytes) -> Response | None:
        asked = _read(_ranks, body)
        if asked is None:
            return None
        async with versions.chosen() as answering:
            view = await answering.lookup.rank(
                tenant, asked.user_id, limit=asked.limit, exclude_seen=asked.exclude_seen
            )
        metrics.count_answer(view)
        return Response(view.model_dump_json(), media_type="application/json")

    ways: Mapping[str, AnswerTo] = {"/v1/profiles:batchGet": profiles, "/v1/rank": rank}
    if ingest is not None:
        taking = ingest

        async def publish(tenant: str, body: bytes) -> Response:
            accepted = await taking.publish(tenant, body, counted=metrics.count_ingested)
            return Response(
                accepted.model_dump_json(), status_code=202, media_type="application/json"
            )

        ways = {**ways, EVENTS_PATH: publish}
    return [ShortRoute(router, path, answer) for path, answer in ways.items()]


class _Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `BatchRequest`."""

    user_ids: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=MOST_LISTED)]


class _Rank(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `RankRequest`."""

    user_id: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST_LISTED)] = 10
    exclude_seen: bool = True


_batches: Final = msgspec.json.Decoder(_Batch)
_ranks: Final = msgspec.json.Decoder(_Rank)


def _read(decoder: msgspec.json.Decoder[T], body: bytes) -> T | None:
    """None where the route is to say what is wrong, if anything is."""
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _tenant(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Whose request it is; None for one whose headers say more than the short way reads."""
    tenant: bytes | None = None
    media_type: bytes | None = None
    for name, value in headers:
        if name == _TENANT:
            if tenant is not None:
                return None
            tenant = value
        elif name == _TYPE:
            if media_type is not None:
                return None
            media_type = value
        elif name in _SAYING_MORE:
            return None
    if media_type != _JSON:
        return None
    try:
        return DEFAULT_TENANT if tenant is None else tenant.decode()
    except UnicodeDecodeError:
        return None


async def _whole(receive: Receive) -> bytes | None:
    """The body; None if its sender has gone."""
    pieces: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _again(body: bytes | None, receive: Receive) -> Receive:
    """As if nothing had been received yet."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        if body is None:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": body, "more_body": False}

    return received
