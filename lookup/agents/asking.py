"""How tools ask the lookup service."""

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Asking", "Unanswered"]


class Unanswered(Exception):
    """There is no answer; the message is one line that says why, for whoever reads it."""


class Asking(Protocol):
    """Questions to a lookup service as one tenant; answers are its JSON.

    Every question may raise `Unanswered`. May be called from several threads.
    """

    def get(self, *path: str, params: Mapping[str, str | int] | None = None) -> str:
        """GET /v1/…; each part of the path is one id or word."""
        ...

    def post(self, name: str, body: Mapping[str, object]) -> str:
        """POST /v1/NAME."""
        ...
