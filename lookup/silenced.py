"""Whom the average silences, as it is shown."""

from collections.abc import Iterator

from lookup.presenting import Items, title_of
from schemas.snapshots import SilencedGroup, SilencedReversal, SilencedSnapshot
from schemas.views import (
    NamedItemView,
    SilencedPersonaView,
    SilencedReversalView,
    SilencedView,
)

__all__ = ["silenced_items", "silenced_view"]

_GAUGE = "strata_silenced_users_ratio"
_PRICE = "strata_protection_price_ratio"


def silenced_items(silenced: SilencedSnapshot | None) -> Iterator[int]:
    """Keys of the items that the view names."""
    if silenced is None:
        return
    for group in silenced.groups:
        if group.top is not None:
            yield group.top
        for reversal in group.reversals:
            yield reversal.item
            if reversal.over is not None:
                yield reversal.over


def silenced_view(
    silenced: SilencedSnapshot | None, items: Items, *, minimum_size: int
) -> SilencedView | None:
    """Personas with fewer members than `minimum_size` are left out; the alarm counts them."""
    if silenced is None:
        return None
    return SilencedView(
        users=silenced.users,
        share=silenced.share,
        satisfaction=silenced.satisfaction,
        fraction=silenced.fraction,
        floor=silenced.floor,
        price=silenced.price,
        price_others=silenced.price_others,
        personas=tuple(
            _persona_view(group, items) for group in silenced.groups if group.size >= minimum_size
        ),
        gauges={_GAUGE: silenced.share, _PRICE: silenced.price},
    )


def _persona_view(group: SilencedGroup, items: Items) -> SilencedPersonaView:
    return SilencedPersonaView(
        persona=group.persona,
        size=group.size,
        satisfaction=group.satisfaction,
        protected=group.protected,
        ratio=group.ratio,
        top=_named(group.top, items),
        top_reversed=group.top_reversed,
        silenced=group.silenced,
        reversed=group.reversed,
        reversals=tuple(
            view
            for reversal in group.reversals
            if (view := _reversal_view(reversal, items)) is not None
        ),
    )


def _reversal_view(reversal: SilencedReversal, items: Items) -> SilencedReversalView | None:
    """None where an item is not described: nobody could be told what it is."""
    item, over = _named(reversal.item, items), _named(reversal.over, items)
    if item is None or (over is None and reversal.over is not None):
        return None
    return SilencedReversalView(
        item=item,
        over=over,
        persona_margin=reversal.persona_margin,
        overall_margin=reversal.overall_margin,
        q_value=reversal.q_value,
    )


def _named(key: int | None, items: Items) -> NamedItemView | None:
    item = None if key is None else items.get(key)
    return None if item is None else NamedItemView(item_id=item.item_id, title=title_of(item))
