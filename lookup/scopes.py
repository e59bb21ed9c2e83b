"""What keys may do, and what it takes to ask. Pure, and light to import."""

from enum import StrEnum
from typing import Final

__all__ = ["PUBLIC_PATHS", "Scope", "scope_of"]

PUBLIC_PATHS: Final = frozenset({"/livez", "/readyz", "/openapi.json"})
"""What load balancers and generators of clients ask for; they tell of nobody."""

_QUESTIONS: Final = frozenset(
    {
        "/v1/profiles:batchGet",
        "/v1/rank",
        "/v1/score",
        "/v1/retrieve",
        "/v1/context",
    }
)


class Scope(StrEnum):
    """What a key may do. None of them includes another."""

    PUBLISH = "publish"
    READ = "read"
    ERASE = "erase"
    ADMIN = "admin"


_FORMS: Final = {"/mine/change": Scope.PUBLISH, "/mine/erase": Scope.ERASE}


def scope_of(method: str, path: str) -> Scope | None:
    """What it takes to ask; None for what anybody may. What is not listed takes `admin`.

    Args:
        path: As it is routed.
    """
    reading = method in {"GET", "HEAD"}
    if reading and path in PUBLIC_PATHS:
        return None
    if method == "POST" and path == "/v1/events":
        return Scope.PUBLISH
    if method == "POST" and path in _FORMS:
        return _FORMS[path]
    if reading and path.startswith("/assets/"):
        # What pages look like tells of nobody.
        return None
    if reading and path == "/mine":
        return Scope.READ
    if (method == "DELETE" and path.startswith("/v1/users/")) or (
        reading and path.startswith("/v1/erasures/")
    ):
        return Scope.ERASE
    if path.startswith("/v1/") and (reading or (method == "POST" and path in _QUESTIONS)):
        return Scope.READ
    return Scope.ADMIN
