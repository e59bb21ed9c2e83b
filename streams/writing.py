"""What one flush writes of its users: records, cached views and updates. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from profiles.catalogue import ItemCatalogue
from profiles.contributions import (
    UserView,
    change,
    fixed_point,
    pairs_counted,
    view_of,
    views_of,
    whole_user,
)
from profiles.declared import DeclaredPersonas
from profiles.evidence import evidence_of
from profiles.personas import Centroids
from profiles.policy import Policy
from profiles.ports import Token, UserRecord
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.erasure import Asked
from profiles.privacy.permitting import counted, permitted
from profiles.projection import Projection, project, project_all
from profiles.state import UserState, decode_state, encode_state
from profiles.viewing import cached_view, strongest
from schemas.snapshots import CachedProfile, Interest
from schemas.updates import ProfileUpdate, encode_update, scopes_of

__all__ = ["Held", "Write", "hold", "is_current", "prepare"]


@dataclass(slots=True)
class Held:
    """A user in memory: what is stored, and what has been folded since.

    Attributes:
        record: As last read or written.
        claimed: Token under which it was claimed, and may be written.
        view: Of `record`: what aggregates know once its update has arrived.
        state: `record`'s state with later events folded in.
        watermark_ms: Newest of the event times folded, none after its arrival.
        received_ms: Broker time of the newest record folded.
        erasures: Folded since.
    """

    record: UserRecord
    claimed: Token
    view: UserView
    state: UserState
    watermark_ms: int = 0
    received_ms: int = 0
    erasures: list[Asked] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Write:
    """One user's write in the making; `update` is also the record's outbox."""

    held: Held
    record: UserRecord
    view: UserView
    state: UserState
    cached: CachedProfile
    update: bytes


def hold(
    record: UserRecord,
    *,
    claimed: Token | None = None,
    data_policy: DataPolicy = ANYTHING_GOES,
) -> Held:
    """A stored user, ready to fold into.

    Args:
        claimed: Token of the claim that returned it; the record's own, if it was only read.
        data_policy: Says what of it aggregates know.

    Raises:
        StateFormatError: the stored bytes are not a state that this code reads.
    """
    state = decode_state(record.state)
    known = counted(state, data_policy.counted)
    view = view_of(known, fixed_point(record.vector), record.space)
    return Held(record, record.token if claimed is None else claimed, view, state)


def is_current(
    held: Held,
    catalogue: ItemCatalogue,
    centroids: Centroids,
    policy: Policy,
    data_policy: DataPolicy = ANYTHING_GOES,
) -> bool:
    """Whether what is stored of the projection, and the persona, are what they would be now."""
    found = project(permitted(held.state, data_policy.placed), catalogue, policy)
    (persona,) = centroids.assign(found.vector[None])
    return (
        persona == held.record.persona
        and centroids.space == held.record.space
        and found.waiting == held.record.waiting
        # One more item of a known direction moves nothing, but is evidence.
        and math.isclose(found.mass, held.record.mass, rel_tol=1e-9)
        and np.array_equal(found.vector, held.record.vector)
    )


def prepare(
    several: Sequence[Held],
    *,
    token: Token,
    catalogue: ItemCatalogue,
    centroids: Centroids,
    policy: Policy,
    declared: DeclaredPersonas,
    data_policy: DataPolicy = ANYTHING_GOES,
) -> list[Write]:
    """The next version of each user of a tenant, and how it differs from the one before.

    A vector and a persona are made of what serves both ranking and aggregates: by them users are
    compared with each other. Aggregates count what serves them, and the cached view shows what
    serves ranking.
    """
    if data_policy.version:
        return _prepare_in_parts(
            several,
            token=token,
            catalogue=catalogue,
            centroids=centroids,
            policy=policy,
            declared=declared,
            data_policy=data_policy,
        )
    evidence = evidence_of([held.state for held in several], policy)
    projections = project_all(evidence, catalogue)
    vectors = np.stack([projection.vector for projection in projections])
    states = [
        held.state.as_version(held.record.version + 1, persona)
        for held, persona in zip(several, centroids.assign(vectors), strict=True)
    ]
    parts = zip(
        several,
        states,
        projections,
        views_of(states, evidence, vectors, centroids.space),
        strongest(evidence),
        strict=True,
    )
    return [_write(*part, token=token, policy=policy, declared=declared) for part in parts]


def _prepare_in_parts(
    several: Sequence[Held],
    *,
    token: Token,
    catalogue: ItemCatalogue,
    centroids: Centroids,
    policy: Policy,
    declared: DeclaredPersonas,
    data_policy: DataPolicy,
) -> list[Write]:
    """`prepare` where the parts of a state serve different purposes."""
    placed = evidence_of([permitted(one.state, data_policy.placed) for one in several], policy)
    places = project_all(placed, catalogue)
    vectors = np.stack([place.vector for place in places])
    states = [
        held.state.as_version(held.record.version + 1, persona)
        for held, persona in zip(several, centroids.assign(vectors), strict=True)
    ]
    known = [counted(state, data_policy.counted) for state in states]
    ranked = [permitted(state, data_policy.ranked) for state in states]
    shown = evidence_of(ranked, policy)
    parts = zip(
        several,
        states,
        places,
        views_of(known, evidence_of(known, policy), vectors, centroids.space),
        strongest(shown),
        strict=True,
    )
    return [
        _write(
            *part,
            shown=(state, replace(projection, vector=part[2].vector)),
            token=token,
            policy=policy,
            declared=declared,
        )
        for part, state, projection in zip(
            parts, ranked, project_all(shown, catalogue), strict=True
        )
    ]


def _write(
    held: Held,
    state: UserState,
    projection: Projection,
    view: UserView,
    interests: tuple[Interest, ...],
    *,
    shown: tuple[UserState, Projection] | None = None,
    token: Token,
    policy: Policy,
    declared: DeclaredPersonas,
) -> Write:
    """One user's.

    Args:
        shown: What the cached view is made of, where that is not `state` and `projection`.
    """
    before, persona, space = held.record, state.persona, view.space
    declared_before = declared.of_state(held.view.state)
    declared_after = declared.of_state(view.state)
    first = not before.version or held.view.state.is_vacant
    left = joined = None
    # Of a user who had nothing before, the change is the whole.
    if not first and (before.persona, declared_before) != (persona, declared_after):
        scopes_before = scopes_of(before.persona, declared_before)
        scopes_after = scopes_of(persona, declared_after)
        left = whole_user(held.view) if scopes_before - scopes_after else None
        joined = whole_user(view) if scopes_after - scopes_before else None
    update = encode_update(
        ProfileUpdate(
            tenant=before.tenant,
            user_id=before.user_id,
            key=before.key,
            version=state.version,
            watermark_ms=held.watermark_ms,
            persona_before=before.persona,
            persona_after=persona,
            change=change(held.view, view, policy, pairs=pairs_counted(before.key, policy)),
            left=left,
            joined=joined,
            declared_before=declared_before,
            declared_after=declared_after,
            declaration=declared.version,
            first=first,
            last=state.is_vacant,
            token=token,
        )
    )
    record = UserRecord(
        key=before.key,
        tenant=before.tenant,
        user_id=before.user_id,
        partition=before.partition,
        token=token,
        version=state.version,
        state=encode_state(state),
        outbox=update,
        vector=projection.vector,
        persona=persona,
        waiting=projection.waiting,
        mass=projection.mass,
        space=space,
        vacant=state.is_vacant,
    )
    cached = cached_view(
        before.tenant,
        before.user_id,
        *((state, projection) if shown is None else shown),
        policy,
        received_ms=held.received_ms,
        space=space,
        interests=interests,
    )
    return Write(held, record, view, state, cached, update)
