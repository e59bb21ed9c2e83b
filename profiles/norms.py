"""Declared norms: rules of people that stand apart from averaged taste and win over it.

A norm says whom it is about (a rule over what users stated) and which items:
`never` shows them these items, `only` shows them nothing but these, `always`
shows them these at a stated place. What `never` and `only` forbid stays
forbidden whatever `always` says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import chain
from typing import Final

from profiles.declaring import Entry, entries_of
from profiles.rules import Rule, Value, conditions, holds
from profiles.state import Scalar

__all__ = [
    "NO_NORMS",
    "ItemRule",
    "Kind",
    "Norm",
    "Norms",
    "Wanted",
    "load_norms",
]

_MOST_ITEMS: Final = 1_000
_LAST_PLACE: Final = 100
_KEYS: Final = (
    *("id", "kind", "users", "unknown", "items"),
    *("reason", "declared_by", "since"),
)
_APPLIES: Final = "applies"
_DOES_NOT_APPLY: Final = "does not apply"


class Kind(StrEnum):
    """What a norm does with its items."""

    NEVER = "never"
    ONLY = "only"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemRule:
    """Which items a norm is about: named ones, or those of which a rule is true.

    Attributes:
        unknown: What it means for an item of which the rule is unknown.
    """

    ids: tuple[str, ...] = ()
    rule: Rule | None = None
    unknown: bool = False
    _named: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Asked of every candidate of a ranking.
        object.__setattr__(self, "_named", frozenset(self.ids))

    def covers(self, item_id: str, attributes: Mapping[str, Value]) -> bool:
        if self.rule is None:
            return item_id in self._named
        found = holds(self.rule, attributes)
        return self.unknown if found is None else found


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """One norm.

    Attributes:
        users: Whom it is about; None for everybody.
        unknown: Whether it holds for a user of whom `users` is unknown.
        items: Named ones for `always`.
        place: Of the first item of an `always` norm, in [1, 100]; the others follow.
        reason: For the people it holds for.
        declared_by, since: Where it comes from; it is in force as long as it is in
            the file, whatever `since` says.
    """

    id: str
    kind: Kind
    users: Rule | None
    unknown: bool
    items: ItemRule
    place: int
    reason: str
    declared_by: str
    since: date

    def holds_for(self, stated: Mapping[str, Scalar]) -> bool:
        """Whether it holds for a user who stated these attributes."""
        found = True if self.users is None else holds(self.users, stated)
        return self.unknown if found is None else found

    def forbids(self, item_id: str, attributes: Mapping[str, Value]) -> bool:
        """Whether those it holds for may not be shown this item."""
        match self.kind:
            case Kind.NEVER:
                return self.items.covers(item_id, attributes)
            case Kind.ONLY:
                return not self.items.covers(item_id, attributes)
            case Kind.ALWAYS:
                return False


@dataclass(frozen=True, slots=True)
class Wanted:
    """An item that an `always` norm asks for, and the place where; ≥ 1."""

    item_id: str
    norm: Norm
    place: int


@dataclass(frozen=True, slots=True)
class Norms:
    """The norms in force, in the order of their file."""

    norms: tuple[Norm, ...] = ()

    def for_user(self, stated: Mapping[str, Scalar]) -> "Norms":
        """Those that hold for a user who stated these attributes."""
        return Norms(tuple(norm for norm in self.norms if norm.holds_for(stated)))

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        """What `always` norms ask for, in file order; of an item only the first asks."""
        found: dict[str, Wanted] = {}
        for norm in self.norms:
            if norm.kind is Kind.ALWAYS:
                for offset, item_id in enumerate(norm.items.ids):
                    found.setdefault(item_id, Wanted(item_id, norm, norm.place + offset))
        return tuple(found.values())

    @property
    def admitted(self) -> tuple[str, ...]:
        """Ids of the items that `only` norms name, each once, in file order."""
        only = (norm.items.ids for norm in self.norms if norm.kind is Kind.ONLY)
        return tuple(dict.fromkeys(chain.from_iterable(only)))

    @property
    def item_attributes(self) -> frozenset[str]:
        """Names of the item attributes that the norms look at."""
        rules = (norm.items.rule for norm in self.norms)
        return frozenset(
            one.attribute for rule in rules if rule is not None for one in conditions(rule)
        )

    def forbidding(self, item_id: str, attributes: Mapping[str, Value]) -> list[Norm]:
        """Those of them by which an item may not be shown."""
        return [norm for norm in self.norms if norm.forbids(item_id, attributes)]


NO_NORMS: Final = Norms()


def load_norms(text: str) -> Norms:
    """Read norms from TOML.

    >>> norms = load_norms('''
    ... [[norm]]
    ... id = "not-for-minors"
    ... kind = "never"
    ... users = { attribute = "age", below = 18 }
    ... items = { attribute = "rating", is = "adult" }
    ... reason = "Adult titles are not shown to minors."
    ... declared_by = "Board"
    ... since = 2025-03-01
    ... ''')
    >>> [norm.id for norm in norms.for_user({}).norms]  # an unknown age is protected
    ['not-for-minors']

    Raises:
        DeclarationError: naming the entry and what is wrong with it.
    """
    return Norms(tuple(_norm(entry) for entry in entries_of(text, kind="norms", table="norm")))


def _norm(entry: Entry) -> Norm:
    kinds = [kind.value for kind in Kind]
    named = entry.text("kind")
    if named not in kinds:
        raise entry.error(f"kind {named!r} is none of {', '.join(kinds)}")
    kind = Kind(named)
    entry.require_known((*_KEYS, "place") if kind is Kind.ALWAYS else (*_KEYS, "unknown_items"))
    return Norm(
        id=entry.id,
        kind=kind,
        users=entry.user_rule("users") if "users" in entry.table else None,
        unknown=_unknown(entry, "unknown", default=kind is not Kind.ALWAYS),
        items=_items(entry, kind),
        place=_place(entry),
        reason=entry.text("reason"),
        declared_by=entry.text("declared_by"),
        since=_since(entry),
    )


def _unknown(entry: Entry, name: str, *, default: bool) -> bool:
    said = entry.table.get(name)
    if said is None:
        return default
    if said not in (_APPLIES, _DOES_NOT_APPLY):
        raise entry.error(f'{name} must be "{_APPLIES}" or "{_DOES_NOT_APPLY}"')
    return said == _APPLIES


def _items(entry: Entry, kind: Kind) -> ItemRule:
    table = entry.table.get("items")
    if isinstance(table, dict) and "ids" in table:
        if len(table) > 1:
            raise entry.error("items: 'ids' stands alone")
        if "unknown_items" in entry.table:
            raise entry.error("unknown_items: nothing is unknown of items named by their ids")
        return ItemRule(ids=_ids(entry, table["ids"]))
    if kind is Kind.ALWAYS:
        raise entry.error("items: an 'always' norm names its items, as { ids = [ … ] }")
    unknown = _unknown(entry, "unknown_items", default=False)
    return ItemRule(rule=entry.item_rule("items"), unknown=unknown)


def _ids(entry: Entry, ids: object) -> tuple[str, ...]:
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise entry.error("items.ids: not a list of item ids")
    if not 1 <= len(ids) <= _MOST_ITEMS:
        raise entry.error(f"items.ids: {len(ids)} ids, not 1 to {_MOST_ITEMS}")
    if len(set(ids)) < len(ids):
        raise entry.error("items.ids: an id stands there twice")
    return tuple(ids)


def _place(entry: Entry) -> int:
    place = entry.table.get("place", 1)
    if isinstance(place, bool) or not isinstance(place, int) or not 1 <= place <= _LAST_PLACE:
        raise entry.error(f"place must be a whole number from 1 to {_LAST_PLACE}")
    return place


def _since(entry: Entry) -> date:
    since = entry.table.get("since")
    # A datetime is a date, too, but its hour would be lost.
    if not isinstance(since, date) or isinstance(since, datetime):
        raise entry.error("since must be a date, as 2025-03-01 without quotes")
    return since
