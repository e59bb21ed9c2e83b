"""What the read side answers: HTTP responses and what `strata … --json` prints.

Times are RFC 3339 in UTC with milliseconds. `null` means absent, never zero.
`stale` says that something newer may exist, and `stale_because` what it is.
"""

from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

__all__ = [
    "AbsenceView",
    "AcceptedView",
    "AdvantageView",
    "AppliedNormView",
    "ChoiceView",
    "DeclaredMembershipView",
    "EvidenceByLayerView",
    "EvidenceView",
    "InterestView",
    "ItemTrendView",
    "LabelView",
    "Layer",
    "LearnedView",
    "MembershipView",
    "NamedItemView",
    "NormView",
    "PairScoreView",
    "PersonaView",
    "PersonasView",
    "PopularItemView",
    "Problem",
    "ProblemField",
    "ProfileView",
    "ProfilesView",
    "RankedItemView",
    "RankingView",
    "ReadinessView",
    "ReasonView",
    "ScoresView",
    "SideView",
    "SignScoreView",
    "SilencedPersonaView",
    "SilencedReversalView",
    "SilencedView",
    "SimilarItemView",
    "SimilarItemsView",
    "SimilarUserView",
    "SimilarUsersView",
    "StatisticsView",
    "StoreReadinessView",
    "ValueCountView",
    "WeightsView",
]

Instant: TypeAlias = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Count: TypeAlias = Annotated[int, Field(ge=0)]
Fraction: TypeAlias = Annotated[FiniteFloat, Field(ge=0.0, le=1.0)]
AttributeScalar: TypeAlias = str | int | float | bool


class Layer(StrEnum):
    """What is known of one user, of the persona they resemble, of everybody.

    From the most particular to the most general.
    """

    USER = "user"
    PERSONA = "persona"
    GLOBAL = "global"


class _View(BaseModel):
    # Unknown fields are let through, so that a newer server does not break an older reader.
    model_config = ConfigDict(frozen=True, validate_by_name=True, serialize_by_alias=True)


class NamedItemView(_View):
    """An item; `title` is null while it has none."""

    item_id: str
    title: str | None


class PopularItemView(NamedItemView):
    """`score` is decayed popularity; the others count users' live entries of that sign."""

    score: FiniteFloat
    positive: Count
    negative: Count


class ItemTrendView(NamedItemView):
    """An item rising: events in the window against the window before.

    `score` is the difference in standard deviations of a Poisson count; > 0.
    """

    score: FiniteFloat
    recent: Count
    before: Count


class WeightsView(_View):
    """How much each layer weighs in an answer; they sum to 1 up to rounding of floats."""

    user: Fraction
    persona: Fraction
    global_: Annotated[Fraction, Field(alias="global")]


class EvidenceView(_View):
    """How much is known of a user.

    `mass` is Σ |weight| · decay; `effective_sample_size` is how many equally
    weighted events that is worth (Kish); `events` counts all ever folded;
    `newest_at` is the event time of the newest one still kept.
    """

    mass: Annotated[FiniteFloat, Field(ge=0.0)]
    effective_sample_size: Annotated[FiniteFloat, Field(ge=0.0)]
    events: Count
    newest_at: Instant | None


class InterestView(NamedItemView):
    """An item that a user's live entries are about.

    `worth` is Σ weight · decay over them; negative for a dislike. The rest is of
    the newest one.
    """

    worth: FiniteFloat
    action: str
    at: Instant
    data_type: str


class LabelView(_View):
    """Something a persona likes more than everyone does; `score` is a z-score, > 0.

    `count` is how many positive entries of its members are behind it.
    """

    text: str
    score: FiniteFloat
    count: Count


class MembershipView(_View):
    """The persona a user resembles. `share` is its part of all users with a direction."""

    id: str
    size: Count
    share: Fraction
    labels: tuple[LabelView, ...]


class DeclaredMembershipView(_View):
    """A declared persona that a user belongs to by what they stated.

    `share` is its part of all users with any event.
    """

    id: str
    title: str
    description: str
    size: Count
    share: Fraction


class AbsenceView(_View):
    """Why something is not there: a fixed word for programs, a sentence for people."""

    code: str
    text: str


