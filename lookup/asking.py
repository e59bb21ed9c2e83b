"""What every route takes from a request: the lookup, the tenant, ids, and how new to be."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Header, Path, Query
from fastapi.exceptions import HTTPException
from pydantic import AfterValidator
from starlette.requests import Request

from lookup.answering import Answering, VersionChoice
from lookup.options import MOST_LISTED
from lookup.own_writes import OwnWrites
from lookup.problems import PROBLEM_MEDIA_TYPE
from lookup.queries import Lookup
from schemas.positions import LONGEST_TOKEN
from schemas.views import Problem
from schemas.wire import DEFAULT_TENANT

__all__ = [
    "PROBLEM_CONTENT",
    "AskedLookup",
    "AtLeast",
    "Chosen",
    "Limit",
    "PathId",
    "Seen",
    "Tenant",
]

PROBLEM_CONTENT: Final[dict[str, Any]] = {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}}
"""For `responses` of a route: how a problem is described."""


def _decoded(encoded: str) -> str:
    """An id from its place in a path; UnicodeDecodeError, a ValueError, if it is not UTF-8."""
    return unquote_to_bytes(encoded.encode("latin-1")).decode()


async def _answering(request: Request) -> AsyncIterator[Answering]:
    choice: VersionChoice = request.app.state.versions
    async with choice.chosen() as answering:
        yield answering


Chosen: TypeAlias = Annotated[Answering, Depends(_answering)]
"""The version that answers, chosen once: whatever else a route takes comes from it."""


async def _lookup(answering: Chosen) -> Lookup:
    return answering.lookup


async def _tenant(
    x_strata_tenant: Annotated[
        str, AfterValidator(lambda header: header.encode("latin-1").decode()), Header()
    ] = DEFAULT_TENANT,
) -> str:
    return x_strata_tenant


class Seen:
    """How new an answer has to be, as the request says."""

    def __init__(self, own_writes: OwnWrites | None, tenant: str, token: str | None) -> None:
        self._own_writes = own_writes
        self._tenant = tenant
        self._token = token

    async def of(self, *user_ids: str) -> None:
        """Wait until answers about these users know the events that the request names.

        Raises:
            InvalidArgument, NotYet, StoreUnavailable: see `OwnWrites.seen`.
        """
        if self._token is None:
            return
        if self._own_writes is None:
            raise HTTPException(501, "this service does not know how far its stores have come")
        await self._own_writes.seen(self._tenant, user_ids, self._token)


async def _seen(
    answering: Chosen,
    tenant: Annotated[str, Depends(_tenant)],
    at_least: Annotated[
        str | None,
        Query(
            max_length=LONGEST_TOKEN,
            description="A token from publishing: the answer knows at least those events, or is "
            "a problem (503 with Retry-After) if they have not been taken in within two seconds.",
        ),
    ] = None,
) -> Seen:
    return Seen(answering.own_writes, tenant, at_least)


AskedLookup: TypeAlias = Annotated[Lookup, Depends(_lookup)]
Tenant: TypeAlias = Annotated[str, Depends(_tenant)]
AtLeast: TypeAlias = Annotated[Seen, Depends(_seen)]
PathId: TypeAlias = Annotated[str, AfterValidator(_decoded), Path()]
Limit: TypeAlias = Annotated[int, Query(ge=1, le=MOST_LISTED)]
