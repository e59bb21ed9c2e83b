"""Pages from templates, with the headers that let nothing foreign run in them."""

from collections.abc import Callable, Mapping
from hashlib import blake2b
from http import HTTPStatus
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from lookup.dashboard.words import add_filters
from schemas.wire import DEFAULT_TENANT

__all__ = ["ASSETS", "PAGE_HEADERS", "Pages", "asset"]

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Pages tell of people: nobody keeps them.
    "Cache-Control": "no-store",
}

ASSETS: Final[Mapping[str, str]] = {
    "dashboard.css": "text/css",
    "dashboard.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_FOR_A_YEAR: Final = "private, max-age=31536000, immutable"

NAVIGATION: Final = (
    ("live", "/", "Live"),
    ("users", "/users", "Users"),
    ("personas", "/personas", "Personas"),
    ("everybody", "/everybody", "Everybody"),
    ("cost", "/cost", "Precision & cost"),
    ("letters", "/dead-letters", "Dead letters"),
    ("versions", "/versions", "Versions"),
)


def _read(name: str) -> bytes:
    return files("lookup.dashboard").joinpath("static", name).read_bytes()


_CONTENT: Final = {name: _read(name) for name in ASSETS}
_VERSION: Final = {
    name: blake2b(content, digest_size=6).hexdigest() for name, content in _CONTENT.items()
}


def asset(name: str) -> Response:
    """A stylesheet, script or picture; its address changes with its content.

    Raises:
        KeyError: there is none of that name.
    """
    return Response(
        _CONTENT[name],
        media_type=ASSETS[name],
        headers={
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"
            if name.endswith(".svg")
            else "default-src 'none'",
            "Cache-Control": _FOR_A_YEAR,
        },
    )


class Pages:
    """Renders templates; whatever is put into one is escaped.

    Attributes:
        keyed: Requests carry keys, whose tenant it is then.
    """

    def __init__(self, *, now_ms: Callable[[], int], keyed: bool) -> None:
        self.keyed = keyed
        self._templates = Environment(
            loader=PackageLoader("lookup.dashboard"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            enable_async=False,
        )
        add_filters(self._templates, now_ms=now_ms)
        self._templates.globals["asset"] = lambda name: f"/assets/{name}?v={_VERSION[name]}"

    def link(self, tenant: str) -> Callable[..., str]:
        """Makes addresses on this dashboard that stay with a tenant: a path, and its query."""

        def address(path: str, **query: object) -> str:
            given = {name: value for name, value in query.items() if value is not None}
            if tenant != DEFAULT_TENANT and not self.keyed:
                given["tenant"] = tenant
            spelled = urlencode({name: str(value) for name, value in given.items()}, safe="")
            return f"{path}?{spelled}" if spelled else path

        return address

    def answer(
        self,
        request: Request,
        template: str,
        *,
        tenant: str = DEFAULT_TENANT,
        status: HTTPStatus = HTTPStatus.OK,
        **values: Any,  # noqa: ANN401 - what a template shows
    ) -> Response:
        """A page, or a part of one."""
        content = self._templates.get_template(template).render(
            link=self.link(tenant),
            navigation=NAVIGATION,
            tenant=tenant,
            default_tenant=DEFAULT_TENANT,
            keyed=self.keyed,
            path=request.scope["path"],
            **values,
        )
        return HTMLResponse(content, status_code=status.value, headers=dict(PAGE_HEADERS))
