"""What is stored against what the oracle says it should be."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from observed import observed_state
from oracle import (
    Oracle,
    compare,
    hash_of_item,
    hash_of_user,
    nearest_persona,
    tell,
)
from oracle.reading import time_of

from profiles.nextitem.itemspace import ItemSpace
from profiles.personas import decode_personas
from profiles.state import decode_state
from schemas.keys import record_key
from streams.learners import LearnerSpec, initial_space
from streams.partitions import partition_of
from write_side.ground import TEXT_DIMENSION
from write_side.observing import Observed, Table
from write_side.population_equality import different_counters, different_snapshots
from write_side.publishing import Event

__all__ = ["Verdict", "differences"]

_NEAR_TIE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found.

    Attributes:
        lines: One for each difference; none when all is well.
        near_ties: Users of whom two personas are equally near, up to rounding.
        compared: How many of what, so that nothing passes by being absent.
    """

    lines: list[str]
    near_ties: list[tuple[str, str]]
    compared: Counter[str]


def differences(
    observed: Observed,
    events: Sequence[Event],
    *,
    partitions: int,
    trimmed: Collection[Table] = (),
    initial: ItemSpace | None = None,
) -> Verdict:
    """Everything stored against the oracle's account of `events`.

    Item vectors, the space they are placed in, and centroids are taken as they are stored.

    Args:
        events: All that were published, those about items included.
        trimmed: Tables that have lost counters, which are approximate by design.
        initial: The space before anything was learned; the default settings' if not given.
    """
    vectors: dict[str, dict[str, list[float]]] = {}
    if initial is None:
        initial = initial_space(TEXT_DIMENSION, LearnerSpec())
    nothing_learned = (0, initial)
    for (tenant, item_id), item in observed.items.items():
        if item.revision:
            _, space = observed.spaces.get(tenant, nothing_learned)
            place = space.place(item.key, item.vector)
            vectors.setdefault(tenant, {})[item_id] = place.tolist()
    everyone = tell(events, vectors, dimension=initial.dimension)
    told = {name: user for name, user in everyone.items() if not user.is_erased}
    verdict = Verdict([], [], Counter())
    verdict.lines.extend(_of_items(observed, events, verdict.compared))
    verdict.lines.extend(_of_users(observed, told, partitions, verdict.compared))
    if verdict.lines:
        # Sums over wrong users are wrong: their lines would bury the cause.
        return verdict
    verdict.lines.extend(_of_personas(observed, told, verdict))
    newest = _newest_ms(events, partitions)
    _lower(newest, observed, told)
    verdict.lines.extend(different_counters(observed, told, newest, set(trimmed), verdict.compared))
    verdict.lines.extend(different_snapshots(observed, told, newest, verdict.compared))
    return verdict


def _lower(newest: list[dict[str, int]], observed: Observed, told: Oracle) -> None:
    """Take what is observed where it is not before the newest event of those who stayed.

    That the newest of all was of somebody who was erased is forgotten when counters are summed
    anew, and not before.
    """
    for partition, here in enumerate(newest):
        for tenant, of_all_ms in here.items():
            times = [
                entry.time_ms
                for name, user in told.items()
                if name[0] == tenant and observed.users[name].partition == partition
                for entries in user.sets.values()
                for entry in entries
            ]
            found = observed.watermarks_ms[partition].get(tenant, 0)
            if max(times, default=0) <= found <= of_all_ms:
                here[tenant] = found


def _newest_ms(events: Iterable[Event], partitions: int) -> list[dict[str, int]]:
    """Newest event time by tenant, for each partition; all events are of the past."""
    newest: list[dict[str, int]] = [{} for _ in range(partitions)]
    for event in events:
        if "user_id" not in event:
            continue
        tenant = event.get("tenant") or "default"
        here = newest[partition_of(record_key(tenant, event["user_id"]), partitions)]
        here[tenant] = max(here.get(tenant, 0), time_of(event))
    return newest


