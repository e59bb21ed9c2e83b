"""Stored users, summed into counters afresh: many side by side in columns, without I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from profiles.catalogue import ItemCatalogue
from profiles.changes import sights_of, wholes
from profiles.contributions import pairs_counted
from profiles.counting import Sum
from profiles.declared import DeclaredPersonas
from profiles.evidence import evidence_of
from profiles.policy import Policy
from profiles.ports import UserRecord
from profiles.privacy.data_policy import DataPolicy
from profiles.privacy.permitting import counted, permitted
from profiles.state import UserState, decode_state
from schemas.snapshots import encode_profile
from schemas.updates import scopes_of
from streams.writing import View, stored_views

__all__ = ["Summed", "summed"]


@dataclass(frozen=True, slots=True)
class Summed:
    """What users add to the counters, and what is cached of them.

    Attributes:
        versions: By user key.
        watermarks_ms: By tenant: when the newest event of these users was.
    """

    total: Sum
    versions: dict[bytes, int]
    watermarks_ms: dict[str, int]
    views: list[View]


def summed(
    records: Sequence[UserRecord],
    *,
    catalogue: ItemCatalogue,
    policy: Policy,
    declared: DeclaredPersonas,
    data_policy: DataPolicy,
    now_ms: int,
) -> Summed:
    """Users as they are stored, of whom none is vacant; at least one.

    Args:
        now_ms: What is said to have been later has been now.
    """
    states = [decode_state(record.state) for record in records]
    known = [counted(state, data_policy.counted) for state in states]
    parts = wholes(
        sights_of(
            known,
            np.stack([record.vector for record in records]),
            [record.space for record in records],
        ),
        evidence_of(known, policy),
        policy,
        pairs=[pairs_counted(record.key, policy) for record in records],
    )
    newest_ms = [min(_newest_ms(state), now_ms) for state in known]
    total = Sum(policy, catalogue.dimension)
    watermarks_ms: dict[str, int] = {}
    for record, state, own, newest in zip(records, known, parts, newest_ms, strict=True):
        total.add(record.tenant, scopes_of(record.persona, declared.of_state(state)), own)
        watermarks_ms[record.tenant] = max(watermarks_ms.get(record.tenant, 0), newest)
    shown = stored_views(
        records,
        [permitted(state, data_policy.ranked) for state in states],
        received_ms=newest_ms,
        catalogue=catalogue,
        policy=policy,
    )
    return Summed(
        total,
        {record.key: record.version for record in records},
        watermarks_ms,
        [
            (record.key, record.version, encode_profile(view))
            for record, view in zip(records, shown, strict=True)
        ],
    )


def _newest_ms(state: UserState) -> int:
    return max((int(rows["time_ms"][-1]) for rows in state.sets.values() if len(rows)), default=0)
