"""What the product knows, said in the oracle's terms, so that the two can be compared."""

from collections.abc import Iterable, Mapping

import numpy as np
from oracle.population import Population

from profiles.contributions import MEAN_SCALE
from profiles.state import Scalar, UserState
from schemas.updates import Contribution, Counts

__all__ = ["observed_population", "observed_state", "stated", "sum_of"]

_KEPT_IN_SETS = ("interactions", "preferences", "documents", "attributes", "controls")


def observed_state(state: UserState) -> dict[str, object]:
    """Sets, cutoffs, totals, attributes and consents as plain values."""
    return {
        "sets": {
            kind.value: [tuple(row) for row in rows.tolist()]
            for kind, rows in state.sets.items()
            if len(rows)
        },
        "forget_before": {kind.value: cutoff for kind, cutoff in state.forget_before.items()},
        "totals": {kind.value: dict(counts) for kind, counts in state.totals.items()},
        "attributes": stated(state),
        "consents": {kind.value: said.value for kind, said in state.consents.items()},
    }


def stated(state: UserState) -> dict[str, Scalar]:
    return {name: held.value for name, held in state.attributes.items()}


def sum_of(contributions: Iterable[Contribution]) -> Contribution:
    """Contributions added up, zeros left out: what aggregates do with updates."""
    counts: Counts = {}
    means: list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]] = []
    for part in contributions:
        for name, table in part.counts.items():
            into = counts.setdefault(name, {})
            for field, count in table.items():
                into[field] = into.get(field, 0) + count
        if part.mean:
            means.append(np.frombuffer(part.mean, "<i4").astype(np.int64))
    left = {
        name: {field: count for field, count in table.items() if count}
        for name, table in counts.items()
    }
    total = np.sum(means, axis=0).astype("<i4") if means else np.zeros(0, "<i4")
    return Contribution(
        {name: table for name, table in left.items() if table},
        total.tobytes() if total.any() else b"",
    )


def observed_population(
    counts: Mapping[tuple[str, str], Mapping[bytes, int]], mean_fixed: list[int]
) -> Population:
    """Counter tables, (series, part) → field → count, as a population.

    Raises:
        ValueError: a series that the oracle does not know, or users with a direction that
            are in no item space.
    """
    found = Population(mean_fixed=mean_fixed)
    found.mean_sum = [component / MEAN_SCALE for component in mean_fixed]
    in_spaces = 0
    for (series, part), table in counts.items():
        for field, count in table.items():
            if (series, part) == ("size", "") and field.startswith(b"space "):
                in_spaces += count
            else:
                _count(found, (series, part), field, count)
    if in_spaces != found.directed:
        raise ValueError(f"{found.directed} users have a direction, {in_spaces} in item spaces")
    return found


def _count(found: Population, table: tuple[str, str], field: bytes, count: int) -> None:
    match table:
        case "size", "":
            if field == b"users":
                found.users = count
            elif field == b"directed":
                found.directed = count
            else:
                raise ValueError(f"unknown size {field!r}")
        case "events" | "doers" as series, "":
            kind, _, action = field.decode().partition("/")
            getattr(found, series)[kind, action] += count
        case "attribute", name:
            found.attributes[name, field.decode()] += count
        case "positive" | "negative" | "likers" | "dislikers" as series, "":
            getattr(found, series)[_item(field)] += count
        case "popularity", era:
            found.eras[int(era), _item(field)] += count
        case "co-occurrence", item:
            found.pairs[_item(bytes.fromhex(item)), _item(field)] += count
        case series, bucket if series.startswith("trend-"):
            found.buckets[series.removeprefix("trend-"), int(bucket), _item(field)] += count
        case _:
            raise ValueError(f"unknown table {table!r}")


def _item(field: bytes) -> int:
    return int.from_bytes(field, "little")