def _of_items(observed: Observed, events: Sequence[Event], compared: Counter[str]) -> Iterator[str]:
    described = {
        (event.get("tenant") or "default", event["item_id"]): event
        for event in sorted(
            (event for event in events if event["type"] == "item"),
            key=lambda event: str(event["occurred_at"]),
        )
    }
    for item, event in described.items():
        compared["items"] += 1
        record = observed.items.get(item)
        if record is None or not record.revision:
            yield f"item {item}: not described"
        elif record.key != hash_of_item(*item) or record.text != event["text"]:
            yield f"item {item}: another text or key"
    mentioned = {
        (event.get("tenant") or "default", item_id)
        for event in events
        for item_id in _mentioned(event)
    }
    for item in observed.items.keys() ^ (described.keys() | mentioned):
        yield f"item {item}: known {item in observed.items}, but should be the opposite"


def _mentioned(event: Event) -> Iterator[str]:
    if event["type"] == "interaction":
        yield event["item_id"]
    elif event["type"] == "preference":
        for side in (event["chosen"], event["rejected"]):
            if "item_id" in side:
                yield side["item_id"]


def _of_users(
    observed: Observed, told: Oracle, partitions: int, compared: Counter[str]
) -> Iterator[str]:
    for name in observed.users.keys() ^ told.keys():
        yield f"user {name}: stored {name in observed.users}, told of {name in told}"
    for name in observed.users.keys() & told.keys():
        record, user, cached = observed.users[name], told[name], observed.cached[name]
        state = decode_state(record.state)
        compared["users"] += 1
        compared["entries"] += sum(len(rows) for rows in user.sets.values())
        expected: dict[str, object] = {
            "key": hash_of_user(*name),
            "partition": partition_of(record_key(*name), partitions),
            "version": state.version,
            "persona": state.persona,
            "space": observed.spaces[name[0]][0] if name[0] in observed.spaces else 0,
            "waiting": user.waiting,
            "mass": user.mass,
            "sets": user.sets,
            "forget_before": user.forget_before,
            "totals": user.totals,
            "attributes": user.attributes,
            "consents": user.consents,
        }
        found = {
            "key": record.key,
            "partition": record.partition,
            "version": record.version,
            "persona": record.persona,
            "space": record.space,
            "waiting": record.waiting,
            "mass": record.mass,
            **observed_state(state),
        }
        yield from compare(expected, found, name=f"user {name}", relative=1e-9)
        apart = float(np.linalg.norm(record.vector - np.array(user.vector)))
        if not apart <= 1e-5:
            yield f"user {name}: vector is {apart:.2g} from the oracle's"
        if cached is None:
            yield f"user {name}: not cached"
            continue
        totals = {
            f"{kind}/{action}": count
            for kind, by_action in user.totals.items()
            for action, count in by_action.items()
        }
        vector = record.vector.astype("<f4").tobytes() if user.has_direction else b""
        yield from compare(
            (record.version, record.persona, record.space, vector, totals, user.attributes),
            (
                cached.version,
                cached.persona,
                cached.space,
                cached.vector,
                cached.totals,
                cached.attributes,
            ),
            name=f"cached {name}",
        )


def _of_personas(observed: Observed, told: Oracle, verdict: Verdict) -> Iterator[str]:
    for name, user in told.items():
        document = observed.personas.get(name[0])
        centroids = (
            {persona: row.tolist() for persona, row in document.centroids.items()}
            if document is not None
            else {}
        )
        nearest = nearest_persona(user, centroids)
        verdict.compared["assignments"] += nearest.persona is not None
        found = observed.users[name].persona
        if nearest.margin < _NEAR_TIE:
            verdict.near_ties.append(name)
        elif found != nearest.persona:
            yield f"user {name}: of {found}, nearest is {nearest.persona} by {nearest.margin:.2g}"
    for tenant, document in observed.personas.items():
        published = {one.id: one.size for one in decode_personas(document.body).personas}
        directed = Counter(
            record.persona
            for (owner, _), record in observed.users.items()
            if owner == tenant and record.persona is not None
        )
        expected = {persona: directed[persona] for persona in document.centroids}
        yield from compare(expected, published, name=f"sizes of {tenant}'s personas")
