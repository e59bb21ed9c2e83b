"""Plain questions for one profile, answered ahead of all that other requests go through.

Layers around an app cost together as much as such an answer. What they do is done here in one
place: the request's id, the guard, how many are answered at a time, and the counters. What is
not plain, refused, or fails goes on to the app, which does the same in its layers and alone knows
of problems.
"""

import time
from typing import Final

import structlog
from starlette.requests import Request
from starlette.routing import BaseRoute
from starlette.types import Scope, Send

from lookup.access import ADMITTED_BY, Access
from lookup.admission import Places
from lookup.answering import VersionChoice
from lookup.conditional import send_conditional
from lookup.errors import InvalidName
from lookup.metrics import BEGUN_S, HttpMetrics
from lookup.profile_json import ProfileAnswer
from lookup.profile_lane import NotPlain, asked_for, tenant_and_tags
from lookup.request_ids import REQUEST_ID_HEADER, identified
from profiles.ports import StoreUnavailable

__all__ = ["EarlyProfiles"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_ROUTE_PATH: Final = "path"


class EarlyProfiles:
    """Answers as the app would that stands behind it.

    Args:
        access: The app's guard, likewise `places` and `metrics`.
        route: Which metrics count these requests as.
    """

    def __init__(
        self,
        *,
        versions: VersionChoice,
        route: BaseRoute,
        access: Access | None,
        places: Places,
        metrics: HttpMetrics,
    ) -> None:
        self._versions = versions
        self._route: str = getattr(route, _ROUTE_PATH)
        self._access = access
        self._places = places
        self._metrics = metrics

    async def answer(self, scope: Scope, send: Send) -> bool:
        """Whether it was answered; the app has to otherwise.

        The scope then has what the app's layers would have put there.
        """
        raw_path: bytes | None = scope.get("raw_path")
        if scope["type"] != "http" or raw_path is None:
            return False
        path = raw_path.decode("latin-1")
        user_id = asked_for(scope, path)
        if user_id is None:
            return False
        scope[BEGUN_S] = time.perf_counter()
        request_id = identified(scope)
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            if path != scope["path"]:
                # Of its own: the app is given it as it was sent.
                scope = {**scope, "path": path}
            if self._access is not None:
                if await self._access.refusal(Request(scope)) is not None:
                    return False
                scope[ADMITTED_BY] = self._access
            if self._places.are_taken:
                return False
            self._places.take()
            self._metrics.begun()
            try:
                return await self._answered(scope, send, user_id, request_id)
            finally:
                self._metrics.ended()
                self._places.give_back()
        finally:
            structlog.contextvars.reset_contextvars(**bound)

    async def _answered(self, scope: Scope, send: Send, user_id: str, request_id: str) -> bool:
        try:
            tenant, tags = tenant_and_tags(scope["headers"])
            answer = await self._found(tenant, user_id)
        except (NotPlain, UnicodeDecodeError, InvalidName, StoreUnavailable):
            return False
        except Exception:  # noqa: BLE001 -- logged, and raised again by the route
            # The app's route meets the same bug, and answers for it.
            _log.exception("a profile could not be answered")
            return False
        status = 500
        try:
            self._metrics.count_answer(answer)
            status = await send_conditional(
                scope, send, tags, answer.body, more=[(REQUEST_ID_HEADER, request_id.encode())]
            )
        finally:
            took_s = time.perf_counter() - scope[BEGUN_S]
            self._metrics.answered("GET", self._route, status, took_s)
        return True

    async def _found(self, tenant: str, user_id: str) -> ProfileAnswer:
        async with self._versions.chosen() as answering:
            return await answering.lookup.profile_answer(tenant, user_id)
