"""Laws between stored values, which hold whatever the events were; the oracle is not asked.

`write_side.equality` holds each value against the oracle's. These say the same a second time
in the words of the promise, so that a mistake shared by product and oracle does not pass.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from oracle import compare
from write_side.declared import DECLARED
from write_side.observing import Observed
from write_side.publishing import Event

from profiles.state import decode_state
from streams.personas import PersonaOptions

__all__ = ["broken"]


def broken(observed: Observed, events: Sequence[Event]) -> list[str]:
    """One line per law that does not hold.

    Args:
        events: All that were accepted, repeats included.
    """
    return [
        *_users_sum_to_events(observed, events),
        *_counters_sum_to_users(observed),
        *_personas_sum_to_users(observed),
        *_centroids_are_means(observed),
    ]


def _users_sum_to_events(observed: Observed, events: Sequence[Event]) -> Iterator[str]:
    """Σ per-user counts = distinct accepted events, where nobody withdrew or was erased."""
    forgetful = {
        _user(event)
        for event in events
        if event["type"] == "erasure" or (event["type"] == "consent" and not event["granted"])
    }
    accepted = {
        (_user(event), event["event_id"])
        for event in events
        # That something was removed is not counted.
        if "user_id" in event and event["type"] != "removal" and _user(event) not in forgetful
    }
    counted = sum(
        _events_of(observed, user).total() for user in observed.users if user not in forgetful
    )
    if counted != len(accepted):
        yield f"users count {counted} events, but {len(accepted)} were accepted"


def _counters_sum_to_users(observed: Observed) -> Iterator[str]:
    """Σ over partitions of what was counted = Σ over users of what they count."""
    expected: dict[str, Counter[str]] = defaultdict(Counter)
    for user in observed.users:
        expected[user[0]].update(_events_of(observed, user))
    for tenant, counts in expected.items():
        found = _sum(observed, tenant, "", "events")
        yield from compare(dict(+counts), dict(+found), name=f"sum over users of {tenant}")


def _personas_sum_to_users(observed: Observed) -> Iterator[str]:
    """Σ over discovered personas = Σ over the users that are in one."""
    scopes = defaultdict(set)
    for tables in observed.counters.values():
        for table in tables:
            if table.scope and table.scope not in DECLARED.by_id:
                scopes[table.tenant].add(table.scope)
    for tenant, personas in scopes.items():
        members = [
            user
            for user, record in observed.users.items()
            if user[0] == tenant and record.persona is not None
        ]
        counted = Counter[str]()
        for user in members:
            counted.update(_events_of(observed, user))
        summed = Counter[str]()
        users = 0
        for persona in personas:
            summed.update(_sum(observed, tenant, persona, "events"))
            users += _sum(observed, tenant, persona, "size")["users"]
        yield from compare(dict(+counted), dict(+summed), name=f"sum over personas of {tenant}")
        if users != len(members):
            yield f"personas of {tenant} count {users} users, but {len(members)} are in one"


def _centroids_are_means(observed: Observed) -> Iterator[str]:
    """Each centroid points where its members' vectors do, but for a shift that is not published."""
    for tenant, document in observed.personas.items():
        for persona, centroid in document.centroids.items():
            total = np.sum(
                [
                    record.vector.astype(np.float64)
                    for user, record in observed.users.items()
                    if user[0] == tenant and record.persona == persona
                ],
                axis=0,
            )
            length = float(np.linalg.norm(total))
            if length < 1e-6:
                # Nobody is in it, or they cancel out: it stays where it was.
                continue
            apart = float(np.linalg.norm(total / length - centroid))
            if not apart <= PersonaOptions().shift + 1e-5:
                yield f"centroid {persona} of {tenant} is {apart:.3g} from its members' mean"


def _events_of(observed: Observed, user: tuple[str, str]) -> Counter[str]:
    totals = decode_state(observed.users[user].state).totals
    return Counter(
        {f"{kind.value}/{act}": count for kind, by in totals.items() for act, count in by.items()}
    )


def _sum(observed: Observed, tenant: str, scope: str, series: str) -> Counter[str]:
    found = Counter[str]()
    for tables in observed.counters.values():
        for table, counters in tables.items():
            if (table.tenant, table.scope, table.series) == (tenant, scope, series):
                for name, count in counters.items():
                    found[name.decode()] += count
    return found


def _user(event: Event) -> tuple[str, str]:
    return str(event.get("tenant") or "default"), str(event["user_id"])
