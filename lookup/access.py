"""Who may ask what: by API key, or, where there are no keys, whoever is on this machine."""

import math
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import parse_qsl, urlsplit

from aiolimiter import AsyncLimiter
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from lookup.edge import MAX_BODY
from lookup.errors import OtherTenant
from lookup.keys import ApiKey, KeyRing
from lookup.loopback import is_loopback
from lookup.problems import other_tenant_problem, problem_answer
from lookup.scopes import scope_of

__all__ = [
    "ADMITTED_BY",
    "Access",
    "Guard",
    "KeyAccess",
    "LoopbackAccess",
]

ADMITTED_BY: Final = "strata.admitted_by"
"""In the scope of a request: who has let it in already, and need not be asked again."""

TENANT_HEADER: Final = "X-Strata-Tenant"


class Access(Protocol):
    """Decides about a request before it is routed."""

    keyed: bool
    """Whether requests carry keys."""

    async def refusal(self, request: Request) -> Response | None:
        """The answer to a request that may not go on; None for one that may.

        The request's scope may be changed: its tenant, and how large its body may be.
        """
        ...


class Guard:
    """Lets no request past that `access` refuses."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            # No other protocol is spoken here, and none may be spoken past the guard.
            raise RuntimeError(f"the guard knows no {scope['type']}")
        answer = None
        # A key's rate counts a request once.
        if scope.get(ADMITTED_BY) is not self._access:
            answer = await self._access.refusal(Request(scope))
        await (answer or self._app)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Limited:
    key: ApiKey
    limiter: AsyncLimiter


class KeyAccess:
    """Every request shows a key, and speaks for its tenant.

    Those to `lookup.scopes.PUBLIC_PATHS` alone need none.

    The key comes as `Authorization: Bearer KEY`, or as the password of Basic authentication,
    for which browsers ask by themselves.

    Args:
        keys: The keys in force now.
        now: The present time, with its zone.
    """

    keyed = True

    def __init__(
        self,
        keys: Callable[[], KeyRing],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._keys = keys
        self._now = now
        self._limited: dict[str, _Limited] = {}

    async def refusal(self, request: Request) -> Response | None:
        needed = scope_of(request.method, request.scope["path"])
        if needed is None:
            return None
        shown = _shown(request.headers.get("authorization"))
        key = None if shown is None else self._keys().presented(shown, now=self._now())
        if key is None:
            return _unknown(request)
        if needed not in key.scopes:
            return problem_answer(
                request,
                HTTPStatus.FORBIDDEN,
                kind="urn:strata:problem:scope-missing",
                title="Scope missing",
                detail=f"key {key.id} has not the scope {needed}",
            )
        # Before the limit: what is refused for good need not be tried again.
        if (where := _other_tenant(request, key.tenant)) is not None:
            return other_tenant_problem(request, OtherTenant(where))
        limiter = self._limiter(key)
        if not limiter.has_capacity():
            return problem_answer(
                request,
                HTTPStatus.TOO_MANY_REQUESTS,
                kind="urn:strata:problem:too-many-requests",
                title="Too many requests",
                detail=f"key {key.id} may make {key.requests_per_s:g} requests per second",
                headers={"Retry-After": str(math.ceil(1 / key.requests_per_s))},
            )
        await limiter.acquire()
        # Whatever reads the header from here on reads the key's tenant.
        MutableHeaders(scope=request.scope)[TENANT_HEADER] = key.tenant.encode().decode("latin-1")
        request.scope.setdefault("state", {})[MAX_BODY] = key.max_body_bytes
        return None

    def _limiter(self, key: ApiKey) -> AsyncLimiter:
        held = self._limited.get(key.id)
        if held is None or held.key != key:
            limiter = AsyncLimiter(key.burst, key.burst / key.requests_per_s)
            held = self._limited[key.id] = _Limited(key, limiter)
        return held.limiter


class LoopbackAccess:
    """Whoever is on this machine may ask, and calls the service by a name of this machine.

    A page of a foreign site can give its own name this machine's address and then have a
    browser here ask; the name in the request's Host gives it away.
    """

    keyed = False

    async def refusal(self, request: Request) -> Response | None:
        if _names_this_machine(request.headers.get("host", "")):
            return None
        return problem_answer(
            request,
            HTTPStatus.MISDIRECTED_REQUEST,
            kind="urn:strata:problem:misdirected-request",
            title="Misdirected request",
            detail="without API keys the service answers to names of its own machine only",
        )


@lru_cache(maxsize=1_024)
def _names_this_machine(header: str) -> bool:
    try:
        return is_loopback(urlsplit(f"//{header}").hostname or "")
    except ValueError:
        return False


def _shown(authorization: str | None) -> bytes | None:
    scheme, _, credentials = (authorization or "").partition(" ")
    given = credentials.strip().encode("latin-1")
    if scheme.lower() == "bearer":
        return given
    if scheme.lower() == "basic":
        try:
            return b64decode(given, validate=True).partition(b":")[2]
        except NotBase64:
            return None
    return None


def _other_tenant(request: Request, tenant: str) -> str | None:
    """Where a request names a tenant other than its key's."""
    expected = tenant.encode()
    for given in request.headers.getlist(TENANT_HEADER):
        if given.encode("latin-1") != expected:
            return f"header.{TENANT_HEADER}"
    # As Latin-1, every byte stays what it was.
    asked = request.scope["query_string"].decode("latin-1")
    query = parse_qsl(asked, keep_blank_values=True, encoding="latin-1")
    if any(name == "tenant" and value.encode("latin-1") != expected for name, value in query):
        return "query.tenant"
    return None


def _unknown(request: Request) -> Response:
    # People at a browser are asked for a password, which Chromium does only where Basic is the
    # first that a header names; programs know what to send.
    program = request.scope["path"].startswith("/v1/")
    schemes = ("Bearer",) if program else ("Basic", "Bearer")
    return problem_answer(
        request,
        HTTPStatus.UNAUTHORIZED,
        kind="urn:strata:problem:key-missing",
        title="Key missing",
        detail="send an API key that is in force, as Authorization: Bearer KEY",
        headers={"WWW-Authenticate": ", ".join(f'{one} realm="strata"' for one in schemes)},
    )
