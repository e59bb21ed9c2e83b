"""Versions of all profiles: how far each is, what it would change, putting it in force and back."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final
from urllib.parse import parse_qs

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lookup.dashboard.asking import Tenant, require_same_origin
from lookup.dashboard.comparison import Comparison, Difference, Scores
from lookup.dashboard.pace import Pace
from lookup.dashboard.rendering import Pages
from lookup.dashboard.sources import (
    Dashboard,
    NotDone,
    SourceUnavailable,
    VersionSource,
    VersionState,
)
from schemas.wire import DEFAULT_TENANT

__all__ = ["version_pages"]

_NOT_THEIRS: Final = (
    "versions are of all tenants: with keys, they are compared, promoted and rolled back by the "
    "tenant default"
)
_NEARLY: Final = 1_000
"""Records behind at which a version counts as caught up, as for `strata promote`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """A version as its card tells of it.

    Attributes:
        stage: A word for its state, and the kind of its mark.
        per_s: Records taken in a second; None if it is not known or does not matter.
        left_s: Until it has caught up at that rate; None likewise.
    """

    version: VersionState
    stage: tuple[str, str]
    share: float
    per_s: float | None
    left_s: float | None
    promotable: bool
    comparison: Comparison | None
    tenant: str

    @property
    def scores(self) -> list[tuple[str, Scores]]:
        """Of this tenant's models, in both versions."""
        found = self.comparison
        if found is None:
            return []
        return [
            (name, one)
            for name, of_version in zip(found.names, found.scores, strict=True)
            for one in of_version
            if one.tenant == self.tenant
        ]

    @property
    def largest(self) -> list[Difference]:
        """Of this tenant's users: whoever looks sees no other tenant's."""
        found = self.comparison
        return [] if found is None else [one for one in found.largest if one.tenant == self.tenant]


def version_pages(routes: APIRouter, pages: Pages, dashboard: Dashboard) -> None:
    """Add the pages to `routes`."""
    shown = _VersionPages(pages, dashboard)

    @routes.get("/versions")
    async def versions(request: Request, tenant: Tenant) -> Response:
        return await shown.answer(request, tenant, "versions.html")

    @routes.get("/versions/part")
    async def part(request: Request, tenant: Tenant) -> Response:
        """The part of the page that changes; asked for every two seconds."""
        return await shown.answer(request, tenant, "versions_part.html")

    @routes.post("/versions/compare")
    async def compare(request: Request, tenant: Tenant) -> Response:
        name = await shown.named(request, tenant)
        return await shown.done(request, tenant, _at_once(partial(shown.source.compare, name)))

    @routes.post("/versions/promote")
    async def promote(request: Request, tenant: Tenant) -> Response:
        name = await shown.named(request, tenant)
        return await shown.done(request, tenant, _at_once(partial(shown.source.promote, name)))

    @routes.post("/versions/rollback")
    async def rollback(request: Request, tenant: Tenant) -> Response:
        await shown.named(request, tenant)
        return await shown.done(request, tenant, shown.source.roll_back)


class _VersionPages:
    def __init__(self, pages: Pages, dashboard: Dashboard) -> None:
        self._pages = pages
        self._dashboard = dashboard
        self._pace = Pace()

    @property
    def source(self) -> VersionSource:
        if self._dashboard.versions is None:
            raise SourceUnavailable(
                "how far versions are is known from Kafka, and this service has none"
            )
        return self._dashboard.versions

    async def named(self, request: Request, tenant: str) -> str:
        """The version that a form names.

        Raises:
            HTTPException: another site has sent it, or a tenant that does not switch versions.
        """
        require_same_origin(request)
        if not self._operates(tenant):
            raise HTTPException(403, _NOT_THEIRS)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        return form.get("name", [""])[0]

    async def done(
        self, request: Request, tenant: str, step: Callable[[], Awaitable[object]]
    ) -> Response:
        """Take a step, and back to the page; or why it makes no sense."""
        try:
            await step()
        except NotDone as error:
            return await self.answer(request, tenant, "versions.html", refused=str(error))
        return RedirectResponse(self._pages.link(tenant)("/versions"), status_code=303)

    async def answer(
        self, request: Request, tenant: str, template: str, *, refused: str | None = None
    ) -> Response:
        now = await self.source.now()
        operates = self._operates(tenant)
        return self._pages.answer(
            request,
            template,
            tenant=tenant,
            section="versions",
            cards=[self._card(one, now.at_ms, tenant) for one in now.versions],
            back=next((one.shown for one in now.versions if one.previous), None),
            undertaking=self.source.undertaking if operates else None,
            operates=operates,
            refused=refused,
        )

    def _operates(self, tenant: str) -> bool:
        """A version is everybody's: with keys, only the default tenant's switch it."""
        return not self._pages.keyed or tenant == DEFAULT_TENANT

    def _card(self, version: VersionState, at_ms: int, tenant: str) -> _Shown:
        is_first = version.name == ""
        per_s = None if is_first else self._pace.per_s(version.name, version.done, at_ms=at_ms)
        return _Shown(
            version=version,
            stage=_stage(version),
            share=version.done / version.total if version.total else 1.0,
            per_s=per_s,
            left_s=version.behind / per_s if per_s and version.behind else None,
            promotable=_promotable(version),
            comparison=self.source.comparison(version.name) if self._operates(tenant) else None,
            tenant=tenant,
        )


def _at_once(begin: Callable[[], None]) -> Callable[[], Awaitable[None]]:
    async def begun() -> None:
        begin()

    return begun


def _promotable(version: VersionState) -> bool:
    return (
        version.name != ""
        and version.follows
        and version.prepared
        and not version.in_force
        and not version.dropping
        and (version.kept or not version.workers)
    )


def _stage(version: VersionState) -> tuple[str, str]:
    match version:
        case VersionState(dropping=True):
            return "being dropped", "bad"
        case VersionState(name=""):
            return "as the settings say", "idle"
        case VersionState(kept=True) if version.behind > _NEARLY:
            return "kept up to date, catching up", "good"
        case VersionState(kept=True):
            return "kept up to date", "good"
        case VersionState(follows=False, behind=0):
            return "a picture of the past, complete", "idle"
        case VersionState(workers=0) if version.total and version.behind <= _NEARLY:
            return "built; nothing keeps it up to date yet", "idle"
        case VersionState(workers=0):
            return "begun; nobody builds it now", "idle"
        case _:
            return "being built", "good"
