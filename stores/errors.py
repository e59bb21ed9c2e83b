"""Every exception of the adapters.

ConnectionError
└── profiles.ports.StoreUnavailable   the call may be repeated
    └── StoreFull                     … once somebody has made room
RuntimeError
├── profiles.ports.Fenced             another owner holds the partition
├── StoreInUse                        another process has the directory open
└── StoreEnded                        the process that kept the store is gone
ValueError
├── StoreMismatch                     what is stored was made for something else
└── UnknownStore                      a URL that no adapter answers to
"""

from profiles.ports import StoreUnavailable

__all__ = ["StoreEnded", "StoreFull", "StoreInUse", "StoreMismatch", "UnknownStore"]


class StoreFull(StoreUnavailable):
    """The store has no room left; the call may be repeated when somebody has made some."""


class StoreEnded(RuntimeError):
    """The process that kept the store for this one is gone, and no call can help that."""


class StoreInUse(RuntimeError):
    """Another process has the store's directory open, and only one may."""


class StoreMismatch(ValueError):
    """What is stored was made for other dimensions, partitions or distances."""


class UnknownStore(ValueError):
    """No adapter answers to this URL."""
