"""What is kept of a person, in words for that person. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, assert_never

from lookup.presenting import title_of
from profiles.documents.text_profile import TextProfile
from profiles.ports import ItemRecord
from profiles.privacy.data_policy import DataPolicy
from profiles.privacy.exporting import ExportedEvent
from profiles.state import CONSENTED, DataType, UserState
from schemas import events
from schemas.instants import rfc3339
from schemas.privacy_views import MineView, OwnInferenceView, OwnKindView, OwnLineView
from schemas.views import ProfileView

__all__ = ["mine_view"]

_MOST_LINES: Final = 100
_MOST_INTERESTS: Final = 10
_EXCERPT: Final = 80


def mine_view(
    tenant: str,
    user_id: str,
    state: UserState,
    kept: Sequence[ExportedEvent],
    *,
    items: Mapping[str, ItemRecord],
    data: DataPolicy,
    profile: ProfileView,
    writing: TextProfile | None = None,
) -> MineView:
    """What is kept, kind by kind, and what was worked out from it.

    Args:
        kept: All that is kept, as events, oldest first.
        items: By id.
        data: Says who sees what, and how long.
        profile, writing: Of the same user; without documents that may be told of, no writing.
    """
    lines = {kind: list(own) for kind, own in _by_kind(kept, items, data)}
    return MineView(
        tenant=tenant,
        user_id=user_id,
        known=not state.is_vacant and bool(kept),
        kinds=tuple(
            _kind_view(kind, lines.get(kind, []), state, data) for kind in sorted(CONSENTED)
        ),
        inferred=(*_inferred(state, data, profile), *_written(writing)),
    )


def _by_kind(
    kept: Sequence[ExportedEvent], items: Mapping[str, ItemRecord], data: DataPolicy
) -> Iterator[tuple[DataType, Iterator[OwnLineView]]]:
    """Lines of each kind, newest first."""
    told = [
        (kind, event.occurred_at_ms, line)
        for event in reversed(kept)
        for kind, line in _lines(event, items, data)
    ]
    told.sort(key=lambda one: one[0])
    for kind, group in groupby(told, key=lambda one: one[0]):
        yield kind, (line for _, _, line in group)


def _kind_view(
    kind: DataType, lines: Sequence[OwnLineView], state: UserState, data: DataPolicy
) -> OwnKindView:
    rule = data.rule(kind)
    said = state.consents.get(kind)
    return OwnKindView(
        data_type=kind.value,
        consent=None if said is None else bool(said.value),
        consent_needed=rule.consent.value,
        kept_days=rule.kept_days,
        purposes=tuple(sorted(purpose.value for purpose in rule.purposes)),
        events=sum(state.totals.get(kind, {}).values()),
        since=min((line.at for line in lines), default=None),
        lines=tuple(lines[:_MOST_LINES]),
        more=max(0, len(lines) - _MOST_LINES),
    )


def _lines(
    event: ExportedEvent, items: Mapping[str, ItemRecord], data: DataPolicy
) -> Iterator[tuple[DataType, OwnLineView]]:
    at_ms = event.occurred_at_ms
    match event:
        case events.Interaction():
            kind = DataType.INTERACTIONS
            worth = "" if event.value is None else f", {event.value:g}"
            text = f"You did “{event.action}{worth}” with {_named(event.item_id, items)}"
        case events.Preference():
            kind = DataType.PREFERENCES
            chosen, rejected = (_side(side, items) for side in (event.chosen, event.rejected))
            text = (
                f"You saw no difference between {chosen} and {rejected}"
                if event.strength == 0
                else f"You chose {chosen} over {rejected}"
            )
        case events.Document():
            kind = DataType.DOCUMENTS
            text = f"You wrote {_excerpt(event)}"
        case events.Attributes():
            for name, value in sorted(event.attributes.items()):
                yield (
                    DataType.ATTRIBUTES,
                    OwnLineView(
                        id=f"attributes/{name}",
                        text=f"You stated that {name} is {_spelled(value)}",
                        at=rfc3339(at_ms),
                        kept_until=_until(DataType.ATTRIBUTES, at_ms, data),
                        name=name,
                        value=value,
                    ),
                )
            return
        case events.Consent() | events.Removal():
            # Consents are shown with the kind of data; of what was removed nothing is left.
            return
        case _:
            assert_never(event)
    yield (
        kind,
        OwnLineView(
            id=f"{event.type}/{event.event_id}/{at_ms}",
            text=text,
            at=rfc3339(at_ms),
            kept_until=_until(kind, at_ms, data),
        ),
    )


def _until(kind: DataType, at_ms: int, data: DataPolicy) -> str | None:
    kept_ms = data.rule(kind).kept_ms
    return None if kept_ms is None else rfc3339(at_ms + kept_ms)


def _named(item_id: str, items: Mapping[str, ItemRecord]) -> str:
    item = items.get(item_id)
    return f"“{(item and title_of(item)) or item_id}”"


def _side(side: events.Choice, items: Mapping[str, ItemRecord]) -> str:
    """Of texts only a hash is kept."""
    return "a text" if side.item_id is None else _named(side.item_id, items)


def _excerpt(event: events.Document) -> str:
    whole = " ".join((event.title or event.text).split())
    if not whole:
        return "a text that is kept no longer"
    return f"“{whole[:_EXCERPT]}{'…' if len(whole) > _EXCERPT else ''}”"


def _spelled(value: events.Scalar) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _inferred(
    state: UserState, data: DataPolicy, profile: ProfileView
) -> Iterator[OwnInferenceView]:
    """Nothing of it was stated."""
    acts = (DataType.INTERACTIONS, DataType.PREFERENCES)
    present = [kind for kind in acts if len(state.entries(kind)) and kind in data.ranked]
    rests_on = tuple(sorted(kind.value for kind in present))
    for what, found in (("you like", profile.interests), ("you dislike", profile.dislikes)):
        if found:
            names = ", ".join(f"“{one.title or one.item_id}”" for one in found[:_MOST_INTERESTS])
            yield OwnInferenceView(what=what, text=names, rests_on=rests_on)
    if profile.persona is not None:
        labels = ", ".join(label.text for label in profile.persona.labels[:3])
        placed = tuple(sorted(kind.value for kind in present if kind in data.placed))
        yield OwnInferenceView(
            what="whom you resemble",
            text=f"a group of about {profile.persona.size} people"
            + (f" who like {labels}" if labels else ""),
            rests_on=placed,
        )
    if profile.declared:
        yield OwnInferenceView(
            what="which groups you belong to",
            text=", ".join(one.title for one in profile.declared),
            rests_on=(DataType.ATTRIBUTES.value,),
        )
    if DataType.PREFERENCES in present:
        yield OwnInferenceView(
            what="what you would choose",
            text="how much each of several things would be worth to you, as `score` answers it",
            rests_on=(DataType.PREFERENCES.value,),
        )


def _written(writing: TextProfile | None) -> Iterator[OwnInferenceView]:
    """What was read from their documents."""
    if writing is None:
        return
    told = {
        "which languages you write in": [
            f"{one.code} ({one.share:.0%})" for one in writing.languages
        ],
        "what you write about": [f"“{one.term}”" for one in writing.terms],
        "how long your texts are": [f"{writing.mean_words:.0f} words on average"],
    }
    for what, found in told.items():
        if found:
            yield OwnInferenceView(
                what=what, text=", ".join(found), rests_on=(DataType.DOCUMENTS.value,)
            )
