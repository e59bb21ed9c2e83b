"""The short way of the question that is asked most, `GET /v1/profiles/{user_id}`.

FastAPI resolves a route's dependencies anew for each request, which costs more than the answer
does. What is not as plain as almost every such request is goes on to the route, and so does what
fails: the route answers alike, and it alone knows of problems.
"""

from collections.abc import Callable
from typing import Final
from urllib.parse import unquote_to_bytes

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup.answering import VersionChoice
from lookup.conditional import send_conditional
from lookup.errors import InvalidName
from lookup.profile_json import ProfileAnswer
from profiles.ports import StoreUnavailable
from schemas.wire import DEFAULT_TENANT

__all__ = ["NotPlain", "ProfileLane", "asked_for", "tenant_and_tags"]

_PREFIX: Final = "/v1/profiles/"
_TENANT: Final = b"x-strata-tenant"
_IF_NONE_MATCH: Final = b"if-none-match"


class ProfileLane:
    """Answers plain questions for one profile; stands where paths are as they were sent.

    Args:
        route: Which metrics count these requests as.
        counted: Told of each answer.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        versions: VersionChoice,
        route: BaseRoute,
        counted: Callable[[ProfileAnswer], None],
    ) -> None:
        self._app = app
        self._versions = versions
        self._route = route
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        user_id = asked_for(scope, scope["path"]) if scope["type"] == "http" else None
        tenant, if_none_match = DEFAULT_TENANT, None
        answer: ProfileAnswer | None = None
        if user_id is not None:
            try:
                tenant, if_none_match = tenant_and_tags(scope["headers"])
                async with self._versions.chosen() as answering:
                    answer = await answering.lookup.profile_answer(tenant, user_id)
            except (NotPlain, UnicodeDecodeError, InvalidName, StoreUnavailable):
                answer = None
        if answer is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        self._counted(answer)
        await send_conditional(scope, send, if_none_match, answer.body)


class NotPlain(Exception):
    """The request says more than the short way reads."""


def asked_for(scope: Scope, path: str) -> str | None:
    """The user that a plain request over HTTP is about; None for every other request.

    Args:
        path: As it was sent.
    """
    if scope["method"] != "GET" or scope["query_string"] or not path.startswith(_PREFIX):
        return None
    asked = path[len(_PREFIX) :]
    # With a slash it may be what a longer route is about.
    if not asked or "/" in asked:
        return None
    try:
        return unquote_to_bytes(asked.encode("latin-1")).decode() if "%" in asked else asked
    except UnicodeDecodeError:
        return None


def tenant_and_tags(headers: list[tuple[bytes, bytes]]) -> tuple[str, str | None]:
    """Tenant and entity tags.

    Raises:
        NotPlain: one of them comes twice.
        UnicodeDecodeError: the tenant is not UTF-8.
    """
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in (_TENANT, _IF_NONE_MATCH):
            if name in found:
                raise NotPlain
            found[name] = value
    tenant, tags = found.get(_TENANT), found.get(_IF_NONE_MATCH)
    return (
        DEFAULT_TENANT if tenant is None else tenant.decode(),
        None if tags is None else tags.decode("latin-1"),
    )
