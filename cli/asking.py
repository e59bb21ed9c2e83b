"""Questions to a running lookup service."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import quote, urlsplit

import httpx
from pydantic import ValidationError

from cli.errors import CommandFailed, WrongUse
from lookup.loopback import is_loopback
from schemas.views import Problem

__all__ = ["Asker"]

_TIMEOUT_S: Final = 10.0
_STREAM_TIMEOUT_S: Final = 60.0


class Asker:
    """Asks as one tenant; answers are the service's JSON, unchanged.

    Every question may raise `CommandFailed`: no service, or it says why not.
    """

    def __init__(self, url: str, *, tenant: str | None, key: str | None = None) -> None:
        """Without a tenant, the key's is meant, or else "default"."""
        self._url = url
        headers = [] if tenant is None else [(b"X-Strata-Tenant", _encoded(tenant, "--tenant"))]
        if key is not None:
            headers.append((b"Authorization", b"Bearer " + _encoded(key, "the API key")))
        try:
            self._client = httpx.Client(
                base_url=url,
                headers=headers,
                timeout=_TIMEOUT_S,
                # A proxy cannot reach this machine's own loopback for us.
                trust_env=not is_loopback(urlsplit(url).hostname or ""),
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise WrongUse(f"{url} is not the address of a service: {error}") from error

    def get(self, *path: str, params: Mapping[str, str | int] | None = None) -> str:
        """GET /v1/…; each part of the path is one id or word, whatever it contains."""
        parts = "/".join(quote(_encoded(part, "an id"), safe="") for part in path)
        return self._answer("GET", f"/v1/{parts}", params=params)

    def post(self, name: str, body: Mapping[str, object]) -> str:
        """POST /v1/NAME."""
        return self._answer("POST", f"/v1/{name}", body=body)

    def lines(self, name: str, body: Mapping[str, object]) -> Iterator[str]:
        """POST /v1/NAME; the lines of its answer as they come."""
        try:
            with self._client.stream(
                "POST", f"/v1/{name}", json=body, timeout=_STREAM_TIMEOUT_S
            ) as response:
                if not response.is_success:
                    response.read()
                    raise CommandFailed(_problem(response))
                yield from response.iter_lines()
        except httpx.TransportError as error:
            raise self._unanswered(error) from error

    def delete(self, *path: str) -> str:
        """DELETE /v1/…; each part of the path is one id or word, whatever it contains."""
        parts = "/".join(quote(_encoded(part, "an id"), safe="") for part in path)
        return self._answer("DELETE", f"/v1/{parts}")

    def close(self) -> None:
        self._client.close()

    def _answer(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> str:
        try:
            response = self._client.request(method, path, params=params, json=body)
        except httpx.TransportError as error:
            raise self._unanswered(error) from error
        if response.is_success:
            return response.text
        raise CommandFailed(_problem(response))

    def _unanswered(self, error: httpx.TransportError) -> CommandFailed:
        match error:
            case httpx.UnsupportedProtocol():
                return WrongUse(f"{self._url} is not the address of a service: {error}")
            case httpx.TimeoutException():
                return CommandFailed(f"{self._url} did not answer in time")
            case _:
                return CommandFailed(
                    f"no lookup service answers at {self._url}: "
                    "is `strata up` or `strata serve` running?"
                )


def _problem(response: httpx.Response) -> str:
    try:
        problem = Problem.model_validate_json(response.content)
    except ValidationError:
        return f"{response.url} answered {response.status_code} and is no lookup service of Strata"
    return f"{problem.title}: {problem.detail}"


def _encoded(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise WrongUse(f"{what} must be valid UTF-8") from None