class ProfileView(_View):
    """What is known about a user, and how sure that is.

    Attributes:
        known: False if no event of this user was ever folded.
        level: The layer with the largest weight: what the answer rests on.
        version: Of the user's state; 0 if unknown.
        persona: Null for the reason given in `persona_absent`.
        declared: Declared personas of the user, in the order of their file; those
            that are too small to be shown are left out.
        interests: Strongest likes first, at most 32 together with `dislikes`.
        dislikes: Strongest first.
        totals: Data type → action → events ever.
        attributes: What the user stated.
        popular: What is popular in the layer above: the persona if one is named, else everybody.
        waiting: Some event is about an item that is not described yet.
        space: Version of the item space that the user stands in; 0 before any was learned.
        withheld: Kinds of data that the data policy keeps from profiles.
        as_of: Arrival of the newest record folded in; for a user without one,
            the event time that the statistics end at. Null if neither is known.
    """

    tenant: str
    user_id: str
    known: bool
    level: Layer
    version: Count
    persona: MembershipView | None
    persona_absent: AbsenceView | None
    evidence: EvidenceView
    weights: WeightsView
    interests: tuple[InterestView, ...]
    dislikes: tuple[InterestView, ...]
    totals: dict[str, dict[str, int]]
    attributes: dict[str, AttributeScalar]
    popular: tuple[PopularItemView, ...]
    waiting: bool
    stale: bool
    stale_because: tuple[str, ...]
    as_of: Instant | None
    declared: tuple[DeclaredMembershipView, ...] = ()
    space: Count = 0
    withheld: tuple[str, ...] = ()


class ProfilesView(_View):
    """In the order asked."""

    profiles: tuple[ProfileView, ...]


class ReasonView(_View):
    """A layer's part in an item's score.

    `share` is in (0, 1]; the shares of one item sum to 1. `because_item` is the
    liked item nearest to this one; only the user layer has it.
    """

    layer: Layer
    text: str
    share: Fraction
    because_item: NamedItemView | None


class NormView(_View):
    """A rule of people that wins over what is learned.

    Attributes:
        kind: "never", "only" or "always".
        reason: For the people it holds for.
        declared_by, since: Where it comes from.
    """

    id: str
    kind: str
    reason: str
    declared_by: str
    since: Annotated[str, Field(json_schema_extra={"format": "date"})]


class AppliedNormView(NormView):
    """A norm that holds for the user.

    `removed` are the items that would have stood in the answer, and `added` those
    that stand in it by this norm; ids, best first.
    """

    removed: tuple[str, ...]
    added: tuple[str, ...]


class RankedItemView(NamedItemView):
    """An item in its place.

    `score` is in [0, 1]. By a learned model it is the chance that of all items left this
    is the one liked next; before there is one, 1 is an item that every layer in use puts
    first. It is null, and there are no reasons, for an item that only a norm put there.
    `norm` is "norm:ID" for an item that a norm put in its place.
    """

    score: Fraction | None
    reasons: tuple[ReasonView, ...]
    norm: str | None = None


class EvidenceByLayerView(_View):
    """How many events each layer's part of an answer rests on."""

    user: Annotated[FiniteFloat, Field(ge=0.0)]
    persona: Annotated[FiniteFloat, Field(ge=0.0)]
    global_: Annotated[FiniteFloat, Field(ge=0.0, alias="global")]


class LearnedView(_View):
    """The learned model that an answer was made by, one version from start to end.

    Attributes:
        version: Of the models.
        space: Of the item space they are in.
        uncertainty: Entropy of which item is next, as a part of the most there could be:
            1 where all are equally likely.
        persona_abstains: The user's personas are such as do not predict.
    """

    version: Count
    space: Count
    uncertainty: Fraction
    effective_sample_size: EvidenceByLayerView
    persona_abstains: bool


class RankingView(_View):
    """Items for a user, best first. Fields as in `ProfileView`.

    Attributes:
        norms: Those that hold for the user, with what each did to the answer.
        learned: Null before anything was learned.
        withheld: Kinds of data that the data policy keeps from rankings.
    """

    tenant: str
    user_id: str
    known: bool
    level: Layer
    persona: MembershipView | None
    persona_absent: AbsenceView | None
    evidence: EvidenceView
    weights: WeightsView
    exclude_seen: bool
    items: tuple[RankedItemView, ...]
    stale: bool
    stale_because: tuple[str, ...]
    norms: tuple[AppliedNormView, ...] = ()
    learned: LearnedView | None = None
    withheld: tuple[str, ...] = ()


class ChoiceView(_View):
    """What one level of evidence says of a choice.

    Attributes:
        log_odds: That the user is for the item, or prefers the first side; 0 is a tie.
        probability: The same as a chance.
        standard_error: Of `log_odds`.
        effective_sample_size: How many observations it rests on.
    """

    log_odds: FiniteFloat
    probability: Fraction
    standard_error: Annotated[FiniteFloat, Field(ge=0.0)]
    effective_sample_size: Annotated[FiniteFloat, Field(ge=0.0)]


