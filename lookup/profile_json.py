"""What is known about one user, as the JSON that is sent. Pure.

`schemas.views.ProfileView` says what an answer looks like. It is not built on the way: half of a
lookup's time would go into a model of some forty parts that nobody but its encoder reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from pydantic import BaseModel

from lookup.footing import Footing
from lookup.presenting import as_of, by_data_type, evidence_view, title_of, weights_view
from profiles.ids import action_code
from profiles.policy import Policy
from profiles.ports import ItemRecord
from schemas.instants import rfc3339
from schemas.snapshots import CachedProfile, Interest, ItemCount
from schemas.views import (
    AbsenceView,
    AttributeScalar,
    DeclaredMembershipView,
    EvidenceView,
    MembershipView,
    WeightsView,
)

__all__ = ["Actions", "Asked", "ProfileAnswer", "profile_answer", "profiles_body"]


class _Interest(msgspec.Struct, frozen=True):
    """As `InterestView`."""

    item_id: str
    title: str | None
    worth: float
    action: str
    at: str
    data_type: str


class _Popular(msgspec.Struct, frozen=True):
    """As `PopularItemView`."""

    item_id: str
    title: str | None
    score: float
    positive: int
    negative: int


class _Profile(msgspec.Struct, frozen=True, kw_only=True):
    """As `ProfileView`, in its order."""

    tenant: str
    user_id: str
    known: bool
    level: str
    version: int
    persona: MembershipView | None
    persona_absent: AbsenceView | None
    evidence: EvidenceView
    weights: WeightsView
    interests: Sequence[_Interest]
    dislikes: Sequence[_Interest]
    totals: Mapping[str, Mapping[str, int]]
    attributes: Mapping[str, AttributeScalar]
    popular: Sequence[_Popular]
    waiting: bool
    stale: bool
    stale_because: Sequence[str]
    as_of: str | None
    declared: Sequence[DeclaredMembershipView]
    space: int
    withheld: Sequence[str]


def _encoded(view: object) -> msgspec.Raw:
    if isinstance(view, BaseModel):
        return msgspec.Raw(view.model_dump_json().encode())
    raise NotImplementedError


_encoder: Final = msgspec.json.Encoder(enc_hook=_encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who a question was about."""

    tenant: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAnswer:
    """An answer, and what is counted of it.

    Attributes:
        body: JSON of a `ProfileView`.
    """

    body: bytes
    weights: WeightsView
    stale: bool


class Actions:
    """Names of action codes: the policy's, else a user's own, else "other"."""

    def __init__(self, policy: Policy) -> None:
        self._known = {action_code(action): action for action in policy.actions}

    def name(self, code: int, profile: CachedProfile) -> str:
        known = self._known.get(code)
        if known is not None:
            return known
        # A user's totals name actions that the policy does not.
        own = (name.partition("/")[2] for name in profile.totals)
        return next((action for action in own if action_code(action) == code), "other")


def profile_answer(
    asked: Asked,
    profile: CachedProfile | None,
    footing: Footing,
    items: Mapping[int, ItemRecord],
    popular: Sequence[ItemCount],
    *,
    declared: Sequence[DeclaredMembershipView],
    stale_because: Sequence[str],
    actions: Actions,
    withheld: Sequence[str],
) -> ProfileAnswer:
    """What is known about one user.

    Args:
        profile: None for an unknown user.
        items: Those that exist, by key; what is not there cannot be named and is left out.
        withheld: Kinds of data that it was made without.
    """
    likes: list[_Interest] = []
    dislikes: list[_Interest] = []
    if profile is not None:
        for interest in sorted(profile.interests, key=_strength):
            item = items.get(interest.item)
            if item is not None and interest.worth:
                (likes if interest.worth > 0 else dislikes).append(
                    _Interest(
                        item.item_id,
                        title_of(item),
                        interest.worth,
                        actions.name(interest.action, profile),
                        rfc3339(interest.time_ms),
                        interest.kind,
                    )
                )
    weights = weights_view(footing.weights)
    body = _encoder.encode(
        _Profile(
            tenant=asked.tenant,
            user_id=asked.user_id,
            known=profile is not None,
            level=footing.weights.leading,
            version=0 if profile is None else profile.version,
            persona=footing.membership,
            persona_absent=footing.absent,
            evidence=evidence_view(profile),
            weights=weights,
            interests=likes,
            dislikes=dislikes,
            totals={} if profile is None else by_data_type(profile.totals),
            attributes={} if profile is None else profile.attributes,
            popular=[
                _Popular(item.item_id, title_of(item), count.score, count.positive, count.negative)
                for count in popular
                if (item := items.get(count.item)) is not None
            ],
            waiting=profile is not None and profile.waiting,
            stale=bool(stale_because),
            stale_because=stale_because,
            as_of=as_of(profile, footing.shown),
            declared=declared,
            space=0 if profile is None else profile.space,
            withheld=withheld,
        )
    )
    return ProfileAnswer(body=body, weights=weights, stale=bool(stale_because))


def profiles_body(answers: Iterable[ProfileAnswer]) -> bytes:
    """JSON of a `ProfilesView`."""
    return b'{"profiles":[%b]}' % b",".join(answer.body for answer in answers)


def _strength(interest: Interest) -> float:
    return -abs(interest.worth)
