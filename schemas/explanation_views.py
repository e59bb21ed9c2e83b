"""What the read side answers to "why?": a user's evidence, and what each event moved.

As in `schemas.views`: times are RFC 3339 in UTC, `null` means absent.
"""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from schemas.views import EvidenceView, NamedItemView, WeightsView

__all__ = ["EventEvidenceView", "ExplanationView", "MovedByView", "MovedItemView"]

_Instant: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
_Count: TypeAlias = Annotated[int, Field(ge=0)]
_Fraction: TypeAlias = Annotated[FiniteFloat, Field(ge=0.0, le=1.0)]
_Positive: TypeAlias = Annotated[FiniteFloat, Field(gt=0.0)]


class _View(BaseModel):
    # As in `schemas.views`: unknown fields are let through for older readers.
    model_config = ConfigDict(frozen=True)


class EventEvidenceView(_View):
    """One event of the user that still counts, or waits to.

    Attributes:
        item: Null where it is about a text.
        weight: By the policy, signed; `worth` is what `decay` leaves of it.
        share: Of the whole mass, |worth| of all events that count.
        counts: False while its item is not described: it moves nothing yet.
    """

    item: NamedItemView | None
    action: str
    at: _Instant
    data_type: str
    weight: FiniteFloat
    decay: _Fraction
    worth: FiniteFloat
    share: _Fraction
    counts: bool


class MovedByView(_View):
    """An event's part in how near an item is; `event` is its place in `events`, from 0."""

    event: _Count
    part: FiniteFloat


class MovedItemView(NamedItemView):
    """An item and the events that moved the user towards it, or away.

    `score` is the dot product of the user's direction and the item's vector: the parts of all
    events sum to it. `moved_by` are the largest, either way.
    """

    score: FiniteFloat
    moved_by: tuple[MovedByView, ...]


class ExplanationView(_View):
    """A user's own layer taken apart, as it is or as it would be with other half-lives.

    Attributes:
        half_life_s, half_rank: What the answer was computed with: seconds, and later events, in
            which evidence halves. `policy_half_life_s` and `policy_half_rank` are in force.
        space: Version of the item space it was computed in; 0 for that of item texts.
        persona: Nearest to this direction of those that are shown; null without one.
        weights: By this evidence alone; a learned model weighs in more.
        events: Newest first. What was superseded or has been forgotten is not there.
        items: Nearest first, of those the user has had nothing to do with.
        withheld: Kinds of data that the data policy keeps from explanations.
    """

    tenant: str
    user_id: str
    known: bool
    half_life_s: _Positive
    half_rank: _Positive
    policy_half_life_s: _Positive
    policy_half_rank: _Positive
    space: _Count
    persona: str | None
    evidence: EvidenceView
    weights: WeightsView
    events: tuple[EventEvidenceView, ...]
    items: tuple[MovedItemView, ...]
    stale: bool
    stale_because: tuple[str, ...]
    withheld: tuple[str, ...] = ()