class SignScoreView(_View):
    """Whether the user is for an item: "global", "persona", "user" and "blend".

    Attributes:
        shares: Part of the blend's log-odds that each layer brings, summing to 1; all 0 where
            the log-odds are.
    """

    item_id: str
    levels: dict[str, ChoiceView]
    shares: dict[str, Fraction]


class SideView(_View):
    """One side of a comparison: an item, or a text."""

    item_id: str | None
    text: str | None


class PairScoreView(_View):
    """Which of two the user prefers: towards `a`, by level.

    Attributes:
        shares: As of a signed choice.
    """

    a: SideView
    b: SideView
    levels: dict[str, ChoiceView]
    shares: dict[str, Fraction]


class ScoresView(_View):
    """Signed choices and comparisons, each in the order asked, by one version of the models.

    Attributes:
        known: False if no event of this user was ever folded.
        version: Of the models.
        absent: Why there are no scores; null if there are.
        withheld: Kinds of data that the data policy keeps from scores.
    """

    tenant: str
    user_id: str
    known: bool
    version: Count | None
    items: tuple[SignScoreView, ...]
    pairs: tuple[PairScoreView, ...]
    absent: AbsenceView | None
    stale: bool
    stale_because: tuple[str, ...]
    withheld: tuple[str, ...] = ()


class AdvantageView(_View):
    """How much better a discovered persona predicts its members than the global layer does.

    Attributes:
        nats: Mean gain in log-likelihood per event, on members held out (cross-fitted).
        standard_error: Clustered by members; null below two of them.
        events: Predicted events behind it.
        abstains: The gain is not above zero at 5 %: the persona is left out of answers.
    """

    nats: FiniteFloat
    standard_error: Annotated[FiniteFloat, Field(ge=0.0)] | None
    events: Count
    abstains: bool


class PersonaView(_View):
    """A persona as published, and what is popular in it.

    Attributes:
        advantage: Of a discovered one; null where there were too few users to find out.
        share: Of the users with a direction; of a declared persona, of all with any event.
        labels: Of a discovered one.
        title, description: Of a declared one; null for a discovered one.
    """

    tenant: str
    id: str
    size: Count
    share: Fraction
    labels: tuple[LabelView, ...]
    popular: tuple[PopularItemView, ...]
    stale: bool
    stale_because: tuple[str, ...]
    title: str | None = None
    description: str | None = None
    advantage: AdvantageView | None = None


class PersonasView(_View):
    """The tenant's discovered personas, largest first, and the declared ones.

    Attributes:
        version: Of the published set; null if none was published yet.
        users: Users with a direction when it was published.
        sought_events: Events of users that were counted when personas were last sought.
        hidden: Personas not listed because they have fewer than `minimum_size` members.
        declared: In the order of their file, as far as they are large enough.
        declared_hidden: Those that are not.
        silhouette: How well apart the personas lie, in [-1, 1]; null without a set.
        next_cursor: Asks for the personas after these; null if there are none.
    """

    tenant: str
    version: Count | None
    users: Count
    silhouette: FiniteFloat | None
    minimum_size: Count
    hidden: Count
    personas: tuple[PersonaView, ...]
    stale: bool
    stale_because: tuple[str, ...]
    next_cursor: str | None = None
    declared: tuple[PersonaView, ...] = ()
    declared_hidden: Count = 0
    sought_events: Count = 0


class ValueCountView(_View):
    """How many users stated this value."""

    value: AttributeScalar | None
    users: Count


class SilencedReversalView(_View):
    """A preference of a persona that is the opposite of everybody's.

    Margins are the share of acts that are for `item`, less one half, or less the share for
    `over`; `q_value` is the smallest false discovery rate at which it counts.
    """

    item: NamedItemView
    over: NamedItemView | None
    persona_margin: Annotated[FiniteFloat, Field(ge=-1.0, le=1.0)]
    overall_margin: Annotated[FiniteFloat, Field(ge=-1.0, le=1.0)]
    q_value: Fraction


class SilencedPersonaView(_View):
    """How a persona fares under what is best for everybody on average.

    Attributes:
        satisfaction: With the list that is best on average.
        protected: With the list that gives every persona at least the floor of the weight.
        ratio: `satisfaction` over the largest persona's; null where that is 0.
        top: What it prefers most; null without enough acts on anything.
        top_reversed: Everybody's preference is opposite to its own about `top`.
        silenced: That, or `ratio` under the fraction.
        reversed: All its preferences that the average turns round; the surest are `reversals`.
    """

    persona: str
    size: Count
    satisfaction: Annotated[FiniteFloat, Field(ge=0.0)]
    protected: Annotated[FiniteFloat, Field(ge=0.0)]
    ratio: Annotated[FiniteFloat, Field(ge=0.0)] | None
    top: NamedItemView | None
    top_reversed: bool
    silenced: bool
    reversed: Count
    reversals: tuple[SilencedReversalView, ...]


