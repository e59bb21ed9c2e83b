"""Norms over rankings: what people declared, applied to what was learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from lookup.items import ItemReader
from profiles.governing import NormEffect, govern
from profiles.ids import item_key
from profiles.norms import Norm, Norms
from profiles.ports import ItemRecord
from profiles.ranking import Ranked
from profiles.rules import Value
from schemas.views import AppliedNormView, NormView

__all__ = ["GovernedRanking", "govern_ranking", "norm_views"]

_decoder = msgspec.json.Decoder(
    dict[str, str | int | float | bool | tuple[str | int | float | bool, ...]]
)


@dataclass(frozen=True, slots=True)
class GovernedRanking:
    """A ranking as the norms allow and want it, best first.

    Attributes:
        places: An item that only a norm put there has score 0 and no shares.
        placed_by: Item key → id of the norm that put it in its place.
        norms: Those that hold for the user, and what each did.
    """

    places: Sequence[Ranked]
    placed_by: Mapping[int, str]
    norms: tuple[AppliedNormView, ...]


async def govern_ranking(
    ranked: Sequence[Ranked], norms: Norms, *, tenant: str, items: ItemReader, limit: int
) -> GovernedRanking:
    """The first `limit` of a ranking under the norms that hold for its user.

    Args:
        ranked: All that could be shown, not just the first; with the attributes
            that the norms look at.

    Raises:
        StoreUnavailable: an item that must be shown cannot be read.
    """
    if not norms.norms:
        return GovernedRanking(ranked[:limit], {}, ())
    wanted = await items.read(item_key(tenant, one.item_id) for one in norms.wanted)
    places = {
        item.item_id: Ranked(item, 0.0, {})
        for item in wanted.complete().values()
        if item.revision > 0 and not item.retired
    }
    places |= {place.item.item_id: place for place in ranked}

    def attributes_of(item_id: str) -> Mapping[str, Value] | None:
        place = places.get(item_id)
        return None if place is None else _attributes_of(place.item)

    governed = govern(
        [place.item.item_id for place in ranked], norms, attributes_of=attributes_of, limit=limit
    )
    return GovernedRanking(
        [places[one.item_id] for one in governed.items],
        {
            places[one.item_id].item.key: one.norm.id
            for one in governed.items
            if one.norm is not None
        },
        tuple(_applied_view(effect) for effect in governed.effects),
    )


def _attributes_of(item: ItemRecord) -> Mapping[str, Value]:
    return _decoder.decode(item.attributes) if item.attributes else {}


def norm_views(norms: Norms) -> tuple[NormView, ...]:
    """All of them, as they are declared."""
    return tuple(NormView(**_declaration(norm)) for norm in norms.norms)


def _applied_view(effect: NormEffect) -> AppliedNormView:
    return AppliedNormView(
        **_declaration(effect.norm), removed=tuple(effect.removed), added=tuple(effect.added)
    )


def _declaration(norm: Norm) -> dict[str, str]:
    return {
        "id": norm.id,
        "kind": norm.kind.value,
        "reason": norm.reason,
        "declared_by": norm.declared_by,
        "since": norm.since.isoformat(),
    }
