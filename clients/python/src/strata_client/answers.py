"""What the service answers. Generated from its OpenAPI document: do not edit.

Times are RFC 3339 in UTC. `None` means absent, never zero. Fields that a newer service adds are
ignored.
"""

import msgspec

__all__ = [
    "Absence",
    "Accepted",
    "Advantage",
    "AppliedNorm",
    "Choice",
    "Context",
    "ContextLine",
    "DeclaredMembership",
    "Erasure",
    "EventEvidence",
    "Evidence",
    "EvidenceByLayer",
    "Explanation",
    "FoundItem",
    "Interest",
    "ItemTrend",
    "Label",
    "Language",
    "Learned",
    "Membership",
    "Mine",
    "MovedBy",
    "MovedItem",
    "NamedItem",
    "Norm",
    "OwnInference",
    "OwnKind",
    "OwnLine",
    "PairScore",
    "Persona",
    "Personas",
    "PopularItem",
    "Problem",
    "ProblemField",
    "Profile",
    "Profiles",
    "RankedItem",
    "Ranking",
    "Readiness",
    "Reason",
    "RefusedEvent",
    "Retrieval",
    "RetrievedPassage",
    "Scores",
    "Side",
    "SignScore",
    "Silenced",
    "SilencedPersona",
    "SilencedReversal",
    "SimilarItem",
    "SimilarItems",
    "SimilarUser",
    "SimilarUsers",
    "Statistics",
    "StoreReadiness",
    "Term",
    "ValueCount",
    "Weights",
    "Writing",
]


