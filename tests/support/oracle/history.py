"""Every user as their whole history makes them, in any order of arrival."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import mul
from typing import Any

from oracle.identities import hash_of_event, hash_of_item
from oracle.reading import (
    SUPERSEDES,
    TEXT,
    Entry,
    Told,
    forgotten_by,
    read_event,
    removed_by,
    time_of,
    unstated_by,
)
from oracle.settings import DEFAULT_SETTINGS, Settings

Event = Mapping[str, Any]
Scalar = str | int | float | bool

# A sum of item vectors shorter than this, for a mass of one, has no direction.
_SHORTEST = 1e-9
_GONE = 255


@dataclass(frozen=True)
class OracleUser:
    """What should be known of one user.

    Attributes:
        sets: Kept entries per kind of data, oldest first; kinds without any are absent.
        totals: Distinct events per kind and action that are not forgotten. Where a
            user has more than K entries of a kind *and* something was forgotten, the
            product can only recount what it keeps.
        evidence: Entries with an effect, both kinds, oldest first.
        vector: Unit length, or all zeros.
        mass: Σ |weight| · decay over entries whose item has a vector.
        effective_sample_size: (Σ x)² / Σ x² of the same terms; 0 without any.
    """

    tenant: str
    user_id: str
    sets: dict[str, list[Entry]]
    forget_before: dict[str, int]
    totals: dict[str, dict[str, int]]
    attributes: dict[str, Scalar]
    consents: dict[str, bool]
    evidence: list[Entry]
    vector: list[float]
    mass: float
    effective_sample_size: float
    waiting: bool

    @property
    def positive(self) -> list[Entry]:
        return [entry for entry in self.evidence if entry.weight > 0 and not entry.flags & TEXT]

    @property
    def negative(self) -> list[Entry]:
        return [entry for entry in self.evidence if entry.weight < 0 and not entry.flags & TEXT]

    @property
    def is_erased(self) -> bool:
        """Everything there was has been erased, and nothing has come since."""
        return "controls" in self.forget_before and not (
            any(self.sets.values()) or self.attributes or self.consents
        )

    @property
    def has_direction(self) -> bool:
        return any(self.vector)


Oracle = dict[tuple[str, str], OracleUser]


def tell(
    events: Iterable[Event],
    vectors: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    dimension: int,
    settings: Settings = DEFAULT_SETTINGS,
) -> Oracle:
    """Every user that the events name, by (tenant, user id).

    Args:
        events: In event format and valid, in any order, repeats included; events
            about items are passed over.
        vectors: Tenant → item id → vector of length `dimension`.
    """
    histories: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        if "user_id" in event:
            histories[event.get("tenant") or "default", event["user_id"]].append(event)
    by_hash = {
        tenant: {hash_of_item(tenant, item): vector for item, vector in items.items()}
        for tenant, items in vectors.items()
    }
    return {
        user: _user(user, history, by_hash.get(user[0], {}), dimension, settings=settings)
        for user, history in histories.items()
    }


def _user(
    user: tuple[str, str],
    history: list[Event],
    vectors: Mapping[int, Sequence[float]],
    dimension: int,
    *,
    settings: Settings,
) -> OracleUser:
    forget_before: dict[str, int] = {}
    for event in history:
        for kind in forgotten_by(event):
            forget_before[kind] = max(forget_before.get(kind, 0), time_of(event))

    refused = _refused(history, settings.consent, forget_before)
    distinct: set[Told] = {
        told
        for event in history
        if event["type"] != "removal" and (told := read_event(event, settings)).kind not in refused
    }
    removed = {
        gone
        for event in history
        if (gone := removed_by(event)) is not None and gone[1] > forget_before.get(gone[0], -1)
    }
    remembered = [
        told
        for told in distinct
        if told.kind not in forget_before or told.entries[0].time_ms > forget_before[told.kind]
        if (told.kind, told.entries[0].time_ms, told.entries[0].event) not in removed
    ]

    totals: dict[str, dict[str, int]] = {}
    entries: dict[str, set[Entry]] = {}
    for told in remembered:
        by_action = totals.setdefault(told.kind, {})
        by_action[told.action] = by_action.get(told.action, 0) + 1
        entries.setdefault(told.kind, set()).update(told.entries)
    for kind, at_ms, gone_event in removed:
        # What was removed keeps its place, so that nothing older comes into it.
        for place in range(2 if kind == "preferences" else 1):
            entries.setdefault(kind, set()).add(Entry(at_ms, gone_event, place, 0.0, 0, _GONE))
    sets = {
        kind: [entry for entry in sorted(found)[-settings.kept :] if entry.flags != _GONE]
        for kind, found in entries.items()
    }
    sets = {kind: kept for kind, kept in sets.items() if kept}

    evidence = sorted(
        _in_force(sets.get("interactions", [])) + sets.get("preferences", []),
        key=lambda entry: (entry.time_ms, entry.event, entry.item),
    )
    terms = [
        (entry, entry.weight * decay)
        for entry, decay in zip(evidence, _decays(evidence, settings), strict=True)
        if not entry.flags & TEXT and entry.item in vectors
    ]
    mass = math.fsum(abs(term) for _, term in terms)
    return OracleUser(
        tenant=user[0],
        user_id=user[1],
        sets=sets,
        forget_before=forget_before,
        totals=totals,
        attributes={}
        if "attributes" in refused
        else _attributes(history, forget_before.get("attributes", -1)),
        consents=_consents(history, forget_before.get("controls", -1)),
        evidence=evidence,
        vector=_unit_sum(
            [term for _, term in terms], [vectors[entry.item] for entry, _ in terms], dimension
        ),
        mass=mass,
        effective_sample_size=_effective_sample_size([abs(term) for _, term in terms]),
        waiting=any(not entry.flags & TEXT and entry.item not in vectors for entry in evidence),
    )


def _refused(
    history: list[Event], consent: Mapping[str, str], forget_before: dict[str, int]
) -> set[str]:
    """Kinds of which nothing may be kept after all consents, which were given in this order.

    A consent that was missing lets in only what happened from then on: raises `forget_before`.
    """
    said: dict[str, tuple[int, int, bool]] = {}

    def is_missing(kind: str) -> bool:
        return not said[kind][2] if kind in said else consent[kind] == "opt-in"

    for event in history:
        if event["type"] != "consent" or event["data_type"] not in consent:
            continue
        kind, granted = event["data_type"], event["granted"]
        word = (time_of(event), hash_of_event(event["event_id"]), granted)
        if kind in said and word <= said[kind]:
            continue
        if granted and is_missing(kind):
            forget_before[kind] = max(forget_before.get(kind, -1), word[0] - 1)
        said[kind] = word
    return {kind for kind in consent if is_missing(kind)}


def _in_force(interactions: list[Entry]) -> list[Entry]:
    """All but superseding entries that a later superseding one on their item replaces."""
    replaced_items: set[int] = set()
    found: list[Entry] = []
    for entry in sorted(interactions, reverse=True):
        if entry.flags & SUPERSEDES:
            if entry.item in replaced_items:
                continue
            replaced_items.add(entry.item)
        found.append(entry)
    return found


def _decays(evidence: list[Entry], settings: Settings) -> list[float]:
    if not evidence:
        return []
    newest_ms = max(entry.time_ms for entry in evidence)
    moments = sorted({(entry.time_ms, entry.event) for entry in evidence}, reverse=True)
    later_events = {moment: number for number, moment in enumerate(moments)}
    return [
        0.5 ** ((newest_ms - entry.time_ms) / 1000.0 / settings.half_life_s)
        * 0.5 ** (later_events[entry.time_ms, entry.event] / settings.half_rank)
        for entry in evidence
    ]


def _unit_sum(weights: list[float], vectors: list[Sequence[float]], dimension: int) -> list[float]:
    zeros = [0.0] * dimension
    if not any(weights):
        return zeros
    largest = max(map(abs, weights))
    weights = [weight / largest for weight in weights]
    total = [math.fsum(map(mul, weights, column)) for column in zip(*vectors, strict=True)]
    length = math.sqrt(math.fsum(map(mul, total, total)))
    if length <= _SHORTEST * math.fsum(map(abs, weights)):
        return zeros
    return list(map(mul, total, repeat(1.0 / length)))


def _effective_sample_size(evidence: list[float]) -> float:
    largest = max(evidence, default=0.0)
    if largest == 0.0:
        return 0.0
    shares = [amount / largest for amount in evidence]
    return math.fsum(shares) ** 2 / math.fsum(share * share for share in shares)


def _attributes(history: list[Event], forget_before_ms: int) -> dict[str, Scalar]:
    until = {
        name: max(time_of(event) for event in history if unstated_by(event) == name)
        for name in {unstated_by(event) for event in history}
        if name is not None
    }
    stated = sorted(
        (name, time_of(event), hash_of_event(event["event_id"]), repr(value), value)
        for event in history
        if event["type"] == "attributes" and time_of(event) > forget_before_ms
        for name, value in event["attributes"].items()
        if time_of(event) > until.get(name, -1)
    )
    return {name: value for name, _, _, _, value in stated}


def _consents(history: list[Event], forget_before_ms: int) -> dict[str, bool]:
    said = sorted(
        (time_of(event), hash_of_event(event["event_id"]), event["data_type"], event["granted"])
        for event in history
        if event["type"] == "consent" and time_of(event) > forget_before_ms
    )
    return {kind: granted for _, _, kind, granted in said}
