"""A user's state as somebody may see it who may not see all kinds of data. Pure."""

from collections.abc import Collection

from msgspec.structs import replace

from profiles.state import CONSENTED, DataType, UserState

__all__ = ["counted", "permitted"]


def permitted(state: UserState, kinds: Collection[DataType]) -> UserState:
    """The state as it would be if there were data of these kinds only; `state` itself if it is.

    What a person said about their data stays: consents and identities are in no kind.
    """
    barred = [kind for kind in CONSENTED if kind not in kinds]
    if not barred or state.is_vacant:
        return state
    return replace(
        state,
        sets={kind: rows for kind, rows in state.sets.items() if kind not in barred},
        # Not those of controls: somebody of whom nothing may be seen was not erased.
        forget_before={
            kind: cutoff
            for kind, cutoff in state.forget_before.items()
            if kind not in barred and kind is not DataType.CONTROLS
        },
        totals={kind: counts for kind, counts in state.totals.items() if kind not in barred},
        attributes={} if DataType.ATTRIBUTES in barred else state.attributes,
    )


def counted(state: UserState, kinds: Collection[DataType]) -> UserState:
    """`permitted`, as aggregates count it: where nothing is left, as if no event had come."""
    left = permitted(state, kinds)
    if left is state or left.totals or left.attributes or left.consents:
        return left
    return left if any(map(len, left.sets.values())) else replace(left, version=0)
