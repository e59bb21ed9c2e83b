"""Preferences as pairs for training: what their users' states still hold.

A state keeps a preference as hashes, so texts come from the log of events, and the state says
which of them may be given away. Nothing is kept a second time for this: what is withdrawn or erased
is gone from the state at once, and from the log with its retention.
"""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from lookup.options import require_name
from profiles.declared import NOTHING_DECLARED, DeclaredPersonas
from profiles.ids import event_hash, item_key, key_of_exported_text, user_key
from profiles.ports import ItemRecord, ItemStore, UserRecord, UserStore
from profiles.privacy.consenting import refused_kinds
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy, Purpose
from profiles.privacy.permitting import counted
from profiles.state import DataType, UserState, decode_state
from schemas.decoded import Choice, Preference

__all__ = ["Pair", "PairsWanted", "PreferenceLog", "PreferencePairs"]

_NOT_KEPT: Final = "not-kept"
_WITHDRAWN: Final = "withdrawn"
_NOT_FOR_TRAINING: Final = "not-for-training"
_NOT_DESCRIBED: Final = "item-not-described"
_NOT_KEPT_TEXT: Final = "text-not-kept"
_TIE: Final = "tie"
_EQUAL: Final = "equal-texts"


class PreferenceLog(Protocol):
    """Preference events of everybody, as they were published."""

    def read(self) -> AsyncIterator[Sequence[Preference]]:
        """All that are there when reading begins, in pieces; a repeated one comes again.

        Raises:
            EventsNotRead: the log does not answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class Pair:
    """An answer that was preferred to another, as DPO wants them."""

    prompt: str
    chosen: str
    rejected: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairsWanted:
    """Whose; each part that is given must hold.

    Attributes:
        persona: The id of a discovered or of a declared persona.
    """

    tenant: str
    user_id: str | None = None
    persona: str | None = None


@dataclass(slots=True)
class _Seen:
    """What was given already: producers may repeat themselves."""

    events: set[tuple[bytes, int, int]] = field(default_factory=set)


class PreferencePairs:
    """Finds the pairs that may be given away.

    Of a user only what their state holds is: the latest 256 preferences, without what was withdrawn
    or erased, and nothing at all while consent for preferences stands withdrawn or where the data
    policy says that they are not for training.
    """

    def __init__(
        self,
        *,
        log: PreferenceLog,
        users: UserStore,
        items: ItemStore,
        declared: DeclaredPersonas = NOTHING_DECLARED,
        data_policy: DataPolicy = ANYTHING_GOES,
    ) -> None:
        self._log = log
        self._users = users
        self._items = items
        self._declared = declared
        self._data = data_policy

    async def find(self, wanted: PairsWanted, left_out: Counter[str]) -> AsyncIterator[Pair]:
        """Pairs in the order of the log; each event once.

        Args:
            left_out: Counts, by reason, what was asked for and cannot be given.

        Raises:
            InvalidName: a tenant or user that no event could carry.
            EventsNotRead, StoreUnavailable: the log or a store does not answer.
        """
        require_name("tenant", wanted.tenant)
        if wanted.user_id is not None:
            require_name("user_id", wanted.user_id)
        seen = _Seen()
        async for batch in self._log.read():
            events = [event for event in batch if _asked_for(event, wanted)]
            live = await self._live(events, wanted, left_out, seen)
            described = await self._described(live)
            for event in live:
                pair = _pair(event, described)
                if isinstance(pair, Pair):
                    yield pair
                else:
                    left_out[pair] += 1

    async def _live(
        self,
        events: Sequence[Preference],
        wanted: PairsWanted,
        left_out: Counter[str],
        seen: _Seen,
    ) -> list[Preference]:
        keys = list(dict.fromkeys(user_key(one.tenant, one.user_id) for one in events))
        records = dict(zip(keys, await self._users.read(keys) if keys else (), strict=True))
        states = {
            key: decode_state(record.state)
            for key, record in records.items()
            if record is not None and record.version > 0
        }
        kept = {key: _kept(state) for key, state in states.items()}
        live: list[Preference] = []
        for event in events:
            key = user_key(event.tenant, event.user_id)
            record, state = records[key], states.get(key)
            if wanted.persona is not None and not self._belongs(record, state, wanted.persona):
                continue
            identity = event.occurred_at_ms, event_hash(event.event_id)
            if (key, *identity) in seen.events:
                continue
            seen.events.add((key, *identity))
            if state is None or identity not in kept[key]:
                left_out[_NOT_KEPT] += 1
            elif DataType.PREFERENCES not in self._data.serving(Purpose.TRAINING):
                left_out[_NOT_FOR_TRAINING] += 1
            elif _is_withdrawn(state) or DataType.PREFERENCES in refused_kinds(state, self._data):
                left_out[_WITHDRAWN] += 1
            else:
                live.append(event)
        return live

    def _belongs(self, record: UserRecord | None, state: UserState | None, persona: str) -> bool:
        if record is None or state is None:
            return False
        return persona == record.persona or persona in self._declared.of_state(
            counted(state, self._data.counted)
        )

    async def _described(self, events: Sequence[Preference]) -> dict[int, ItemRecord]:
        named = {
            item_key(event.tenant, name)
            for event in events
            for name in (event.chosen.item_id, event.rejected.item_id, event.prompt)
            if name
        }
        records = await self._items.read(sorted(named)) if named else []
        return {
            record.key: record for record in records if record is not None and record.revision > 0
        }


def _asked_for(event: Preference, wanted: PairsWanted) -> bool:
    return event.tenant == wanted.tenant and wanted.user_id in {None, event.user_id}


def _kept(state: UserState) -> frozenset[tuple[int, int]]:
    rows = state.entries(DataType.PREFERENCES)
    return frozenset(zip(rows["time_ms"].tolist(), rows["event"].tolist(), strict=True))


def _is_withdrawn(state: UserState) -> bool:
    said = state.consents.get(DataType.PREFERENCES)
    return said is not None and said.value is False


def _pair(event: Preference, described: dict[int, ItemRecord]) -> Pair | str:
    """The pair, or why there is none."""
    if event.is_tie:
        # A pair says which is better; taught that neither is, DPO would have to be another.
        return _TIE
    sides = [_side(event, side, described) for side in (event.chosen, event.rejected)]
    chosen, rejected = sides
    if any(
        side.text and key_of_exported_text(side.text) is not None
        for side in (event.chosen, event.rejected)
    ):
        return _NOT_KEPT_TEXT
    if not chosen or not rejected:
        return _NOT_DESCRIBED
    if chosen == rejected:
        # Two items with one text: nothing can be learned from them.
        return _EQUAL
    return Pair(_prompt(event, described), chosen, rejected)


def _side(event: Preference, side: Choice, described: dict[int, ItemRecord]) -> str:
    if side.item_id is None:
        return side.text or ""
    record = described.get(item_key(event.tenant, side.item_id))
    return "" if record is None else record.text or record.title


def _prompt(event: Preference, described: dict[int, ItemRecord]) -> str:
    """The event's, or the text of the item that it names; empty for none."""
    if not event.prompt:
        return ""
    record = described.get(item_key(event.tenant, event.prompt))
    if record is None:
        return event.prompt
    return "\n\n".join(part for part in (record.title, record.text) if part)
