"""What products ask of the service, one request after another, drawn from a seed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

import msgspec
import numpy as np

from benchmarks.load import Record

__all__ = ["MIX", "Asked", "asked", "joined"]

_KNOWN: Final = "profile of a known user"
_UNKNOWN: Final = "profile of an unknown user"
_BATCH: Final = "batchGet of 20 users"
_RANK: Final = "rank, 10 items"
_PUBLISH: Final = "publish 10 events"

MIX: Final[Mapping[str, float]] = {
    _KNOWN: 0.80,
    _UNKNOWN: 0.05,
    _BATCH: 0.05,
    _RANK: 0.05,
    _PUBLISH: 0.05,
}
"""Kind of request → its share."""

PUBLISHED: Final = 10
"""Events of a request that publishes."""

_BATCHED: Final = 20
_DRAWN: Final = 10_000
_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request.

    Attributes:
        kind: As in `MIX`.
        body: JSON; None for a GET.
        status: Of the answer that is no error.
    """

    kind: str
    path: str
    body: bytes | None = None
    status: int = 200


def asked(
    users: Sequence[str],
    events: Iterator[Record],
    *,
    mix: Mapping[str, float] = MIX,
    seed: int = 11,
) -> Iterator[Asked]:
    """Requests, until there are no events left to publish.

    Args:
        users: Known ones, each as often as it was active: who does much is asked about much.
        events: Of these users and of others.
    """
    chance = np.random.default_rng(seed)
    strangers = count()

    def known(number: int) -> list[str]:
        return [users[at] for at in chance.integers(len(users), size=number).tolist()]

    makers: dict[str, Callable[[], Asked]] = {
        _KNOWN: lambda: Asked(_KNOWN, f"/v1/profiles/{known(1)[0]}"),
        _UNKNOWN: lambda: Asked(_UNKNOWN, f"/v1/profiles/stranger-{next(strangers):08}"),
        _BATCH: lambda: Asked(
            _BATCH, "/v1/profiles:batchGet", _encoder.encode({"user_ids": known(_BATCHED)})
        ),
        _RANK: lambda: Asked(_RANK, "/v1/rank", _encoder.encode({"user_id": known(1)[0]})),
        _PUBLISH: lambda: Asked(
            _PUBLISH, "/v1/events", joined(islice(events, PUBLISHED)), status=202
        ),
    }
    names, shares = list(mix), list(mix.values())
    while True:
        for at in chance.choice(len(names), _DRAWN, p=shares).tolist():
            one = makers[names[at]]()
            if one.kind == _PUBLISH and one.body == b"[]":
                return
            yield one


def joined(events: Iterator[Record]) -> bytes:
    """The body that publishes these events."""
    return b"[" + b",".join(event for _, event in events) + b"]"
