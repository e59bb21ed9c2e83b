"""Which events of a request are not sent, because their user's consent is missing.

The stream decides, and refuses them again; not sending them keeps them out of Kafka's log too. What
was stored may be a moment old, so a consent that came through here lately counts as well.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

import structlog

from lookup.ingest_checking import EventRecord
from profiles.effects import kind_of
from profiles.ids import user_key
from profiles.ports import StoreUnavailable, UserStore
from profiles.privacy.consenting import refused_kinds
from profiles.privacy.data_policy import DataPolicy
from profiles.state import EMPTY_STATE, DataType, decode_state
from schemas import decoded as events
from schemas.fast import decode
from schemas.limits import Limits
from schemas.rejection import Rejection

__all__ = ["ConsentCheck", "Refused"]

_log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)

_REMEMBERED_S: Final = 600.0
_MOST_REMEMBERED: Final = 100_000

_Granted = tuple[bytes, DataType]


@dataclass(frozen=True, slots=True)
class Refused:
    """An event that is not sent: its place in the request, and the kind of data."""

    index: int
    kind: DataType


class ConsentCheck:
    """Looks users up only where a data policy lets consent decide.

    Args:
        clock_s: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        users: UserStore,
        data_policy: DataPolicy,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        self._users = users
        self._data = data_policy
        self._clock_s = clock_s
        self._granted: OrderedDict[_Granted, float] = OrderedDict()

    async def refused(
        self, records: Sequence[EventRecord], *, now_ms: int, limits: Limits
    ) -> list[Refused]:
        """Those that need a consent that nobody knows of, in order."""
        if not self._data.consent_decides:
            return []
        asking: dict[int, _Granted] = {}
        for index, record in enumerate(records):
            event = decode(record.value, received_ms=now_ms, limits=limits)
            if isinstance(event, Rejection | events.Item | events.ItemRetired):
                continue
            user = user_key(event.tenant, event.user_id)
            if isinstance(event, events.Consent):
                self._note((user, DataType(event.data_type)), granted=event.granted)
            elif (kind := kind_of(event)) in self._data.consent_decides:
                asking[index] = (user, kind)
        missing = await self._missing({user for user, _ in asking.values()})
        return [
            Refused(index, kind)
            for index, (user, kind) in asking.items()
            if kind in missing.get(user, ()) and not self._is_granted((user, kind))
        ]

    async def _missing(self, users: set[bytes]) -> Mapping[bytes, frozenset[DataType]]:
        keys = sorted(users)
        try:
            found = await self._users.read(keys) if keys else []
        except StoreUnavailable:
            _log.warning("consents cannot be looked up: the stream decides alone")
            return {}
        return {
            key: refused_kinds(
                EMPTY_STATE if record is None else decode_state(record.state), self._data
            )
            for key, record in zip(keys, found, strict=True)
        }

    def _note(self, said: _Granted, *, granted: bool) -> None:
        self._granted.pop(said, None)
        if granted:
            self._granted[said] = self._clock_s()
        while len(self._granted) > _MOST_REMEMBERED:
            self._granted.popitem(last=False)

    def _is_granted(self, said: _Granted) -> bool:
        noted_s = self._granted.get(said)
        return noted_s is not None and self._clock_s() - noted_s < _REMEMBERED_S
