"""How a dead letter lies in Kafka, and whom it names.

A letter is the refused record's bytes under the position that it had: one position, one key, so
that a letter can be taken back by a tombstone without touching any other. Headers say the rest.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from schemas import topics
from schemas.wire import DEFAULT_TENANT

__all__ = [
    "KEY_HEADER",
    "RECEIVED_HEADER",
    "Headers",
    "Person",
    "letter_key",
    "original_key",
    "people_named",
    "position_of",
]

KEY_HEADER: Final = "strata-key"
RECEIVED_HEADER: Final = "strata-received-ms"
_POSITION_HEADERS: Final = ("strata-topic", "strata-partition", "strata-offset")

Person = tuple[str, str]
"""Tenant and user id."""

Headers = Sequence[tuple[str, bytes]]

# Found in any bytes, so also in what is no JSON, or is cut.
_NAMING: Final = re.compile(rb'"(user_id|same_as|tenant)"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9]+)')


def letter_key(topic: str, partition: int, offset: int) -> bytes:
    """The key of the letter of a record.

    >>> letter_key("strata.interactions", 3, 1042)
    b'strata.interactions/3/1042'
    """
    return f"{topic}/{partition}/{offset}".encode()


def position_of(key: bytes | None, headers: Headers) -> bytes | None:
    """The key that a letter of this position has; None for what is no letter.

    Letters of earlier versions lay under the key of the refused record.
    """
    said = dict(headers)
    if not all(name in said for name in _POSITION_HEADERS):
        return key if not headers else None
    return b"/".join(said[name] for name in _POSITION_HEADERS)


def original_key(key: bytes | None, headers: Headers) -> bytes | None:
    """The key that the refused record had."""
    if key != position_of(key, headers):
        return key
    return dict(headers).get(KEY_HEADER)


def people_named(topic: str, key: bytes | None, raw: bytes) -> frozenset[Person]:
    r"""Whom a refused record is about: of its key, and all that its bytes name by id.

    Bytes name somebody as `"user_id"` or `"same_as"`, in whatever else they are; an id of theirs is
    taken for that of every tenant that the record may be of.

    >>> sorted(people_named("strata.interactions", b"ann", b'{"user_id": "bob", "item'))
    [('default', 'ann'), ('default', 'bob')]
    >>> people_named("strata.items", b"emma", b"{}")
    frozenset()
    """
    found: dict[str, list[str]] = {}
    for match in _NAMING.finditer(raw):
        found.setdefault(match[1].decode(), []).append(match[2].decode("utf-8", "replace"))
    tenants = set(_texts(found.pop("tenant", ()))) or {DEFAULT_TENANT}
    people: set[Person] = set()
    if key is not None and topic != topics.ITEMS:
        owner = _person_of(key)
        if owner is not None:
            people.add(owner)
            tenants.add(owner[0])
    ids = {ident for literals in found.values() for ident in _texts(literals)}
    people.update((tenant, ident) for tenant in tenants for ident in ids)
    return frozenset(people)


def _texts(literals: Iterable[str]) -> Iterator[str]:
    for literal in literals:
        try:
            text = str(json.loads(literal))
            text.encode()
        except ValueError:
            # Half a surrogate pair, or a broken escape: no id of anybody.
            continue
        yield text


def _person_of(key: bytes) -> Person | None:
    """The reverse of `schemas.keys.record_key`; None for what it never made."""
    try:
        text = key.decode()
        if not text.startswith("["):
            return DEFAULT_TENANT, text
        tenant, ident = json.loads(text)
        # Half a surrogate pair is an error here, and nobody's id.
        f"{tenant}{ident}".encode()
    except (ValueError, TypeError, RecursionError):
        return None
    return (tenant, ident) if isinstance(tenant, str) and isinstance(ident, str) else None
