"""What a data policy lets into a user's state, and what has to leave it again. Pure.

Whether an event is kept depends on what its user has said, as far as that is known; so consents are
to be folded before the data that was published after them (`streams.consents_first`).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from profiles.effects import Effect, Forget, Remember, Say
from profiles.fold import Folded, Sourced, fold, wins
from profiles.policy import Policy
from profiles.privacy.data_policy import Consent, DataPolicy
from profiles.state import CONSENTED, DataType, UserState

__all__ = ["Governed", "fold_governed", "overdue", "refused_kinds"]

_ALWAYS: Final = -1


class Governed(Struct, frozen=True, gc=False):
    """What `fold` found, and how many events were refused: nothing is kept of those."""

    folded: Folded
    refused: int


def refused_kinds(state: UserState, data: DataPolicy) -> frozenset[DataType]:
    """Kinds of which nothing may be kept as things stand."""
    return frozenset(kind for kind in data.consent_decides if not _may_keep(state, kind, data))


def _may_keep(state: UserState, kind: DataType, data: DataPolicy) -> bool:
    said = state.consents.get(kind)
    if said is None:
        return data.rule(kind).consent is not Consent.OPT_IN
    return bool(said.value)


def fold_governed(
    state: UserState, batch: Iterable[Sourced], policy: Policy, data: DataPolicy
) -> Governed:
    """`fold`, of what the policy lets in.

    A refused event leaves nothing, not even its position. A withdrawal takes out all there is of
    its kind; a consent that was not given before lets in only what happened from then on.
    """
    if not data.consent_decides:
        return Governed(fold(state, batch, policy), 0)
    done = Folded(state, 0, 0, 0)
    refused = 0
    run: list[Sourced] = []
    for sourced in batch:
        if any(isinstance(effect, Say) for effect in sourced.effects):
            done = _more(done, run, policy)
            run = []
            effects = (*sourced.effects, *_following(done.state, sourced.effects, data))
            done = _more(done, [Sourced(sourced.topic, sourced.offset, effects)], policy)
        elif _is_refused(done.state, sourced.effects, data):
            refused += 1
        else:
            run.append(sourced)
    return Governed(_more(done, run, policy), refused)


def _more(done: Folded, batch: Sequence[Sourced], policy: Policy) -> Folded:
    if not batch:
        return done
    then = fold(done.state, batch, policy)
    return Folded(
        then.state,
        done.counted + then.counted,
        done.redelivered + then.redelivered,
        done.repeated + then.repeated,
    )


def _is_refused(state: UserState, effects: Sequence[Effect], data: DataPolicy) -> bool:
    return any(
        isinstance(effect, Remember)
        and effect.kind in data.consent_decides
        and not _may_keep(state, effect.kind, data)
        for effect in effects
    )


def _following(state: UserState, effects: Sequence[Effect], data: DataPolicy) -> list[Forget]:
    """What a consent that is in force from now on changes about what there is."""
    found: list[Forget] = []
    for effect in effects:
        if not isinstance(effect, Say) or effect.kind not in data.consent_decides:
            continue
        held = state.consents.get(effect.kind)
        said = effect.said
        is_late = said.time_ms <= state.forget_before.get(DataType.CONTROLS, _ALWAYS)
        if is_late or (held is not None and not wins(said, held)):
            continue
        if not said.value:
            found.append(Forget((effect.kind,), max(said.time_ms, _newest_ms(state, effect.kind))))
        elif not _may_keep(state, effect.kind, data):
            found.append(Forget((effect.kind,), said.time_ms - 1))
    return found


def overdue(state: UserState, data: DataPolicy, *, now_ms: int) -> tuple[Forget, ...]:
    """What has to be forgotten of a stored user; nothing, for most of them.

    What was kept for its time, and what is kept although its user's consent is missing, as after a
    change of the policy.
    """
    found: list[Forget] = []
    for kind in CONSENTED:
        kept_ms = data.rule(kind).kept_ms
        if kind in data.consent_decides and not _may_keep(state, kind, data):
            cutoff_ms = _newest_ms(state, kind)
        elif kept_ms is not None:
            cutoff_ms = now_ms - kept_ms
        else:
            continue
        oldest_ms = _oldest_ms(state, kind)
        if oldest_ms is not None and oldest_ms <= cutoff_ms:
            found.append(Forget((kind,), cutoff_ms))
    return tuple(found)


def _times_ms(state: UserState, kind: DataType) -> list[int]:
    """Oldest and newest entry, and every stated value."""
    rows = state.entries(kind)
    times = [int(rows["time_ms"][0]), int(rows["time_ms"][-1])] if len(rows) else []
    if kind is DataType.ATTRIBUTES:
        times += [stated.time_ms for stated in state.attributes.values()]
    return times


def _newest_ms(state: UserState, kind: DataType) -> int:
    return max(_times_ms(state, kind), default=_ALWAYS)


def _oldest_ms(state: UserState, kind: DataType) -> int | None:
    return min(_times_ms(state, kind), default=None)
