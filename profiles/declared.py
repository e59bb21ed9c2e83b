"""Declared personas: groups of users that a domain expert names by rules.

They stand beside the discovered persona: a user may belong to several or none.
Membership is a pure function of the attributes that a user stated and of the
declaration, so it is kept nowhere; only counters are kept per persona, and they
carry the declaration's version.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from profiles.declaring import Entry, entries_of
from profiles.rules import Rule, holds
from profiles.state import Scalar, UserState

__all__ = [
    "NOTHING_DECLARED",
    "DeclaredPersona",
    "DeclaredPersonas",
    "asked_epoch",
    "declaration_of",
    "load_personas",
]

_DISCOVERED: Final = re.compile(r"p\d+", re.IGNORECASE)
_KEYS: Final = ("id", "title", "description", "rule")
_EPOCH_BITS: Final = 32
_VERSION_BITS: Final = 31


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredPersona:
    """One group.

    Attributes:
        id: Never of the form of a discovered persona's, "p3".
        title: A few words.
        description: What the group is, for people.
        rule: Its members are the users of whom it is true, not merely unknown.
    """

    id: str
    title: str
    description: str
    rule: Rule


class DeclaredPersonas:
    """All declared personas, in the order of their file."""

    __slots__ = ("by_id", "version")

    def __init__(self, personas: tuple[DeclaredPersona, ...] = (), *, data_policy: int = 0) -> None:
        """Args: data_policy: Version of the data policy, which says what is counted at all."""
        self.by_id: Final[Mapping[str, DeclaredPersona]] = {one.id: one for one in personas}
        self.version: Final = _version(personas, data_policy)

    def under(self, data_policy: int) -> "DeclaredPersonas":
        """The same personas, counted under a version of the data policy."""
        return DeclaredPersonas(tuple(self.by_id.values()), data_policy=data_policy)

    def of(self, stated: Mapping[str, Scalar]) -> tuple[str, ...]:
        """Ids of the personas of a user who stated these attributes, in file order."""
        return tuple(one.id for one in self.by_id.values() if holds(one.rule, stated))

    def of_state(self, state: UserState) -> tuple[str, ...]:
        """Ids of the personas that a stored user is counted in; none without an event."""
        if not (self.by_id and state.version):
            return ()
        return self.of({name: stated.value for name, stated in state.attributes.items()})

    def build(self, epoch: int) -> int:
        """Number of the counters that belong to this declaration and an asked-for epoch.

        Counters of another number are rebuilt, so a changed file is noticed as a
        rebuild that was asked for is. Without declared personas it is `epoch`.
        """
        return self.version << _EPOCH_BITS | epoch


def asked_epoch(build: int) -> int:
    """The epoch that `DeclaredPersonas.build` was given."""
    return build & ((1 << _EPOCH_BITS) - 1)


def declaration_of(build: int) -> int:
    """The version of the declaration whose `build` it was."""
    return build >> _EPOCH_BITS


def _version(personas: tuple[DeclaredPersona, ...], data_policy: int) -> int:
    """In [1, 2**31) by who the members are, whatever the titles; 0 for none at all."""
    if not (personas or data_policy):
        return 0
    # Dataclasses spell themselves out completely, numbers and texts apart.
    rules = repr(sorted((one.id, repr(one.rule)) for one in personas))
    if data_policy:
        rules += repr(data_policy)
    digest = blake2b(rules.encode(), digest_size=4, person=b"strata-personas").digest()
    return int.from_bytes(digest, "little") % ((1 << _VERSION_BITS) - 1) + 1


NOTHING_DECLARED: Final = DeclaredPersonas()


def load_personas(text: str) -> DeclaredPersonas:
    """Read declared personas from TOML.

    >>> load_personas('''
    ... [[persona]]
    ... id = "students"
    ... title = "Students"
    ... description = "People who said that they study."
    ... rule = { attribute = "occupation", is = "student" }
    ... ''').of({"occupation": "student"})
    ('students',)

    Raises:
        DeclarationError: naming the entry and what is wrong with it.
    """
    return DeclaredPersonas(
        tuple(_persona(entry) for entry in entries_of(text, kind="personas", table="persona"))
    )


def _persona(entry: Entry) -> DeclaredPersona:
    entry.require_known(_KEYS)
    if _DISCOVERED.fullmatch(entry.id):
        raise entry.error("ids like 'p3' are those of discovered personas")
    return DeclaredPersona(
        id=entry.id,
        title=entry.text("title"),
        description=entry.text("description"),
        rule=entry.user_rule("rule"),
    )
