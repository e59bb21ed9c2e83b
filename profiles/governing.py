"""Rankings under norms: what is forbidden leaves, what is wanted has its place."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from profiles.norms import Norm, Norms, Wanted
from profiles.rules import Value

__all__ = ["Governed", "NormEffect", "Placed", "govern"]


@dataclass(frozen=True, slots=True)
class Placed:
    """An item in its place, and the norm that put it there, if one did."""

    item_id: str
    norm: Norm | None


@dataclass(slots=True)
class NormEffect:
    """What one norm did to a ranking.

    Attributes:
        removed: Ids of what would have stood in the answer, or should have by an
            `always` norm.
        added: Ids of what it put in its place.
    """

    norm: Norm
    removed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Governed:
    """A ranking under norms; one effect per norm that holds, also where it did nothing."""

    items: tuple[Placed, ...]
    effects: tuple[NormEffect, ...]


def govern(
    ranked: Sequence[str],
    norms: Norms,
    *,
    attributes_of: Callable[[str], Mapping[str, Value] | None],
    limit: int,
) -> Governed:
    """The first `limit` items of a ranking as the norms allow and want them.

    Laws: nothing forbidden is in it. Items of `always` norms are, if they are
    offered, not forbidden, and not more than `limit`; the first of each norm
    stands at the norm's place or, where that is taken, at the next one that is
    not, or the last. The others keep their order.

    Args:
        ranked: Item ids, best first, each once.
        norms: Those that hold for the user.
        attributes_of: Of an item; None for one that is not offered (unknown,
            undescribed or retired).
        limit: ≥ 0.
    """
    effects = {norm.id: NormEffect(norm) for norm in norms.norms}

    def is_allowed(item_id: str) -> bool:
        attributes = attributes_of(item_id)
        if attributes is None:
            return False
        forbidding = norms.forbidding(item_id, attributes)
        for norm in forbidding:
            effects[norm.id].removed.append(item_id)
        return not forbidding

    asked_for = norms.wanted
    asked_ids = {one.item_id for one in asked_for}
    wanted = [one for one in asked_for if is_allowed(one.item_id)][:limit]
    ordinary = (one for one in ranked if one not in asked_ids and is_allowed(one))
    others = list(islice(ordinary, limit - len(wanted)))
    for one in wanted:
        effects[one.norm.id].added.append(one.item_id)
    return Governed(tuple(_merged(wanted, others)), tuple(effects.values()))


def _merged(wanted: Sequence[Wanted], others: Sequence[str]) -> list[Placed]:
    places: list[Placed | None] = [None] * (len(wanted) + len(others))
    for one in wanted:
        free = [index for index, taken in enumerate(places) if taken is None]
        place = next((index for index in free if index >= one.place - 1), free[-1])
        places[place] = Placed(one.item_id, one.norm)
    rest = iter(others)
    return [taken or Placed(next(rest), None) for taken in places]
