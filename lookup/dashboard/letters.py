"""Dead letters: why records were refused, and sending one where it came from again."""

from collections import Counter
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookup.dashboard.asking import Tenant, require_same_origin
from lookup.dashboard.rendering import Pages
from lookup.dashboard.sources import Dashboard, Letter, LetterSource, NotSent, SourceUnavailable

__all__ = ["letter_pages"]

_SHOWN: Final = 100


def letter_pages(routes: APIRouter, pages: Pages, dashboard: Dashboard) -> None:
    """Add the pages to `routes`."""

    def source() -> LetterSource:
        if dashboard.letters is None:
            raise SourceUnavailable("dead letters lie in Kafka, and this service has none")
        return dashboard.letters

    @routes.get("/dead-letters")
    async def letters(
        request: Request, tenant: Tenant, reason: str | None = None, sent: str | None = None
    ) -> Response:
        found = await source().letters(tenant)
        chosen = [letter for letter in found if reason is None or letter.reason == reason]
        return pages.answer(
            request,
            "letters.html",
            tenant=tenant,
            section="letters",
            letters=chosen[:_SHOWN],
            more=len(chosen) - _SHOWN,
            reasons=Counter(letter.reason for letter in found).most_common(),
            reason=reason,
            total=len(found),
            sent=sent,
        )

    @routes.get("/dead-letter")
    async def letter(request: Request, tenant: Tenant, position: str) -> Response:
        return _shown(request, tenant, await _required(tenant, position))

    @routes.post("/dead-letter/send")
    async def send(request: Request, tenant: Tenant) -> Response:
        """Send it again; what would be refused again is shown with the reason, and not sent."""
        require_same_origin(request)
        form = parse_qs((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
        position = form.get("position", [""])[0]
        changed = form.get("value", [None])[0]
        key_of_event = "key_of_event" in form
        found = await _required(tenant, position)
        value = None if changed is None else _typed(changed, found)
        try:
            await source().send_again(tenant, position, value=value, key_of_event=key_of_event)
        except NotSent as error:
            return _shown(request, tenant, found, refused=str(error), value=changed)
        return RedirectResponse(pages.link(tenant)("/dead-letters", sent=position), status_code=303)

    async def _required(tenant: str, position: str) -> Letter:
        found = await source().letter(tenant, position)
        if found is None:
            raise HTTPException(404, f"there is no dead letter of {position}")
        return found

    def _shown(
        request: Request,
        tenant: str,
        found: Letter,
        *,
        refused: str | None = None,
        value: str | None = None,
    ) -> Response:
        text = _text(found.raw)
        return pages.answer(
            request,
            "letter.html",
            tenant=tenant,
            section="letters",
            letter=found,
            text=text,
            value=text if value is None else value,
            refused=refused,
        )


def _text(raw: bytes) -> str | None:
    """None where the bytes are no text, which no form could give back unchanged."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _typed(text: str, letter: Letter) -> bytes | None:
    """What somebody has typed, or None if they have changed nothing.

    A form sends every line end as CR LF, whatever it was.
    """
    typed = text.replace("\r\n", "\n")
    raw = _text(letter.raw)
    unchanged = raw is not None and raw.replace("\r\n", "\n") == typed
    return None if unchanged and letter.kept == letter.length else typed.encode()
