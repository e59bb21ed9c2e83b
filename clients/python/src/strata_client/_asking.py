"""What the two clients have in common: settings, and the positions of a session."""

import dataclasses
import ipaddress
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

from strata_client._calls import Call
from strata_client.positions import Positions, joined, token_of

__all__ = ["DEFAULT_TIMEOUT_S", "Published", "SeenPositions", "headers_of", "is_loopback"]

T = TypeVar("T")

DEFAULT_TIMEOUT_S: Final = 5.0
"""Longer than a read with a token may wait at the service."""


@dataclass(frozen=True, slots=True)
class Published:
    """Events that are safe.

    Attributes:
        events: How many.
        token: For `at_least` of a read that has to know them; "" if there were none.
    """

    events: int
    token: str


class SeenPositions:
    """How far a session has written; reads about users ask for no less."""

    def __init__(self) -> None:
        self._positions: Positions = {}

    @property
    def token(self) -> str | None:
        return token_of(self._positions) if self._positions else None

    def add(self, positions: Positions) -> None:
        self._positions = joined(self._positions, positions)


def knowing(call: Call[T], at_least: str | None, session: SeenPositions | None) -> Call[T]:
    """The call, made to answer no older than a token, or else than the session's writes."""
    token = at_least if at_least is not None else None if session is None else session.token
    if token is None:
        return call
    return dataclasses.replace(call, params={**call.params, "at_least": token})


def headers_of(tenant: str, api_key: str | None) -> list[tuple[bytes, bytes]]:
    headers = [(b"X-Strata-Tenant", tenant.encode()), (b"Accept", b"application/json")]
    if api_key is not None:
        headers.append((b"Authorization", b"Bearer " + api_key.encode()))
    return headers


def is_loopback(url: str) -> bool:
    """Whether the address is this machine's own, which no proxy can reach for us."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
