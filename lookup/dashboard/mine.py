"""What is kept of a person, for that person to read, correct and remove. Changes are events."""

import json
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qs

from fastapi import APIRouter, Query
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookup.answering import Answering
from lookup.asking import AtLeast, Chosen
from lookup.dashboard.asking import Tenant, require_same_origin
from lookup.dashboard.rendering import Pages
from lookup.dashboard.sources import Dashboard, SourceUnavailable
from lookup.erasures import Erasures
from lookup.ingest import Ingest
from lookup.routes_persons import AskedPersons, writing_of
from schemas.instants import instant_ms, rfc3339
from schemas.privacy_views import MineView, OwnLineView

__all__ = ["mine_pages"]

_LONGEST_FORM: Final = 64 * 1024
_YES: Final = {"yes": True, "true": True, "no": False, "false": False}

Attribute = str | int | float | bool


class _NotChanged(ValueError):
    """What was asked for cannot be done; the message is for the person."""


def mine_pages(
    routes: APIRouter,
    pages: Pages,
    dashboard: Dashboard,
    *,
    ingest: Ingest | None,
    erasures: Erasures | None,
) -> None:
    """Add the page to `routes`, and its forms.

    Args:
        ingest: Publishes what people change; without it the page is for reading.
        erasures: Asks for everything to be erased; likewise.
    """

    def shown(
        request: Request,
        tenant: str,
        mine: MineView,
        *,
        changed: bool = False,
        erased: bool = False,
        refused: str | None = None,
    ) -> Response:
        return pages.answer(
            request,
            "mine.html",
            tenant=tenant,
            section="users",
            mine=mine,
            changeable=ingest is not None,
            erasable=erasures is not None,
            changed=changed,
            erased=erased,
            refused=refused,
        )

    @routes.get("/mine")
    async def mine(
        *,
        request: Request,
        answering: Chosen,
        persons: AskedPersons,
        tenant: Tenant,
        user_id: str,
        seen: AtLeast,
        done: Annotated[str | None, Query(pattern="^(changed|erased)$")] = None,
    ) -> Response:
        await seen.of(user_id)
        found = await _mine_of(answering, persons, tenant, user_id)
        return shown(request, tenant, found, changed=done == "changed", erased=done == "erased")

    @routes.post("/mine/change")
    async def change(
        request: Request, answering: Chosen, persons: AskedPersons, tenant: Tenant
    ) -> Response:
        """Publish what the form asks for as an event; the page then shows it in effect."""
        require_same_origin(request)
        if ingest is None:
            raise SourceUnavailable("this service publishes nothing")
        form = await _form_of(request)
        user_id = form.get("user_id", "")
        found = await _mine_of(answering, persons, tenant, user_id)
        try:
            said = _said_by(form, found)
        except _NotChanged as error:
            return shown(request, tenant, found, refused=str(error))
        event = {
            "event_id": dashboard.new_id(),
            "occurred_at": rfc3339(max(dashboard.now_ms(), _newest_ms(found))),
            "user_id": user_id,
            **said,
        }
        accepted = await ingest.publish(tenant, json.dumps(event).encode())
        link = pages.link(tenant)
        address = link("/mine", user_id=user_id, done="changed", at_least=accepted.token)
        return RedirectResponse(address, status_code=303)

    @routes.post("/mine/erase")
    async def erase(request: Request, tenant: Tenant) -> Response:
        """Ask for everything to be erased, if the form says so twice."""
        require_same_origin(request)
        if erasures is None:
            raise SourceUnavailable("this service takes no erasures")
        form = await _form_of(request)
        user_id = form.get("user_id", "")
        if form.get("sure") != user_id:
            raise HTTPException(422, "to erase everything, type the user id once more")
        await erasures.ask(tenant, user_id)
        address = pages.link(tenant)("/mine", user_id=user_id, done="erased")
        return RedirectResponse(address, status_code=303)


async def _form_of(request: Request) -> Mapping[str, str]:
    body = await request.body()
    if len(body) > _LONGEST_FORM:
        raise HTTPException(413, "the form is too long")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    return {name: values[0] for name, values in fields.items()}


async def _mine_of(
    answering: Answering, persons: AskedPersons, tenant: str, user_id: str
) -> MineView:
    profile = await answering.lookup.profile(tenant, user_id)
    writing = await writing_of(answering, tenant, user_id)
    return await persons.mine(tenant, user_id, profile, writing=writing)


def _said_by(form: Mapping[str, str], mine: MineView) -> dict[str, object]:
    """The fields of the event that the form stands for.

    Raises:
        _NotChanged: there is no such line, or the value is none of its kind.
    """
    match form.get("do"):
        case "state":
            line = _line(form.get("line", ""), mine)
            if line.name is None or line.value is None:
                raise _NotChanged("only what you stated can be stated anew")
            value = _typed(form.get("value", ""), line.value)
            return {"type": "attributes", "attributes": {line.name: value}}
        case "remove":
            return _removal_of(_line(form.get("line", ""), mine))
        case "withdraw" | "grant" as word:
            kinds = {kind.data_type for kind in mine.kinds}
            if form.get("kind") not in kinds:
                raise _NotChanged("there is no such kind of data")
            granted = word == "grant"
            return {"type": "consent", "data_type": form["kind"], "granted": granted}
        case _:
            raise _NotChanged("nothing was asked for")


def _removal_of(line: OwnLineView) -> dict[str, object]:
    if line.name is not None:
        return {"type": "removal", "data_type": "attributes", "attribute": line.name}
    kind, removed_id, _ = line.id.split("/")
    return {
        "type": "removal",
        "data_type": f"{kind}s",
        "removed_id": removed_id,
        "removed_at": line.at,
    }


def _line(name: str, mine: MineView) -> OwnLineView:
    for kind in mine.kinds:
        for line in kind.lines:
            if line.id == name:
                return line
    raise _NotChanged("that line is kept no longer")


def _typed(text: str, before: Attribute) -> Attribute:
    """What was typed, as a value of the same type as before."""
    typed = text.strip()
    match before:
        case bool():
            if typed.lower() not in _YES:
                raise _NotChanged("this takes yes or no")
            return _YES[typed.lower()]
        case int() | float():
            try:
                return type(before)(typed)
            except ValueError:
                raise _NotChanged("this takes a number") from None
        case _:
            if not typed:
                raise _NotChanged("type what is right instead")
            return typed


def _newest_ms(mine: MineView) -> int:
    """Later than all that is shown, so that what is said now is the last word."""
    times = [instant_ms(line.at) or 0 for kind in mine.kinds for line in kind.lines]
    return max(times, default=-1) + 1
