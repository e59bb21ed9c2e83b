"""From profile updates to what they add to counters, user by user."""

from collections.abc import Iterable, Sequence

from profiles.contributions import view_of_whole, whole_of
from profiles.counting import Sum
from schemas.updates import Change, ProfileUpdate

__all__ = ["add_user", "by_user", "size_of", "size_of_whole"]


def by_user(updates: Iterable[ProfileUpdate]) -> list[list[ProfileUpdate]]:
    """Each user's updates, in the order given."""
    found: dict[bytes, list[ProfileUpdate]] = {}
    for update in updates:
        found.setdefault(update.key, []).append(update)
    return list(found.values())


def add_user(adding: Sum, updates: Sequence[ProfileUpdate], *, dimension: int) -> None:
    """Add what one user's successive updates add up to.

    Whoever leaves a persona is taken out of its counters with everything that they ever did, and
    added to another's. A user near a border goes to and fro with every few events, so of updates
    that are counted together only the ends are looked at: who has come back by the last of them
    adds what changed meanwhile, and who came and left again adds nothing.

    Law: as if each were added alone.

    Args:
        dimension: Length of user vectors.
    """
    if any(update.first or update.last for update in updates):
        # Who begins or ends among them has nothing on one side to compare with.
        for update in updates:
            _add_run(adding, [update], dimension=dimension)
    else:
        _add_run(adding, updates, dimension=dimension)


def _add_run(adding: Sum, run: Sequence[ProfileUpdate], *, dimension: int) -> None:
    tenant = run[0].tenant
    if run[0].first:
        # Of a user who had nothing before, the change is the whole.
        adding.add(tenant, run[0].scopes_after, run[0].change)
        return
    before, after = run[0].scopes_before, run[-1].scopes_after
    stays = before & after
    # Scopes that each change is counted in, and those that the user before it is, by sign.
    counted = [set(stays) for _ in run]
    wholes: dict[int, list[tuple[str, int]]] = {}
    for scope in before - stays:
        left = next(place for place, update in enumerate(run) if scope not in update.scopes_after)
        for place in range(left):
            counted[place].add(scope)
        wholes.setdefault(left, []).append((scope, -1))
    for scope in after - stays:
        joined = max(place for place, update in enumerate(run) if scope not in update.scopes_before)
        for place in range(joined, len(run)):
            counted[place].add(scope)
        wholes.setdefault(joined, []).append((scope, 1))
    for update, scopes in zip(run, counted, strict=True):
        if scopes:
            adding.add(tenant, scopes, update.change)
    for place, moves in wholes.items():
        whole = _whole_before(run[place], dimension=dimension)
        for scope, sign in moves:
            adding.add(tenant, (scope,), whole, sign=sign)


def _whole_before(update: ProfileUpdate, *, dimension: int) -> Change:
    if update.before is None:
        raise ValueError("an update of other personas does not say who the user was before")
    # No persona's pairs are counted.
    return whole_of(view_of_whole(update.before, dimension=dimension), pairs=False)


def size_of(updates: Sequence[ProfileUpdate]) -> int:
    """About how much one user's updates are to count: bytes of entries times scopes."""
    before, after = updates[0].scopes_before, updates[-1].scopes_after
    changed = sum(len(update.change.entries) * len(update.scopes_after) for update in updates)
    # A persona change brings a whole user, whose counters are not counted yet.
    whole = next((update.before for update in updates if update.before is not None), None)
    return changed + (size_of_whole(whole.state) * len(before ^ after) if whole is not None else 0)


def size_of_whole(state: bytes) -> int:
    """The same of a user with this encoded state, once: what its entries would take as rows.

    Where there are many, columns take two thirds of that (`profiles.packing`).
    """
    return len(state) * 3 // 2
