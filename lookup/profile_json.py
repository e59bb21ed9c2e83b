"""What is known about one user, as the JSON that is sent. Pure.

`schemas.views.ProfileView` says what an answer looks like. It is not built on the way: half of a
lookup's time would go into a model of some forty parts that nobody but its encoder reads. Nor is
the JSON made in one piece: what is said of the user alone and what stands above them change at
different times, and each is made when it does.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from lookup.items import ItemsRead, Name
from lookup.layers import UNNAMED, Layer
from lookup.presenting import by_data_type, title_of
from lookup.view_json import encoded, members
from profiles.ids import action_code
from profiles.policy import Policy
from profiles.ranking import Shrinkage, layer_weights
from schemas.instants import rfc3339
from schemas.snapshots import CachedProfile, Interest
from schemas.views import AttributeScalar

__all__ = [
    "Actions",
    "Asked",
    "Own",
    "ProfileAnswer",
    "own_part",
    "profile_answer",
    "profiles_body",
]


class _Interest(msgspec.Struct, frozen=True):
    """As `InterestView`."""

    item_id: str
    title: str | None
    worth: float
    action: str
    at: str
    data_type: str


class _Evidence(msgspec.Struct, frozen=True):
    """As `EvidenceView`."""

    mass: float
    effective_sample_size: float
    events: int
    newest_at: str | None


class _Weights(msgspec.Struct, frozen=True, rename={"global_": "global"}):
    """As `WeightsView`."""

    user: float
    persona: float
    global_: float


class _Who(msgspec.Struct, frozen=True):
    tenant: str
    user_id: str
    known: bool


class _Evident(msgspec.Struct, frozen=True):
    evidence: _Evidence


class _Learned(msgspec.Struct, frozen=True):
    interests: Sequence[_Interest]
    dislikes: Sequence[_Interest]
    totals: Mapping[str, Mapping[str, int]]
    attributes: Mapping[str, AttributeScalar]


class _Staleness(msgspec.Struct, frozen=True):
    stale: bool
    stale_because: Sequence[str]


class _End(msgspec.Struct, frozen=True):
    space: int
    withheld: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who a question was about."""

    tenant: str
    user_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What an answer says of the user alone.

    Attributes:
        known, version, evidence, learned, waiting, end: Members of the answer, in its order.
        as_of: The member's value; None where the layer above says it.
        effective_sample_size: Of evidence that points somewhere, else 0.
        items, names: The items that it is about, by key, and how they are named in it.
        named_until_s: Until then every one has the name that it has here.
    """

    known: bytes
    version: int
    evidence: bytes
    learned: bytes
    waiting: bool
    as_of: bytes | None
    end: bytes
    effective_sample_size: float
    stale_because: tuple[str, ...]
    items: Sequence[int]
    names: Sequence[Name | None]
    named_until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileAnswer:
    """An answer, and what is counted of it.

    Attributes:
        body: JSON of a `ProfileView`.
    """

    body: bytes
    weights: _Weights
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


def own_part(
    asked: Asked,
    profile: CachedProfile | None,
    items: ItemsRead,
    *,
    actions: Actions,
    withheld: Sequence[str],
) -> Own:
    """What is said of one user whatever is said of others.

    Args:
        profile: None for an unknown user.
        items: Those of their interests; what is not there cannot be named and is left out.
        withheld: Kinds of data that it was made without.
    """
    stale_because = () if items.trouble is None else (UNNAMED,)
    who = members(_Who(asked.tenant, asked.user_id, profile is not None))
    if profile is None:
        return Own(
            known=who,
            version=0,
            evidence=members(_Evident(_Evidence(0.0, 0.0, 0, None))),
            learned=members(_Learned((), (), {}, {})),
            waiting=False,
            as_of=None,
            end=members(_End(0, withheld)),
            effective_sample_size=0.0,
            stale_because=stale_because,
            items=(),
            names=(),
            named_until_s=items.named_until_s,
        )
    keys = [interest.item for interest in profile.interests]
    likes: list[_Interest] = []
    dislikes: list[_Interest] = []
    for interest in sorted(profile.interests, key=_strength):
        item = items.by_key.get(interest.item)
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
    evidence = _Evidence(
        profile.mass,
        profile.effective_sample_size,
        sum(profile.totals.values()),
        None if profile.newest_ms is None else rfc3339(profile.newest_ms),
    )
    return Own(
        known=who,
        version=profile.version,
        evidence=members(_Evident(evidence)),
        learned=members(
            _Learned(likes, dislikes, by_data_type(profile.totals), profile.attributes)
        ),
        waiting=profile.waiting,
        # Zero: computed from the state, which does not keep when records arrived.
        as_of=encoded(rfc3339(profile.written_ms) if profile.written_ms else None),
        end=members(_End(profile.space, withheld)),
        effective_sample_size=profile.effective_sample_size if profile.directed else 0.0,
        stale_because=stale_because,
        items=keys,
        names=items.names(keys),
        named_until_s=items.named_until_s,
    )


def profile_answer(own: Own, layer: Layer, shrinkage: Shrinkage) -> ProfileAnswer:
    """What is known about one user, under what stands above them."""
    weights = layer_weights(
        effective_sample_size=own.effective_sample_size,
        persona_size=layer.persona_size,
        shrinkage=shrinkage,
    )
    weighed = _Weights(weights.user, weights.persona, weights.everybody)
    because = tuple(dict.fromkeys((*layer.stale_because, *own.stale_because)))
    body = (
        b'{%b,"level":"%b","version":%d,%b,%b,"weights":%b,%b,"popular":%b,"waiting":%b,%b,'
        b'"as_of":%b,"declared":%b,%b}'
    ) % (
        own.known,
        weights.leading.encode(),
        own.version,
        layer.membership,
        own.evidence,
        encoded(weighed),
        own.learned,
        layer.popular,
        b"true" if own.waiting else b"false",
        members(_Staleness(bool(because), because)) if because else _FRESH,
        encoded(layer.as_of) if own.as_of is None else own.as_of,
        layer.declared,
        own.end,
    )
    return ProfileAnswer(body=body, weights=weighed, stale=bool(because))


_FRESH = members(_Staleness(stale=False, stale_because=()))


def profiles_body(answers: Iterable[ProfileAnswer]) -> bytes:
    """JSON of a `ProfilesView`."""
    return b'{"profiles":[%b]}' % b",".join([answer.body for answer in answers])


def _strength(interest: Interest) -> float:
    return -abs(interest.worth)
