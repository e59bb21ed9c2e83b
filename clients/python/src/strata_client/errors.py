"""Every exception of this package.

StrataError
├── InvalidEvents (ValueError)        refused before anything was sent
├── Unreachable (ConnectionError)     no answer
│   └── TimedOut (TimeoutError)       … in time
├── UnexpectedAnswer (ValueError)     not a service of Strata, or another version
├── NotAcknowledged (ConnectionError) Kafka did not take all events
└── Refused                           the service answered with a problem (RFC 9457)
    ├── InvalidRequest (ValueError)   422 and other faults of the request
    │   └── KeyReused                 an idempotency key came with another body before
    ├── Forbidden (PermissionError)   401, 403
    ├── NotKnown (LookupError)        404
    │   ├── UnknownPersona
    │   └── UnknownItem
    ├── KeyInUse                      409: a request with this idempotency key is under way
    ├── TooMany                       429
    └── Unavailable (ConnectionError) 5xx
        ├── NotYet                    the events that the answer has to know are not taken in
        └── EventsNotTaken            Kafka did not acknowledge; the events may be sent again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from strata_client.answers import Problem

__all__ = [
    "EventsNotTaken",
    "Forbidden",
    "InvalidEvents",
    "InvalidRequest",
    "KeyInUse",
    "KeyReused",
    "NotAcknowledged",
    "NotKnown",
    "NotYet",
    "Refused",
    "StrataError",
    "TimedOut",
    "TooMany",
    "Unavailable",
    "UnexpectedAnswer",
    "UnknownItem",
    "UnknownPersona",
    "Unreachable",
    "WrongEvent",
]


class StrataError(Exception):
    """Something went wrong between this program and Strata."""


@dataclass(frozen=True, slots=True)
class WrongEvent:
    """What is wrong with one event.

    Attributes:
        index: Its place among those that were to be published, from 0.
        code: A fixed word, as the service and dead letters use it.
    """

    index: int
    code: str
    message: str


class InvalidEvents(StrataError, ValueError):
    """Something that was to be published is no event; nothing was sent.

    Attributes:
        wrong: All that are wrong, in order; at least one.
    """

    def __init__(self, wrong: Sequence[WrongEvent]) -> None:
        first = wrong[0]
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        super().__init__(f"event {first.index}: {first.message}{more}; nothing was sent")
        self.wrong = tuple(wrong)


class Unreachable(StrataError, ConnectionError):
    """No answer came: the request may or may not have had an effect."""


class TimedOut(Unreachable, TimeoutError):
    """No answer came in time."""


class UnexpectedAnswer(StrataError, ValueError):
    """What answered is no service of Strata, or one of a version that this client cannot read."""


class NotAcknowledged(StrataError, ConnectionError):
    """Kafka did not take all events in time; they may be sent again, their ids unchanged."""


class Refused(StrataError):
    """The service answered with a problem.

    Attributes:
        problem: As it came.
        retry_after_s: When to ask again, if the service said.
    """

    def __init__(self, problem: Problem, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"{problem.title}: {problem.detail}")
        self.problem = problem
        self.retry_after_s = retry_after_s

    @property
    def request_id(self) -> str | None:
        """Names the request in the service's log."""
        return self.problem.request_id


class InvalidRequest(Refused, ValueError):
    """The request is at fault; `problem.fields` say where."""


class KeyReused(InvalidRequest):
    """The idempotency key came with another body before."""


class Forbidden(Refused, PermissionError):
    """Who asks may not."""


class NotKnown(Refused, LookupError):
    """Nothing answers to that name."""


class UnknownPersona(NotKnown):
    """No such persona is published, or it is hidden for its size."""


class UnknownItem(NotKnown):
    """No event ever named this item."""


class KeyInUse(Refused):
    """A request with this idempotency key is still under way."""


class TooMany(Refused):
    """Too many requests."""


class Unavailable(Refused, ConnectionError):
    """The service cannot answer now."""


class NotYet(Unavailable):
    """The events that the answer has to know have not been taken in yet."""


class EventsNotTaken(Unavailable):
    """Kafka did not acknowledge all events; send them again, their ids unchanged."""


_PREFIX: Final = "urn:strata:problem:"
_BY_TYPE: Final[Mapping[str, type[Refused]]] = MappingProxyType(
    {
        "idempotency-key-reused": KeyReused,
        "idempotency-key-in-use": KeyInUse,
        "unknown-persona": UnknownPersona,
        "unknown-item": UnknownItem,
        "not-yet": NotYet,
        "events-not-taken": EventsNotTaken,
    }
)
_BY_STATUS: Final[Mapping[int, type[Refused]]] = MappingProxyType(
    {401: Forbidden, 403: Forbidden, 404: NotKnown, 409: KeyInUse, 429: TooMany}
)


def refusal(problem: Problem, *, retry_after_s: float | None) -> Refused:
    """The exception of a problem: by its type, else by its status."""
    kind = _BY_TYPE.get(problem.type.removeprefix(_PREFIX)) or _BY_STATUS.get(problem.status)
    if kind is None:
        kind = Unavailable if problem.status >= 500 else InvalidRequest
    return kind(problem, retry_after_s=retry_after_s)
