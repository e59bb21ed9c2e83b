"""Every exception of the read side; an unreachable store is `profiles.ports.StoreUnavailable`.

LookupError
└── NotKnown             nothing answers to that name
    ├── UnknownPersona   … or the persona is hidden: the two look the same
    └── UnknownItem
ValueError
└── InvalidName          an id or tenant that no event could carry
OSError
└── PortInUse            another program listens there
"""

__all__ = ["InvalidName", "NotKnown", "PortInUse", "UnknownItem", "UnknownPersona"]


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


class PortInUse(OSError):
    """Another program listens on the address."""
