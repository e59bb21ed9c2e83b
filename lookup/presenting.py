"""From what is stored to what is shown. Pure."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from lookup.footing import Footing
from profiles.ids import action_code
from profiles.personas import Advantage
from profiles.policy import Policy
from profiles.ports import ItemRecord
from profiles.ranking import LayerWeights, Ranked
from schemas.instants import rfc3339
from schemas.snapshots import CachedProfile, ItemCount, ItemTrend, StatisticsSnapshot
from schemas.views import (
    AdvantageView,
    AttributeScalar,
    EvidenceView,
    ItemTrendView,
    Layer,
    NamedItemView,
    NormView,
    PopularItemView,
    RankedItemView,
    ReasonView,
    SilencedView,
    StatisticsView,
    ValueCountView,
    WeightsView,
)

__all__ = [
    "action_names",
    "advantage_view",
    "as_of",
    "by_data_type",
    "evidence_view",
    "popular_views",
    "ranked_views",
    "statistics_view",
    "title_of",
    "weights_view",
]

Items = Mapping[int, ItemRecord]
"""Those that exist, by key; what is not there cannot be named and is left out."""

_NOTHING: Final = StatisticsSnapshot(
    tenant="",
    scope="",
    as_of_ms=0,
    stale=False,
    users=0,
    directed=0,
    events={},
    popular=(),
    trends={},
    attributes={},
    mean=b"",
)


def title_of(item: ItemRecord) -> str | None:
    return item.title or None


def weights_view(weights: LayerWeights) -> WeightsView:
    return WeightsView(user=weights.user, persona=weights.persona, global_=weights.everybody)


def evidence_view(profile: CachedProfile | None) -> EvidenceView:
    if profile is None:
        return EvidenceView(mass=0.0, effective_sample_size=0.0, events=0, newest_at=None)
    return EvidenceView(
        mass=profile.mass,
        effective_sample_size=profile.effective_sample_size,
        events=sum(profile.totals.values()),
        newest_at=None if profile.newest_ms is None else rfc3339(profile.newest_ms),
    )


def advantage_view(advantage: Advantage | None) -> AdvantageView | None:
    if advantage is None:
        return None
    error = advantage.standard_error
    return AdvantageView(
        nats=advantage.nats,
        standard_error=error if math.isfinite(error) else None,
        events=advantage.events,
        abstains=advantage.abstains,
    )


def as_of(profile: CachedProfile | None, shown: StatisticsSnapshot | None) -> str | None:
    if profile is not None:
        # Zero: computed from the state, which does not keep when records arrived.
        return rfc3339(profile.written_ms) if profile.written_ms else None
    return None if shown is None else rfc3339(shown.as_of_ms)


def action_names(profile: CachedProfile, policy: Policy) -> dict[int, str]:
    """Name of each action code. A user's own totals name actions that the policy does not."""
    own = [name.partition("/")[2] for name in profile.totals]
    return {action_code(action): action for action in (*own, *policy.actions)}


def by_data_type(totals: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Splits "data type/action"; an action may contain a slash, a data type does not."""
    nested: dict[str, dict[str, int]] = {}
    for name, count in sorted(totals.items()):
        kind, _, action = name.partition("/")
        nested.setdefault(kind, {})[action] = count
    return nested


def popular_views(popular: Iterable[ItemCount], items: Items) -> tuple[PopularItemView, ...]:
    return tuple(
        PopularItemView(
            item_id=item.item_id,
            title=title_of(item),
            score=count.score,
            positive=count.positive,
            negative=count.negative,
        )
        for count in popular
        if (item := items.get(count.item)) is not None
    )


def _trend_views(trends: Iterable[ItemTrend], items: Items) -> tuple[ItemTrendView, ...]:
    return tuple(
        ItemTrendView(
            item_id=item.item_id,
            title=title_of(item),
            score=trend.score,
            recent=trend.recent,
            before=trend.before,
        )
        for trend in trends
        if (item := items.get(trend.item)) is not None
    )


def statistics_view(
    tenant: str,
    persona: str | None,
    snapshot: StatisticsSnapshot | None,
    items: Items,
    *,
    most: int,
    norms: tuple[NormView, ...],
    silenced: SilencedView | None,
    stale_because: Sequence[str],
) -> StatisticsView:
    shown = _NOTHING if snapshot is None else snapshot
    return StatisticsView(
        tenant=tenant,
        persona=persona,
        published=snapshot is not None,
        users=shown.users,
        directed=shown.directed,
        events=by_data_type(shown.events),
        popular=popular_views(shown.popular[:most], items),
        trends={
            window: _trend_views(rising[:most], items) for window, rising in shown.trends.items()
        },
        attributes={name: _value_counts(by_value) for name, by_value in shown.attributes.items()},
        as_of=None if snapshot is None else rfc3339(snapshot.as_of_ms),
        stale=bool(stale_because),
        stale_because=tuple(stale_because),
        norms=norms,
        silenced=silenced,
    )


def _value_counts(by_value: Mapping[str, int]) -> tuple[ValueCountView, ...]:
    return tuple(
        ValueCountView(value=_scalar(value), users=users)
        for value, users in sorted(by_value.items(), key=lambda counted: (-counted[1], counted[0]))
    )


def _scalar(encoded: str) -> AttributeScalar | None:
    value: AttributeScalar | None = json.loads(encoded)
    return value


def ranked_views(
    ranked: Sequence[Ranked],
    nearest_liked: Sequence[ItemRecord | None],
    footing: Footing,
    *,
    placed_by: Mapping[int, str],
) -> tuple[RankedItemView, ...]:
    """`nearest_liked` holds one liked item, or None, for each ranked one.

    Args:
        placed_by: Item key → id of the norm that put it in its place.
    """
    return tuple(
        RankedItemView(
            item_id=place.item.item_id,
            title=title_of(place.item),
            score=place.score if place.shares else None,
            reasons=tuple(
                _reason_view(layer, share, liked, footing) for layer, share in place.shares.items()
            ),
            norm=f"norm:{placed_by[place.item.key]}" if place.item.key in placed_by else None,
        )
        for place, liked in zip(ranked, nearest_liked, strict=True)
    )


def _reason_view(
    layer: Layer, share: float, liked: ItemRecord | None, footing: Footing
) -> ReasonView:
    because = None
    match layer:
        case Layer.USER if liked is not None:
            because = NamedItemView(item_id=liked.item_id, title=title_of(liked))
            text = f"Because you liked “{liked.title or liked.item_id}”"
        case Layer.USER:
            text = "Close to what you have liked"
        case Layer.PERSONA:
            labels = () if footing.membership is None else footing.membership.labels[:2]
            named = ", ".join(label.text for label in labels)
            text = (
                f"Popular with people like you ({named})"
                if named
                else ("Popular with people like you")
            )
        case Layer.GLOBAL:
            text = "Popular with everybody"
    return ReasonView(layer=layer, text=text, share=min(1.0, share), because_item=because)
