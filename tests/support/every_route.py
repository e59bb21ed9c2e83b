"""A request to every route there is, and the service that has all of them."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import anyio
from dashboard_world import populated
from ingest_world import RATED, Publishing

from lookup.preferences import PreferencePairs
from schemas.decoded import Preference

__all__ = ["ASKED", "FORM", "USER", "Asked", "named", "publishing"]

USER: Final = "ID"
"""Stands in the routes below for whatever id a request is given."""

FORM: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that a route is meant for, with `USER` where a stranger may put anything.

    Attributes:
        query: And where that is all there is to put.
        body: JSON, or fields of a form.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    form: bool = False


ASKED: Final = (
    Asked("GET", "/v1/profiles/ID"),
    Asked("GET", "/v1/profiles/ID/explanation"),
    Asked("POST", "/v1/profiles:batchGet", body={"user_ids": [USER, USER]}),
    Asked("POST", "/v1/rank", body={"user_id": USER}),
    Asked(
        "POST",
        "/v1/score",
        body={
            "user_id": USER,
            "items": [USER],
            "pairs": [{"a": {"item_id": USER}, "b": {"text": USER}}],
        },
    ),
    Asked("POST", "/v1/retrieve", body={"user_id": USER, "query": USER}),
    Asked("POST", "/v1/context", body={"user_id": USER, "token_budget": 500, "query": USER}),
    Asked("GET", "/v1/personas", query={"cursor": USER}),
    Asked("GET", "/v1/personas/ID"),
    Asked("GET", "/v1/statistics", query={"persona": USER}),
    Asked("GET", "/v1/items/ID/similar"),
    Asked("GET", "/v1/users/ID/similar", query={"at_least": USER}),
    Asked("GET", "/v1/users/ID/export"),
    Asked("GET", "/v1/users/ID/mine"),
    Asked("DELETE", "/v1/users/ID"),
    Asked("GET", "/v1/erasures/ID"),
    Asked("POST", "/v1/events", body={**RATED, "user_id": USER, "item_id": USER}),
    Asked("POST", "/v1/preferences:export", body={"user_id": USER, "persona": USER}),
    Asked("GET", "/"),
    Asked("GET", "/live"),
    Asked("GET", "/users"),
    Asked("GET", "/user", query={"user_id": USER}),
    Asked("GET", "/user/half-life", query={"user_id": USER}),
    Asked("GET", "/mine", query={"user_id": USER, "at_least": USER}),
    Asked(
        "POST",
        "/mine/change",
        body={"user_id": USER, "do": "state", "line": USER, "kind": USER, "value": USER},
        form=True,
    ),
    Asked("POST", "/mine/erase", body={"user_id": USER, "sure": USER}, form=True),
    Asked("GET", "/personas"),
    Asked("GET", "/everybody"),
    Asked("GET", "/cost"),
    Asked("GET", "/dead-letters", query={"reason": USER, "sent": USER}),
    Asked("GET", "/dead-letter", query={"position": USER}),
    Asked("POST", "/dead-letter/send", body={"position": USER, "value": USER}, form=True),
    Asked("GET", "/versions"),
    Asked("GET", "/versions/part"),
    Asked("POST", "/versions/compare", body={"name": USER}, form=True),
    Asked("POST", "/versions/promote", body={"name": USER}, form=True),
    Asked("POST", "/versions/rollback", body={"name": USER}, form=True),
    Asked("GET", "/assets/ID"),
    Asked("GET", "/livez"),
    Asked("GET", "/readyz"),
    Asked("GET", "/metrics"),
    Asked("GET", "/openapi.json"),
)


class NoPreferences:
    """A log in which nobody preferred anything."""

    async def read(self) -> AsyncIterator[Sequence[Preference]]:
        no_batches: tuple[Sequence[Preference], ...] = ()
        for batch in no_batches:
            yield batch


def named(asked: Asked, ident: str) -> dict[str, Any]:
    """The request with an id, as arguments of a client."""
    path = asked.path.replace(USER, quote(ident, safe=""))
    query = {name: value.replace(USER, ident) for name, value in asked.query.items()}
    url = f"{path}?{urlencode(query)}" if query else path
    told: dict[str, Any] = {"method": asked.method, "url": url, "headers": {}}
    if asked.form:
        fields = {name: value.replace(USER, ident) for name, value in asked.body.items()}
        told["content"] = urlencode(fields)
        told["headers"] = {"Content-Type": FORM, "Origin": "http://strata.test"}
    elif asked.body is not None:
        spelled = json.dumps(ident)[1:-1]
        told["content"] = json.dumps(asked.body).replace(USER, spelled)
        told["headers"] = {"Content-Type": "application/json"}
    return told


def publishing() -> Publishing:
    """A service with pages, preferences and everything else, over the dashboard's world."""
    shown = anyio.run(populated)
    world = shown.world
    pairs = PreferencePairs(log=NoPreferences(), users=world.users, items=world.items)
    return Publishing(world, dashboard=shown.dashboard(), preferences=pairs)
