"""Every exception of the read side; an unreachable store is `profiles.ports.StoreUnavailable`.

LookupError
└── NotKnown             nothing answers to that name
    ├── UnknownPersona   … or the persona is hidden: the two look the same
    └── UnknownItem
ValueError
├── InvalidName          an id or tenant that no event could carry
├── InvalidArgument      another part of a request that cannot be read
├── TemplateUnusable     a template of context blocks that does not parse or render
├── InvalidEvents        what was to be published holds something else than events
├── KeysUnusable         the file of API keys cannot be read
└── KeyReused            an idempotency key that came with another request before
PermissionError
└── OtherTenant          a request speaks for another tenant than its own
ConnectionError
├── EventsNotTaken       Kafka did not acknowledge; the request may be repeated
└── EventsNotRead        Kafka does not give events away; likewise
RuntimeError
├── KeyInUse             a request with this idempotency key is still under way
├── NotYet               the store has not come as far as the answer has to
└── TokenizerMissing     what a budget is counted with cannot be loaded
OSError
└── PortInUse            another program listens there
"""

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "EventsNotRead",
    "EventsNotTaken",
    "InvalidArgument",
    "InvalidEvents",
    "InvalidName",
    "KeyInUse",
    "KeyReused",
    "KeysUnusable",
    "NotKnown",
    "NotYet",
    "OtherTenant",
    "PortInUse",
    "TemplateUnusable",
    "TokenizerMissing",
    "UnknownItem",
    "UnknownPersona",
    "WrongEvent",
]


class NotKnown(LookupError):
    """Nothing answers to that name."""


class UnknownPersona(NotKnown):
    """No such persona is published, or it is hidden for its size: the two look the same."""


class UnknownItem(NotKnown):
    """No event ever named this item."""


class InvalidName(ValueError):
    """An id or tenant that no event could carry.

    Attributes:
        where: Which argument, e.g. "user_id".
    """

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where} {message}")
        self.where = where
        self.message = message


class InvalidArgument(ValueError):
    """A part of a request that cannot be read.

    Attributes:
        where: Which part, e.g. "query.cursor".
    """

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where} {message}")
        self.where = where
        self.message = message


@dataclass(frozen=True, slots=True)
class WrongEvent:
    """What is wrong with one event.

    Attributes:
        where: `body.INDEX`, or `body`.
        code: A `schemas.rejection.Reason`.
    """

    where: str
    code: str
    message: str


class InvalidEvents(ValueError):
    """Something that was to be published is no event; nothing was sent.

    Attributes:
        wrong: All that are wrong, in order; at least one.
    """

    def __init__(self, wrong: Sequence[WrongEvent]) -> None:
        super().__init__(f"{len(wrong)} of the events are refused")
        self.wrong = tuple(wrong)


class KeysUnusable(ValueError):
    """API keys cannot be read, or not be made as asked."""


class OtherTenant(PermissionError):
    """A request speaks for another tenant than its own; nothing was done.

    Attributes:
        where: Which part of it, e.g. "body.3.tenant".
    """

    def __init__(self, where: str) -> None:
        super().__init__(f"{where} names another tenant than the request's own")
        self.where = where


class EventsNotRead(ConnectionError):
    """Kafka does not give events away; the request may be repeated."""


class EventsNotTaken(ConnectionError):
    """Kafka did not acknowledge all events in time; some of them may have been taken."""


class KeyReused(ValueError):
    """The idempotency key came with another request before."""


class KeyInUse(RuntimeError):
    """A request with this idempotency key is still under way."""


class NotYet(RuntimeError):
    """What is stored has not come as far as the answer has to, and the wait is over."""


class TemplateUnusable(ValueError):
    """A template of context blocks cannot be read, parsed or rendered."""


class TokenizerMissing(RuntimeError):
    """The tokenizer cannot be loaded; the message says what to install."""


class PortInUse(OSError):
    """Another program listens on the address."""
