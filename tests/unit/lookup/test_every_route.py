"""Every route there is, those that are in no document too, asked by who means no good."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from every_route import ASKED, FORM, USER, Asked, named, publishing
from fastapi import FastAPI
from fastapi.routing import APIRoute
from keyed_world import EVERYTHING, Keyed, bearer

from lookup.access import LoopbackAccess
from lookup.scopes import PUBLIC_PATHS, Scope, scope_of

pytestmark = pytest.mark.anyio

TRICKS: Final = (
    ":",
    "a:b",
    "{}",
    "{user}",
    "*",
    "?",
    "a\x00b",
    "..",
    "../../etc/passwd",
    "%2e%2e%2f",
    "anna/explanation",
    "anna/export",
    "\r\nX-Strata-Tenant: shop",
    "ß\U0001f600",
    "x" * 513,
    "x" * 10_000,
)


REFUSED: Final = {303, 403, 404, 413, 422}


@dataclass(frozen=True, slots=True)
class Service:
    """One for all questions here, which change nothing that another one minds."""

    keyed: Keyed
    app: FastAPI

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=False),
            base_url="http://strata.test",
            headers={} if key is None else bearer(key),
        )

    def key(self, scopes: Sequence[Scope] = EVERYTHING) -> str:
        return self.keyed.key("default", scopes)


@pytest.fixture(scope="module")
def service() -> Service:
    keyed = Keyed(publishing())
    return Service(keyed, keyed.app())


@pytest.fixture(scope="module")
def keyless() -> FastAPI:
    """The same for who is on this machine."""
    return publishing().app(access=LoopbackAccess())


def routes_of(routes: Sequence[Any]) -> Iterator[tuple[str, str]]:
    """Method and path of every route, in documents or not."""
    for route in routes:
        if isinstance(route, APIRoute) or not hasattr(route, "original_router"):
            yield from ((method, route.path) for method in route.methods - {"HEAD"})
        else:
            yield from routes_of(route.original_router.routes)


async def is_alive(client: httpx.AsyncClient) -> bool:
    return (await client.get("/livez")).status_code == 200


async def test_the_requests_below_are_of_every_route(service: Service) -> None:
    def pattern(method: str, path: str) -> tuple[str, str]:
        start, _, rest = path.partition("{")
        return method, start + (USER + rest.partition("}")[2] if rest else "")

    there = {pattern(method, path) for method, path in routes_of(service.app.routes)}
    # So that no longer route is taken for a user, DELETE is refused on these.
    refused = {("DELETE", f"/v1/users/ID/{part}") for part in ("export", "mine", "similar")}
    assert {(asked.method, asked.path) for asked in ASKED} == there - refused


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: f"{one.method} {one.path}")
async def test_it_is_refused_without_its_key_and_to_a_tenant_that_is_not_the_keys(
    service: Service, asked: Asked
) -> None:
    needed = scope_of(asked.method, asked.path)
    request = named(asked, "anna")
    if needed is None:
        assert asked.path in {*PUBLIC_PATHS, "/assets/ID"}
        return
    async with service.client() as client:
        assert (await client.request(**request)).status_code == 401
    forged = service.key()[:-4] + "0000"
    async with service.client(forged) as client:
        assert (await client.request(**request)).status_code == 401
    async with service.client(service.key([one for one in Scope if one != needed])) as client:
        assert (await client.request(**request)).status_code == 403
    async with service.client(service.key(EVERYTHING)) as client:
        assert (await client.request(**request)).status_code != 403, "what is refused is the tenant"
        headers = {**request["headers"], "X-Strata-Tenant": "shop"}
        assert (await client.request(**{**request, "headers": headers})).status_code == 403
        joint = "&" if "?" in request["url"] else "?"
        for name in ("tenant", "%74enant"):
            url = f"{request['url']}{joint}{name}=shop"
            assert (await client.request(**{**request, "url": url})).status_code == 403
        assert await is_alive(client)


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: f"{one.method} {one.path}")
async def test_no_id_makes_it_fail(service: Service, asked: Asked) -> None:
    async with service.client(service.key(EVERYTHING)) as client:
        for trick in TRICKS:
            answer = await client.request(**named(asked, trick))
            assert answer.status_code < 500, (trick[:20], answer.text)
            if len(trick) > 512 and USER in asked.path + str(asked.body) + str(asked.query):
                assert answer.status_code in REFUSED or asked.path == "/dead-letters"
        assert await is_alive(client)


@pytest.mark.parametrize(
    "asked",
    [asked for asked in ASKED if asked.method == "POST"],
    ids=lambda one: one.path,
)
async def test_no_body_is_too_much_for_it(service: Service, asked: Asked) -> None:
    kind = {"Content-Type": FORM if asked.form else "application/json"}
    bomb = gzip.compress(b"[" + b" " * (8 << 20) + b"]", 9)
    bodies = {
        "giant": b" " * (5 << 20),
        "bomb": bomb,
        "deep": b"[" * 100_000,
        "fields": b"&a=b" * 250_000,
        "bytes": b"\xff\x00\xfe",
        "surrogate": json.dumps(asked.body).replace(USER, "\\ud800").encode(),
        "many": json.dumps(
            {
                name: value * 1_001 if isinstance(value, list) else value
                for name, value in asked.body.items()
            }
        ).encode(),
    }
    async with service.client(service.key(EVERYTHING)) as client:
        for name, body in bodies.items():
            for encoding in ({}, {"Content-Encoding": "gzip"}):
                answer = await client.request(
                    asked.method,
                    asked.path,
                    content=body,
                    headers={**kind, **encoding, "Origin": "http://strata.test"},
                )
                assert answer.status_code < 500, (name, answer.text)
                if name == "giant" and not encoding:
                    assert answer.status_code == 413
        assert await is_alive(client)


async def test_an_item_of_a_pair_has_a_name_that_an_event_could_carry(service: Service) -> None:
    sides = [{"item_id": "moby"}, {"item_id": "x" * 513}]
    async with service.client(service.key()) as client:
        for a, b in (sides, reversed(sides)):
            asked = {"user_id": "anna", "pairs": [{"a": a, "b": b}]}
            assert (await client.post("/v1/score", json=asked)).status_code == 422


@pytest.mark.parametrize("asked", ASKED, ids=lambda one: f"{one.method} {one.path}")
async def test_no_tenant_makes_it_fail(keyless: FastAPI, asked: Asked) -> None:
    request = named(asked, "anna")
    joint = "&" if "?" in request["url"] else "?"
    transport = httpx.ASGITransport(keyless, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for tenant in ("", "a:b", "{}*", "\x00", "ß", "x" * 513, "x" * 10_000):
            headers = {**request["headers"], "X-Strata-Tenant": tenant.encode()}
            if asked.form:
                headers["Origin"] = "http://localhost"
            for url in (request["url"], f"{request['url']}{joint}{urlencode({'tenant': tenant})}"):
                answer = await client.request(**{**request, "headers": headers, "url": url})
                assert answer.status_code < 500, (tenant[:20], answer.text)
        assert await is_alive(client)
