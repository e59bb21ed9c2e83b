"""What one flush writes of its users: records, cached views and updates. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from profiles.catalogue import ItemCatalogue
from profiles.changes import Sights, changes, sights_of
from profiles.contributions import pairs_counted, whole_user
from profiles.declared import DeclaredPersonas
from profiles.evidence import Evidence, evidence_of
from profiles.personas import Centroids
from profiles.policy import Policy
from profiles.ports import Token, UserRecord
from profiles.privacy.data_policy import ANYTHING_GOES, DataPolicy
from profiles.privacy.erasure import Asked
from profiles.privacy.permitting import counted, permitted
from profiles.projection import Projection, project_all
from profiles.state import UserState, decode_state, encode_state
from profiles.viewing import cached_view, strongest
from schemas.snapshots import CachedProfile
from schemas.updates import ProfileUpdate, encode_update

__all__ = ["Held", "View", "Write", "are_current", "hold", "prepare", "stored_views"]

View = tuple[bytes, int, bytes | None]
"""What is cached of a user: key, version, and the encoded view; None for nobody any more."""


@dataclass(slots=True)
class Held:
    """A user in memory: what is stored, and what has been folded since.

    Attributes:
        record: As last read or written.
        claimed: Token under which it was claimed, and may be written.
        before: `record`'s state.
        state: `record`'s state with later events folded in.
        watermark_ms: Newest of the event times folded, none after its arrival.
        received_ms: Broker time of the newest record folded.
        erasures: Folded since.
    """

    record: UserRecord
    claimed: Token
    before: UserState
    state: UserState
    watermark_ms: int = 0
    received_ms: int = 0
    erasures: list[Asked] = field(default_factory=list)

    def now(self) -> "Held":
        """As it is, to be stored while it may be folded into."""
        return Held(
            self.record,
            self.claimed,
            self.before,
            self.state,
            self.watermark_ms,
            self.received_ms,
            [*self.erasures],
        )

    def settle(self, stored: "Held", *, record: UserRecord, state: UserState) -> None:
        """What was `stored` is a new version now, of this record and state."""
        self.record, self.before = record, state
        if self.state is stored.state:
            self.state = state
        else:
            self.state = replace(self.state, version=state.version, persona=state.persona)
        del self.erasures[: len(stored.erasures)]


class Write(Struct, frozen=True):
    """One user's write in the making."""

    held: Held
    record: UserRecord
    state: UserState
    cached: CachedProfile


def hold(record: UserRecord, *, claimed: Token | None = None) -> Held:
    """A stored user, ready to fold into.

    Args:
        claimed: Token of the claim that returned it; the record's own, if it was only read.

    Raises:
        StateFormatError: the stored bytes are not a state that this code reads.
    """
    state = decode_state(record.state)
    return Held(record, record.token if claimed is None else claimed, state, state)


def are_current(
    several: Sequence[Held],
    *,
    catalogue: ItemCatalogue,
    centroids: Centroids,
    policy: Policy,
    data_policy: DataPolicy = ANYTHING_GOES,
) -> list[bool]:
    """Of each user of a tenant, whether projection and persona are stored as they would be now."""
    if not several:
        return []
    states = [permitted(held.state, data_policy.placed) for held in several]
    places = project_all(evidence_of(states, policy), catalogue)
    personas = centroids.assign(np.stack([place.vector for place in places]))
    return [
        persona == held.record.persona
        and centroids.space == held.record.space
        and place.waiting == held.record.waiting
        # One more item of a known direction moves nothing, but is evidence.
        and math.isclose(place.mass, held.record.mass, rel_tol=1e-9)
        and np.array_equal(place.vector, held.record.vector)
        for held, place, persona in zip(several, places, personas, strict=True)
    ]


def prepare(
    several: Sequence[Held],
    *,
    catalogue: ItemCatalogue,
    centroids: Centroids,
    policy: Policy,
    declared: DeclaredPersonas,
    data_policy: DataPolicy = ANYTHING_GOES,
) -> list[Write]:
    """The next version of each user of a tenant, and how it differs from the one before.

    Each is written under the token that it was claimed under.

    A vector and a persona are made of what serves both ranking and aggregates: by them users are
    compared with each other. Aggregates count what serves them, and the cached view shows what
    serves ranking.
    """
    if data_policy.version:
        return _prepare_in_parts(
            several,
            catalogue=catalogue,
            centroids=centroids,
            policy=policy,
            declared=declared,
            data_policy=data_policy,
        )
    evidence = evidence_of([held.state for held in several], policy)
    projections = project_all(evidence, catalogue)
    states, sights = _placed(several, projections, centroids)
    updates = _updates(
        several,
        states,
        (_sights_before(several, [held.before for held in several]), sights),
        evidence,
        policy=policy,
        declared=declared,
    )
    views = _views(several, states, projections, evidence, policy, space=centroids.space)
    return [
        _write(*parts, space=centroids.space)
        for parts in zip(several, states, projections, views, updates, strict=True)
    ]


