"""Which version of all profiles answers a request: one, from its start to its end."""

from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from lookup.contexts import Contexts
from lookup.own_writes import OwnWrites
from lookup.persons import Persons
from lookup.queries import Lookup
from lookup.retrieval import Retrieval

__all__ = ["Answering", "Documents", "OneVersion", "VersionChoice"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """What the routes about documents ask."""

    retrieval: Retrieval
    contexts: Contexts


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """All that one version is asked by; nothing in it knows of another version's stores.

    Attributes:
        own_writes, documents, persons: As of `lookup.service.create_app`.
    """

    lookup: Lookup
    own_writes: OwnWrites | None = None
    documents: Documents | None = None
    persons: Persons | None = None


class VersionChoice(Protocol):
    """Chooses once for each request."""

    def chosen(self) -> AbstractAsyncContextManager[Answering]:
        """The version in force, which stays open until the end, whatever is promoted meanwhile.

        Raises:
            StoreUnavailable: which one is in force cannot be told, or it cannot be opened.
        """
        ...


class OneVersion(VersionChoice):
    """Where there is nothing to choose from."""

    def __init__(self, answering: Answering) -> None:
        self._chosen = nullcontext(answering)

    def chosen(self) -> AbstractAsyncContextManager[Answering]:
        return self._chosen
