"""Everything that is kept of a user, as events that can be published again.

What the stream does not keep cannot be given back: of event ids and of texts in preferences
there are hashes only, and an exported event carries them in their place, so that reading it
back into the same tenant and user changes nothing. Folding an export into an empty state
gives the sets, attributes and consents that it was made from; totals count what is kept.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, TypeAlias

import numpy as np

from profiles.documents.passages import Passage
from profiles.entries import TEXT, Entries
from profiles.ids import action_code, event_hash, exported_event, exported_text, item_key
from profiles.policy import TIE, ActionRule, Policy
from profiles.state import DataType, UserState
from schemas import events
from schemas.instants import rfc3339

__all__ = ["ExportedEvent", "exported_events", "exported_items"]

ExportedEvent: TypeAlias = (
    events.Interaction
    | events.Preference
    | events.Document
    | events.Attributes
    | events.Consent
    | events.Removal
)

_CUT_OFF: Final = exported_text(0)
_DIGITS: Final = 6
_TIE: Final = action_code(TIE)
_FAINTEST: Final = 1e-300
"""A strength that weighs nothing; none at all would weigh as usual."""


def exported_items(state: UserState) -> frozenset[int]:
    """Keys of the items whose names an export needs."""
    keys: set[int] = set()
    for kind in (DataType.INTERACTIONS, DataType.PREFERENCES):
        rows = state.entries(kind)
        keys.update(rows["item"][(rows["flags"] & TEXT) == 0].tolist())
    return frozenset(keys)


def exported_events(
    tenant: str,
    user_id: str,
    state: UserState,
    *,
    items: Mapping[int, str],
    passages: Sequence[Passage],
    policy: Policy,
) -> list[ExportedEvent]:
    """A user's events in the order of their times.

    Args:
        items: Names of `exported_items`; an entry about an item without one is left out.
        passages: Of the user's documents, ordered by document and place.
        policy: The one that weighed the entries.
    """
    export = _Export(tenant, user_id, state, policy)
    found: list[ExportedEvent] = [
        *export.interactions(items),
        *export.preferences(items),
        *export.documents(passages),
        *export.attributes(),
        *export.consents(),
        *export.removals(),
    ]
    return sorted(found, key=lambda event: (event.occurred_at_ms, event.type, event.event_id))


class _Export:
    def __init__(self, tenant: str, user_id: str, state: UserState, policy: Policy) -> None:
        self._tenant = tenant
        self._user_id = user_id
        self._state = state
        self._policy = policy

    def _names(self, kind: DataType) -> dict[int, str]:
        """Actions by their codes, which are all that entries hold."""
        return {action_code(name): name for name in self._state.totals.get(kind, {})}

    def interactions(self, items: Mapping[int, str]) -> Iterator[events.Interaction]:
        names = self._names(DataType.INTERACTIONS)
        for row in self._state.entries(DataType.INTERACTIONS):
            item_id, action = items.get(int(row["item"])), names.get(int(row["action"]))
            if item_id is None or action is None:
                continue
            yield events.Interaction(
                event_id=exported_event(int(row["event"])),
                occurred_at=rfc3339(int(row["time_ms"])),
                tenant=self._tenant,
                user_id=self._user_id,
                item_id=item_id,
                action=action,
                value=_value(self._policy.rule(action), float(row["weight"])),
            )

    def preferences(self, items: Mapping[int, str]) -> Iterator[events.Preference]:
        for time_ms, event, rows in _by_event(self._state.entries(DataType.PREFERENCES)):
            sides = [
                (float(row["weight"]), _choice(int(row["item"]), int(row["flags"]), items))
                for row in rows
            ]
            is_tie = all(int(row["action"]) == _TIE for row in rows)
            known = [(weight, side) for weight, side in sides if side is not None]
            if len(known) < len(sides):
                continue
            if len(known) == 1:
                # Its other entry was pushed out; the smallest key is pushed out again.
                known.append((-known[0][0], events.Choice(text=_CUT_OFF)))
            (weight, chosen), (_, rejected) = sorted(known, key=lambda one: -one[0])
            strength = weight / self._policy.choice_weight if self._policy.choice_weight else 0.0
            yield events.Preference(
                event_id=exported_event(event),
                occurred_at=rfc3339(time_ms),
                tenant=self._tenant,
                user_id=self._user_id,
                chosen=chosen,
                rejected=rejected,
                strength=(0.0 if is_tie else _short(strength, weight, self._policy.choice_weight)),
            )

    def documents(self, passages: Sequence[Passage]) -> Iterator[events.Document]:
        written = {
            (item_key(self._tenant, name), parts[0].version.time_ms, parts[0].version.event): parts
            for name, parts in _by_document(passages)
        }
        named = {key: parts[0].document_id for (key, _, _), parts in written.items()}
        kinds = self._names(DataType.DOCUMENTS)
        for row in self._state.entries(DataType.DOCUMENTS):
            key, time_ms, event = int(row["item"]), int(row["time_ms"]), int(row["event"])
            if key not in named:
                continue
            # Of versions that were replaced, only that they were written is known.
            parts = written.get((key, time_ms, event), [])
            kind = kinds.get(int(row["action"]))
            yield events.Document(
                event_id=exported_event(event),
                occurred_at=rfc3339(time_ms),
                tenant=self._tenant,
                user_id=self._user_id,
                document_id=named[key],
                text=_joined(parts),
                title=(parts[0].title or None) if parts else None,
                kind=parts[0].kind or None if parts else kind,
                about=parts[0].about or None if parts else None,
            )

    def attributes(self) -> Iterator[events.Attributes]:
        rows = self._state.entries(DataType.ATTRIBUTES)
        # An event all of whose values were replaced is known to have been.
        stated: dict[tuple[int, int], dict[str, events.Scalar]] = {
            (int(row["time_ms"]), int(row["event"])): {} for row in rows
        }
        for name, value in self._state.attributes.items():
            stated.setdefault((value.time_ms, value.event), {})[name] = value.value
        for (time_ms, event), values in stated.items():
            yield events.Attributes(
                event_id=exported_event(event),
                occurred_at=rfc3339(time_ms),
                tenant=self._tenant,
                user_id=self._user_id,
                attributes=values,
            )

    def consents(self) -> Iterator[events.Consent]:
        for kind, said in self._state.consents.items():
            yield events.Consent.model_validate(
                {
                    "event_id": exported_event(said.event),
                    "occurred_at": rfc3339(said.time_ms),
                    "tenant": self._tenant,
                    "user_id": self._user_id,
                    "data_type": kind.value,
                    "granted": bool(said.value),
                }
            )

    def removals(self) -> Iterator[events.Removal]:
        """What must not come back. Of their own events nothing is kept."""
        for kind, gone in self._state.removed.items():
            for time_ms, event in sorted(gone):
                yield self._removal(
                    exported_event(event),
                    time_ms,
                    data_type=kind.value,
                    removed_id=exported_event(event),
                    removed_at=rfc3339(time_ms),
                )
        for name, until_ms in self._state.unstated.items():
            own = exported_event(event_hash(name))
            yield self._removal(own, until_ms, data_type="attributes", attribute=name)

    def _removal(self, event_id: str, at_ms: int, **named: str) -> events.Removal:
        return events.Removal.model_validate(
            {
                "event_id": event_id,
                "occurred_at": rfc3339(at_ms),
                "tenant": self._tenant,
                "user_id": self._user_id,
                **named,
            }
        )


def _by_event(rows: Entries) -> Iterator[tuple[int, int, list[np.void]]]:
    for (time_ms, event), group in groupby(
        rows, key=lambda row: (int(row["time_ms"]), int(row["event"]))
    ):
        yield time_ms, event, list(group)


def _by_document(passages: Iterable[Passage]) -> Iterator[tuple[str, list[Passage]]]:
    ordered = sorted(passages, key=lambda one: (one.document_id, one.index))
    for name, group in groupby(ordered, key=lambda one: one.document_id):
        yield name, list(group)


def _choice(key: int, flags: int, items: Mapping[int, str]) -> events.Choice | None:
    if flags & TEXT:
        return events.Choice(text=exported_text(key))
    named = items.get(key)
    return None if named is None else events.Choice(item_id=named)


def _value(rule: ActionRule, weight: float) -> float | None:
    """A value that weighs as much; None where the action alone says it."""
    if rule.neutral is None or np.float32(rule.weight) == np.float32(weight):
        return None
    exact = weight / rule.scale + rule.neutral
    short = round(exact, _DIGITS)
    return short if np.float32(rule.weigh(short)) == np.float32(weight) else exact


def _short(exact: float, weight: float, unit: float) -> float | None:
    """The shortest strength that weighs as much; None for the usual one."""
    if np.float32(unit) == np.float32(weight):
        return None
    if exact <= 0.0:
        return _FAINTEST
    short = round(exact, _DIGITS)
    return short if short > 0.0 and np.float32(short * unit) == np.float32(weight) else exact


def _joined(parts: Sequence[Passage]) -> str:
    """The text that passages were cut from; what was cut away between them was white space."""
    text = ""
    for part in parts:
        text += "\n" * (part.start - len(text)) + part.text
    return text