class ProblemField(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with a request.

    Attributes:
        where: A path such as `body.limit`; `body.3` is the event at index 3.
        code: A fixed word for programs; null if only the message tells.
    """

    where: str
    message: str
    code: str | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Problem details (RFC 9457), media type `application/problem+json`.

    `type` is a URN that stays; `detail` is about this occurrence. `fields` are
    given when the request is at fault. `request_id` is that of the answer's
    header `X-Request-ID`, and stands in the service's log.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    fields: tuple[ProblemField, ...] = ()
    request_id: str | None = None


class StoreReadiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a store answers; `error` says how it failed."""

    ready: bool
    error: str | None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Whether every store answers.

    Attributes:
        ready: Whether questions can be answered.
        stores: By name; "kafka" too where events are taken, which `ready` does not depend on.
    """

    ready: bool
    stores: dict[str, StoreReadiness]


class ContextLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a context.

    Attributes:
        section: "stated", "inferred", "norms", "persona", "interests" or "passages".
        texts: As they stand in the context, quoted.
        source: Where it comes from; `source_id`, quoted, says which one.
    """

    section: str
    level: str
    says: str
    texts: str
    source: str
    source_id: str | None
    at: str | None


class Language(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is ISO 639-1; `share` is of the letters looked at."""

    code: str
    share: float


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A word that the user uses more than everybody; `score` is a z-score."""

    term: str
    score: float
    count: int


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """What a user writes about, in which language, and how much, of their newest passages."""

    documents: int
    passages: int
    words: int
    mean_words: float
    languages: tuple[Language, ...]
    terms: tuple[Term, ...]


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """A block of text about a user for a language model.

    Attributes:
        text: Empty if the budget has no room for anything.
        level: What the profile behind it rests on.
        tokens: Of `text`, as `tokenizer` counts; at most `token_budget`.
        left_out: Lines for which there was no room.
        withheld: Kinds of data that the data policy keeps from language models.
    """

    tenant: str
    user_id: str
    known: bool
    level: str
    template: str
    tokenizer: str
    token_budget: int
    tokens: int
    text: str
    lines: tuple[ContextLine, ...]
    left_out: int
    writing: Writing | None
    stale: bool
    stale_because: tuple[str, ...]
    withheld: tuple[str, ...] = ()


class Erasure(msgspec.Struct, frozen=True, kw_only=True):
    """The receipt of an erasure.

    It is `pending` until no store answers with anything of the user, `erased` from then on,
    and `complete` once the files of the stores have been written anew without it.

    Attributes:
        subject: Keyed hash of tenant and user, in hexadecimal: all by which the user is known
            from now on.
        requested_at: Everything of event times up to it is forgotten.
        before, after: Store → what it holds → how many, before the erasure and after it.
        log_until: Topic → when Kafka has deleted the last record about the user; null where
            the topic keeps its records for ever.
        versions: Other versions that are kept → how far each has come; `stage` is that of the one
            that is least far, and counts are of the first version.
    """

    id: str
    tenant: str
    stage: str
    subject: str
    requested_at: str
    erased_at: str | None
    rewritten_at: str | None
    before: dict[str, dict[str, int]] | None
    after: dict[str, dict[str, int]] | None
    log_until: dict[str, str | None]
    versions: dict[str, str] = {}


class RefusedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event that was not sent; nothing of it is kept.

    Attributes:
        index: Place in the request, from 0.
        code: "consent-missing".
    """

    index: int
    data_type: str
    code: str
    text: str


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """Events that Kafka has acknowledged: they will be folded, and nothing can lose them.

    Attributes:
        accepted: How many; at least 1, unless the others were refused.
        refused: Those that the data policy keeps out; publishing them again is of use only once
            their users have consented.
        token: Opaque; a read with `at_least=token` answers no older than these events.
    """

    accepted: int
    token: str
    refused: tuple[RefusedEvent, ...] = ()


class SimilarItem(msgspec.Struct, frozen=True, kw_only=True):
    """`score` is the dot product of the two item vectors."""

    item_id: str
    title: str | None
    score: float


class SimilarItems(msgspec.Struct, frozen=True, kw_only=True):
    """Nearest items first; none while the item itself is not described."""

    tenant: str
    item_id: str
    title: str | None
    described: bool
    items: tuple[SimilarItem, ...]


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """Something a persona likes more than everyone does; `score` is a z-score, > 0.

    `count` is how many positive entries of its members are behind it.
    """

    text: str
    score: float
    count: int


class PopularItem(msgspec.Struct, frozen=True, kw_only=True):
    """`score` is decayed popularity; the others count users' live entries of that sign."""

    item_id: str
    title: str | None
    score: float
    positive: int
    negative: int


class Advantage(msgspec.Struct, frozen=True, kw_only=True):
    """How much better a discovered persona predicts its members than the global layer does.

    Attributes:
        nats: Mean gain in log-likelihood per event, on members held out (cross-fitted).
        standard_error: Clustered by members; null below two of them.
        events: Predicted events behind it.
        abstains: The gain is not above zero at 5 %: the persona is left out of answers.
    """

    nats: float
    standard_error: float | None
    events: int
    abstains: bool


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """A persona as published, and what is popular in it.

    Attributes:
        advantage: Of a discovered one; null where there were too few users to find out.
        share: Of the users with a direction; of a declared persona, of all with any event.
        labels: Of a discovered one.
        title, description: Of a declared one; null for a discovered one.
    """

    tenant: str
    id: str
    size: int
    share: float
    labels: tuple[Label, ...]
    popular: tuple[PopularItem, ...]
    stale: bool
    stale_because: tuple[str, ...]
    title: str | None = None
    description: str | None = None
    advantage: Advantage | None = None


class Personas(msgspec.Struct, frozen=True, kw_only=True):
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
    version: int | None
    users: int
    silhouette: float | None
    minimum_size: int
    hidden: int
    personas: tuple[Persona, ...]
    stale: bool
    stale_because: tuple[str, ...]
    next_cursor: str | None = None
    declared: tuple[Persona, ...] = ()
    declared_hidden: int = 0
    sought_events: int = 0


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """The persona a user resembles. `share` is its part of all users with a direction."""

    id: str
    size: int
    share: float
    labels: tuple[Label, ...]


class Absence(msgspec.Struct, frozen=True, kw_only=True):
    """Why something is not there: a fixed word for programs, a sentence for people."""

    code: str
    text: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """How much is known of a user.

    `mass` is Σ |weight| · decay; `effective_sample_size` is how many equally
    weighted events that is worth (Kish); `events` counts all ever folded;
    `newest_at` is the event time of the newest one still kept.
    """

    mass: float
    effective_sample_size: float
    events: int
    newest_at: str | None


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """How much each layer weighs in an answer; they sum to 1 up to rounding of floats."""

    user: float
    persona: float
    global_: float = msgspec.field(name="global")


class Interest(msgspec.Struct, frozen=True, kw_only=True):
    """An item that a user's live entries are about.

    `worth` is Σ weight · decay over them; negative for a dislike. The rest is of
    the newest one.
    """

    item_id: str
    title: str | None
    worth: float
    action: str
    at: str
    data_type: str


class DeclaredMembership(msgspec.Struct, frozen=True, kw_only=True):
    """A declared persona that a user belongs to by what they stated.

    `share` is its part of all users with any event.
    """

    id: str
    title: str
    description: str
    size: int
    share: float


class Profile(msgspec.Struct, frozen=True, kw_only=True):
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
    level: str
    version: int
    persona: Membership | None
    persona_absent: Absence | None
    evidence: Evidence
    weights: Weights
    interests: tuple[Interest, ...]
    dislikes: tuple[Interest, ...]
    totals: dict[str, dict[str, int]]
    attributes: dict[str, str | int | float | bool]
    popular: tuple[PopularItem, ...]
    waiting: bool
    stale: bool
    stale_because: tuple[str, ...]
    as_of: str | None
    declared: tuple[DeclaredMembership, ...] = ()
    space: int = 0
    withheld: tuple[str, ...] = ()


class NamedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item; `title` is null while it has none."""

    item_id: str
    title: str | None


class EventEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """One event of the user that still counts, or waits to.

    Attributes:
        item: Null where it is about a text.
        weight: By the policy, signed; `worth` is what `decay` leaves of it.
        share: Of the whole mass, |worth| of all events that count.
        counts: False while its item is not described: it moves nothing yet.
    """

    item: NamedItem | None
    action: str
    at: str
    data_type: str
    weight: float
    decay: float
    worth: float
    share: float
    counts: bool


class MovedBy(msgspec.Struct, frozen=True, kw_only=True):
    """An event's part in how near an item is; `event` is its place in `events`, from 0."""

    event: int
    part: float


class MovedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item and the events that moved the user towards it, or away.

    `score` is the dot product of the user's direction and the item's vector: the parts of all
    events sum to it. `moved_by` are the largest, either way.
    """

    item_id: str
    title: str | None
    score: float
    moved_by: tuple[MovedBy, ...]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
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
    half_life_s: float
    half_rank: float
    policy_half_life_s: float
    policy_half_rank: float
    space: int
    persona: str | None
    evidence: Evidence
    weights: Weights
    events: tuple[EventEvidence, ...]
    items: tuple[MovedItem, ...]
    stale: bool
    stale_because: tuple[str, ...]
    withheld: tuple[str, ...] = ()


class Profiles(msgspec.Struct, frozen=True, kw_only=True):
    """In the order asked."""

    profiles: tuple[Profile, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A layer's part in an item's score.

    `share` is in (0, 1]; the shares of one item sum to 1. `because_item` is the
    liked item nearest to this one; only the user layer has it.
    """

    layer: str
    text: str
    share: float
    because_item: NamedItem | None


class RankedItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item in its place.

    `score` is in [0, 1]. By a learned model it is the chance that of all items left this
    is the one liked next; before there is one, 1 is an item that every layer in use puts
    first. It is null, and there are no reasons, for an item that only a norm put there.
    `norm` is "norm:ID" for an item that a norm put in its place.
    """

    item_id: str
    title: str | None
    score: float | None
    reasons: tuple[Reason, ...]
    norm: str | None = None


class AppliedNorm(msgspec.Struct, frozen=True, kw_only=True):
    """A norm that holds for the user.

    `removed` are the items that would have stood in the answer, and `added` those
    that stand in it by this norm; ids, best first.
    """

    id: str
    kind: str
    reason: str
    declared_by: str
    since: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


class EvidenceByLayer(msgspec.Struct, frozen=True, kw_only=True):
    """How many events each layer's part of an answer rests on."""

    user: float
    persona: float
    global_: float = msgspec.field(name="global")


class Learned(msgspec.Struct, frozen=True, kw_only=True):
    """The learned model that an answer was made by, one version from start to end.

    Attributes:
        version: Of the models.
        space: Of the item space they are in.
        uncertainty: Entropy of which item is next, as a part of the most there could be:
            1 where all are equally likely.
        persona_abstains: The user's personas are such as do not predict.
    """

    version: int
    space: int
    uncertainty: float
    effective_sample_size: EvidenceByLayer
    persona_abstains: bool


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Items for a user, best first. Fields as in `ProfileView`.

    Attributes:
        norms: Those that hold for the user, with what each did to the answer.
        learned: Null before anything was learned.
        withheld: Kinds of data that the data policy keeps from rankings.
    """

    tenant: str
    user_id: str
    known: bool
    level: str
    persona: Membership | None
    persona_absent: Absence | None
    evidence: Evidence
    weights: Weights
    exclude_seen: bool
    items: tuple[RankedItem, ...]
    stale: bool
    stale_because: tuple[str, ...]
    norms: tuple[AppliedNorm, ...] = ()
    learned: Learned | None = None
    withheld: tuple[str, ...] = ()


class RetrievedPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of one of the user's own documents, and how it was found.

    Attributes:
        at: Event time of the document's version.
        passage: Place in the document, from 0.
        start: First character of it in the document without its control characters.
        score: Fused rank, decayed with age; 1 for the first of both rankings.
        by_meaning, by_words: Rank in each ranking, from 1; null where it is not in it.
    """

    document_id: str
    title: str | None
    kind: str | None
    about: tuple[str, ...]
    at: str
    passage: int
    start: int
    text: str
    score: float
    by_meaning: int | None
    by_words: int | None
    level: str


class FoundItem(msgspec.Struct, frozen=True, kw_only=True):
    """An item whose description answers the query; `level` put it forward for this user."""

    item_id: str
    title: str | None
    text: str
    score: float
    level: str


class Retrieval(msgspec.Struct, frozen=True, kw_only=True):
    """What a user wrote that answers a query; else items, and why.

    Attributes:
        known: False if no event of this user was ever folded.
        level: `user` for passages, which are the user's own and nobody else's; else the layer
            that most of the items come from; null if nothing was found.
        searched: "meaning" and "words", or what of them could be.
        passages: In the order in which they were chosen.
        items: Only without passages; never anything that anybody wrote or did.
        fallback: What is offered in place of passages: "items", or "nothing" where none answers
            either; null where there are passages.
        absent: Why there are no passages.
        withheld: Kinds of data that the data policy keeps from language models.
    """

    tenant: str
    user_id: str
    known: bool
    level: str | None
    searched: tuple[str, ...]
    passages: tuple[RetrievedPassage, ...]
    items: tuple[FoundItem, ...]
    absent: Absence | None
    withheld: tuple[str, ...] = ()
    fallback: str | None = None


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What one level of evidence says of a choice.

    Attributes:
        log_odds: That the user is for the item, or prefers the first side; 0 is a tie.
        probability: The same as a chance.
        standard_error: Of `log_odds`.
        effective_sample_size: How many observations it rests on.
    """

    log_odds: float
    probability: float
    standard_error: float
    effective_sample_size: float


class SignScore(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the user is for an item: "global", "persona", "user" and "blend".

    Attributes:
        shares: Part of the blend's log-odds that each layer brings, summing to 1; all 0 where
            the log-odds are.
    """

    item_id: str
    levels: dict[str, Choice]
    shares: dict[str, float]


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison: an item, or a text."""

    item_id: str | None
    text: str | None


class PairScore(msgspec.Struct, frozen=True, kw_only=True):
    """Which of two the user prefers: towards `a`, by level.

    Attributes:
        shares: As of a signed choice.
    """

    a: Side
    b: Side
    levels: dict[str, Choice]
    shares: dict[str, float]


class Scores(msgspec.Struct, frozen=True, kw_only=True):
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
    version: int | None
    items: tuple[SignScore, ...]
    pairs: tuple[PairScore, ...]
    absent: Absence | None
    stale: bool
    stale_because: tuple[str, ...]
    withheld: tuple[str, ...] = ()


class ItemTrend(msgspec.Struct, frozen=True, kw_only=True):
    """An item rising: events in the window against the window before.

    `score` is the difference in standard deviations of a Poisson count; > 0.
    """

    item_id: str
    title: str | None
    score: float
    recent: int
    before: int


class ValueCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many users stated this value."""

    value: str | int | float | bool | None
    users: int


class Norm(msgspec.Struct, frozen=True, kw_only=True):
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
    since: str


class SilencedReversal(msgspec.Struct, frozen=True, kw_only=True):
    """A preference of a persona that is the opposite of everybody's.

    Margins are the share of acts that are for `item`, less one half, or less the share for
    `over`; `q_value` is the smallest false discovery rate at which it counts.
    """

    item: NamedItem
    over: NamedItem | None
    persona_margin: float
    overall_margin: float
    q_value: float


class SilencedPersona(msgspec.Struct, frozen=True, kw_only=True):
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
    size: int
    satisfaction: float
    protected: float
    ratio: float | None
    top: NamedItem | None
    top_reversed: bool
    silenced: bool
    reversed: int
    reversals: tuple[SilencedReversal, ...]


class Silenced(msgspec.Struct, frozen=True, kw_only=True):
    """Whom the average silences, by discovered persona; the worst satisfied first.

    Attributes:
        users: Members of the personas that were looked at.
        share: Part of them whose persona is silenced: the alarm.
        satisfaction: How it is measured: "approval" or "coverage".
        price: Mean loss of satisfaction per user if each persona had at least `floor` of the
            weight; `price_others` of the personas that this does not raise.
        gauges: The alarm and the price by the names that a metrics system would give them.
    """

    users: int
    share: float
    satisfaction: str
    fraction: float
    floor: float
    price: float
    price_others: float | None
    personas: tuple[SilencedPersona, ...]
    gauges: dict[str, float]


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
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
    users: int
    directed: int
    events: dict[str, dict[str, int]]
    popular: tuple[PopularItem, ...]
    trends: dict[str, tuple[ItemTrend, ...]]
    attributes: dict[str, tuple[ValueCount, ...]]
    as_of: str | None
    stale: bool
    stale_because: tuple[str, ...]
    norms: tuple[Norm, ...] = ()
    silenced: Silenced | None = None


class OwnLine(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that a person stated, wrote, did or chose, as it is kept.

    Attributes:
        id: Of the line: "attributes/NAME", or "TYPE/EVENT/TIME".
        text: In plain words.
        at: When it was stated or happened.
        kept_until: When it is forgotten of itself; null for as long as it is among the latest.
        name, value: Of an attribute, which can be stated anew; else null.
    """

    id: str
    text: str
    at: str
    kept_until: str | None
    name: str | None = None
    value: str | int | float | bool | None = None


class OwnKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of data, and what is kept of it.

    Attributes:
        consent: What the person said last: true for granted; null if they said nothing.
        consent_needed: "not-needed", "opt-out" or "opt-in", by the data policy.
        kept_days: How long it is kept by the policy; null for no limit but the latest entries.
        purposes: What may see it.
        events: Kept and counted, over all time.
        since: Of the oldest line; null without any.
        lines: Newest first.
        more: Lines that are kept and not listed.
    """

    data_type: str
    consent: bool | None
    consent_needed: str
    kept_days: float | None
    purposes: tuple[str, ...]
    events: int
    since: str | None
    lines: tuple[OwnLine, ...]
    more: int


class OwnInference(msgspec.Struct, frozen=True, kw_only=True):
    """Something nobody stated: it was worked out. `rests_on` are kinds of data.

    It cannot be removed by itself, only through what it rests on.
    """

    what: str
    text: str
    rests_on: tuple[str, ...]


class Mine(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a person, for that person to read.

    Attributes:
        known: False if nothing is kept.
        kinds: What they stated, wrote, did and chose.
        inferred: What was worked out from it.
    """

    tenant: str
    user_id: str
    known: bool
    kinds: tuple[OwnKind, ...]
    inferred: tuple[OwnInference, ...]


class SimilarUser(msgspec.Struct, frozen=True, kw_only=True):
    """`score` is a cosine. `persona` is null if there is none or it is hidden."""

    user_id: str
    score: float
    persona: str | None


class SimilarUsers(msgspec.Struct, frozen=True, kw_only=True):
    """Nearest users first; none while the user's evidence has no direction."""

    tenant: str
    user_id: str
    known: bool
    directed: bool
    users: tuple[SimilarUser, ...]