def _prepare_in_parts(
    several: Sequence[Held],
    *,
    catalogue: ItemCatalogue,
    centroids: Centroids,
    policy: Policy,
    declared: DeclaredPersonas,
    data_policy: DataPolicy,
) -> list[Write]:
    """`prepare` where the parts of a state serve different purposes."""
    placed = evidence_of([permitted(one.state, data_policy.placed) for one in several], policy)
    places = project_all(placed, catalogue)
    states, sights = _placed(several, places, centroids)
    known = [counted(state, data_policy.counted) for state in states]
    known_before = [counted(held.before, data_policy.counted) for held in several]
    updates = _updates(
        several,
        states,
        (
            _sights_before(several, known_before),
            Sights(known, sights.means, sights.directed, sights.spaces),
        ),
        evidence_of(known, policy),
        policy=policy,
        declared=declared,
    )
    ranked = [permitted(state, data_policy.ranked) for state in states]
    shown = evidence_of(ranked, policy)
    projections = [
        replace(projection, vector=place.vector)
        for projection, place in zip(project_all(shown, catalogue), places, strict=True)
    ]
    views = _views(several, ranked, projections, shown, policy, space=centroids.space)
    return [
        _write(*parts, space=centroids.space)
        for parts in zip(several, states, places, views, updates, strict=True)
    ]


def _placed(
    several: Sequence[Held], places: Sequence[Projection], centroids: Centroids
) -> tuple[list[UserState], Sights]:
    """The next state of each user, of the persona that is nearest to them."""
    vectors = np.stack([place.vector for place in places])
    states = [
        replace(held.state, version=held.record.version + 1, persona=persona)
        for held, persona in zip(several, centroids.assign(vectors), strict=True)
    ]
    return states, sights_of(states, vectors, [centroids.space] * len(several))


def _sights_before(several: Sequence[Held], known: Sequence[UserState]) -> Sights:
    """What aggregates know once the update of what is stored has arrived.

    Args:
        known: The stored states, of what is counted.
    """
    records = [held.record for held in several]
    vectors = np.stack([record.vector for record in records])
    return sights_of(known, vectors, [record.space for record in records])


def _updates(
    several: Sequence[Held],
    states: Sequence[UserState],
    sights: tuple[Sights, Sights],
    shown: Evidence,
    *,
    policy: Policy,
    declared: DeclaredPersonas,
) -> list[bytes]:
    """Each user's encoded update.

    Args:
        states: As they are written.
        sights: What aggregates see before and after.
        shown: Of the states in the latter.
    """
    before, after = sights
    pairs = [pairs_counted(held.record.key, policy) for held in several]
    found: list[bytes] = []
    for user, (held, state, change) in enumerate(
        zip(several, states, changes(before, after, shown, policy, pairs=pairs), strict=True)
    ):
        record, known = held.record, before.states[user]
        declared_before = declared.of_state(known)
        declared_after = declared.of_state(after.states[user])
        first = not record.version or known.is_vacant
        whole = None
        # Of a user who had nothing before, the change is the whole.
        if not first and (record.persona, declared_before) != (state.persona, declared_after):
            whole = whole_user(before.view(user))
        update = ProfileUpdate(
            tenant=record.tenant,
            user_id=record.user_id,
            key=record.key,
            version=state.version,
            watermark_ms=held.watermark_ms,
            persona_before=record.persona,
            persona_after=state.persona,
            change=change,
            before=whole,
            declared_before=declared_before,
            declared_after=declared_after,
            declaration=declared.version,
            first=first,
            last=state.is_vacant,
            token=held.claimed,
        )
        found.append(encode_update(update))
    return found


def _views(
    several: Sequence[Held],
    ranked: Sequence[UserState],
    projections: Sequence[Projection],
    shown: Evidence,
    policy: Policy,
    *,
    space: int,
) -> list[CachedProfile]:
    """What is cached of each user.

    Args:
        shown: Of `ranked`, as `projections` are.
    """
    return [
        cached_view(
            held.record.tenant,
            held.record.user_id,
            state,
            projection,
            policy,
            received_ms=held.received_ms,
            space=space,
            interests=interests,
        )
        for held, state, projection, interests in zip(
            several, ranked, projections, strongest(shown), strict=True
        )
    ]


def stored_views(
    records: Sequence[UserRecord],
    shown: Sequence[UserState],
    *,
    received_ms: Sequence[int],
    catalogue: ItemCatalogue,
    policy: Policy,
) -> list[CachedProfile]:
    """What is to be cached of users as they are stored, who are not vacant.

    Args:
        shown: Their states, of what serves ranking.
        received_ms: Broker time of the newest record folded; 0 where it is not known.
    """
    evidence = evidence_of(shown, policy)
    return [
        cached_view(
            record.tenant,
            record.user_id,
            state,
            # In the space it was stored in, which the catalogue may have left already.
            replace(projection, vector=record.vector),
            policy,
            received_ms=received or projection.newest_ms or 0,
            space=record.space,
            interests=interests,
        )
        for record, state, received, projection, interests in zip(
            records,
            shown,
            received_ms,
            project_all(evidence, catalogue),
            strongest(evidence),
            strict=True,
        )
    ]


def _write(
    held: Held,
    state: UserState,
    place: Projection,
    view: CachedProfile,
    update: bytes,
    *,
    space: int,
) -> Write:
    before = held.record
    record = UserRecord(
        key=before.key,
        tenant=before.tenant,
        user_id=before.user_id,
        partition=before.partition,
        token=held.claimed,
        version=state.version,
        state=encode_state(state),
        outbox=update,
        vector=place.vector,
        persona=state.persona,
        waiting=place.waiting,
        mass=place.mass,
        space=space,
        vacant=state.is_vacant,
    )
    return Write(held, record, state, view)