class SilencedView(_View):
    """Whom the average silences, by discovered persona; the worst satisfied first.

    Attributes:
        users: Members of the personas that were looked at.
        share: Part of them whose persona is silenced: the alarm.
        satisfaction: How it is measured: "approval" or "coverage".
        price: Mean loss of satisfaction per user if each persona had at least `floor` of the
            weight; `price_others` of the personas that this does not raise.
        gauges: The alarm and the price by the names that a metrics system would give them.
    """

    users: Count
    share: Fraction
    satisfaction: str
    fraction: Fraction
    floor: Fraction
    price: FiniteFloat
    price_others: FiniteFloat | None
    personas: tuple[SilencedPersonaView, ...]
    gauges: dict[str, FiniteFloat]


class StatisticsView(_View):
    """Statistics of everybody, or of one persona.

    Attributes:
        persona: Whose statistics; null for everybody's.
        published: False while none have been published: all else is then empty.
        users: Users with any event.
        directed: Users whose evidence has a direction.
        events: Data type → action → events ever.
        popular: Highest decayed popularity first.
        trends: Window ("1h", "24h", "7d") → items rising most in it.
        attributes: Name → most frequent values.
        as_of: Event time that windows and decay end at.
        norms: In force for everybody or some, in the order of their file; none with a persona.
        silenced: Null for a persona's, and while there are fewer than two personas of some size.
    """

    tenant: str
    persona: str | None
    published: bool
    users: Count
    directed: Count
    events: dict[str, dict[str, int]]
    popular: tuple[PopularItemView, ...]
    trends: dict[str, tuple[ItemTrendView, ...]]
    attributes: dict[str, tuple[ValueCountView, ...]]
    as_of: Instant | None
    stale: bool
    stale_because: tuple[str, ...]
    norms: tuple[NormView, ...] = ()
    silenced: SilencedView | None = None


class SimilarItemView(NamedItemView):
    """`score` is the dot product of the two item vectors."""

    score: FiniteFloat


class SimilarItemsView(_View):
    """Nearest items first; none while the item itself is not described."""

    tenant: str
    item_id: str
    title: str | None
    described: bool
    items: tuple[SimilarItemView, ...]


class SimilarUserView(_View):
    """`score` is a cosine. `persona` is null if there is none or it is hidden."""

    user_id: str
    score: FiniteFloat
    persona: str | None


class SimilarUsersView(_View):
    """Nearest users first; none while the user's evidence has no direction."""

    tenant: str
    user_id: str
    known: bool
    directed: bool
    users: tuple[SimilarUserView, ...]


class StoreReadinessView(_View):
    """Whether a store answers; `error` says how it failed."""

    ready: bool
    error: str | None


class ReadinessView(_View):
    """Whether every store answers.

    Attributes:
        ready: Whether questions can be answered.
        stores: By name; "kafka" too where events are taken, which `ready` does not depend on.
    """

    ready: bool
    stores: dict[str, StoreReadinessView]


class RefusedEventView(_View):
    """An event that was not sent; nothing of it is kept.

    Attributes:
        index: Place in the request, from 0.
        code: "consent-missing".
    """

    index: Count
    data_type: str
    code: str
    text: str


class AcceptedView(_View):
    """Events that Kafka has acknowledged: they will be folded, and nothing can lose them.

    Attributes:
        accepted: How many; at least 1, unless the others were refused.
        refused: Those that the data policy keeps out; publishing them again is of use only once
            their users have consented.
        token: Opaque; a read with `at_least=token` answers no older than these events.
    """

    accepted: Count
    token: str
    refused: tuple[RefusedEventView, ...] = ()


class ProblemField(_View):
    """One thing wrong with a request.

    Attributes:
        where: A path such as `body.limit`; `body.3` is the event at index 3.
        code: A fixed word for programs; null if only the message tells.
    """

    where: str
    message: str
    code: str | None = None


class Problem(_View):
    """Problem details (RFC 9457), media type `application/problem+json`.

    `type` is a URN that stays; `detail` is about this occurrence. `fields` are
    given when the request is at fault. `request_id` is that of the answer's
    header `X-Request-ID`, and stands in the service's log.
    """

    type: str
    title: str
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str
    instance: str
    fields: tuple[ProblemField, ...] = ()
    request_id: str | None = None
