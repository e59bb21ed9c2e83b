"""Reading declarations: entries of a TOML file, and the rules in them.

Every error is one line that names the file's kind, the entry and, within a rule,
the place: ``personas: "students": rule.all[1]: …``.
"""

import math
import re
import tomllib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from profiles.rules import (
    AllOf,
    AnyOf,
    Condition,
    DeclarationError,
    Not,
    Rule,
    conditions,
    contradicts_itself,
)
from profiles.state import Scalar

__all__ = ["Entry", "entries_of"]

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_LONGEST_TEXT: Final = 2_000
_MOST_ENTRIES: Final = 100
_DEEPEST: Final = 16
# Where neighbouring floats are still far less than 1 apart.
_LARGEST: Final = 1e15

_GROUPS: Final = ("all", "any", "not")
_BOUNDS: Final = ("at_least", "above", "at_most", "below")
_TESTS: Final = ("is", "in", *_BOUNDS, "exists")


class Entry:
    """One table of a file, and what to call it in an error.

    Attributes:
        id: 1 to 64 characters: letters, digits, `.`, `_` and `-`; the first is
            a letter or a digit.
    """

    def __init__(self, kind: str, number: int, table: object) -> None:
        self._where = f"{kind}: entry {number}"
        if not isinstance(table, dict):
            raise DeclarationError(f"{self._where}: not a table")
        self.table: Mapping[str, object] = table
        self.id = self.text("id")
        if not _ID.fullmatch(self.id):
            raise self.error(
                f"id {self.id!r} must be 1 to 64 letters, digits, '.', '_' or '-', "
                "the first a letter or a digit"
            )
        self._where = f'{kind}: "{self.id}"'

    def error(self, message: str) -> DeclarationError:
        return DeclarationError(f"{self._where}: {message}")

    def require_known(self, names: Collection[str]) -> None:
        """Raises DeclarationError naming the first key that is none of `names`."""
        unknown = sorted(self.table.keys() - set(names))
        if unknown:
            raise self.error(f"there is no {unknown[0]!r} (known: {', '.join(names)})")

    def text(self, name: str) -> str:
        """A text of 1 to 2 000 characters that is not blank."""
        value = self.table.get(name)
        if value is None:
            raise self.error(f"{name} is missing")
        if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST_TEXT:
            raise self.error(f"{name} must be a text of 1 to {_LONGEST_TEXT} characters")
        return value

    def user_rule(self, name: str) -> Rule:
        """The rule in table `name`, which somebody can satisfy."""
        rule = self._rule(name)
        if contradicts_itself(rule):
            raise self.error(f"{name}: contradicts itself, nobody can satisfy it")
        return rule

    def item_rule(self, name: str) -> Rule:
        """The rule in table `name`; items may carry lists, so only its parts are examined."""
        rule = self._rule(name)
        for condition in conditions(rule):
            if contradicts_itself(condition):
                raise self.error(f"{name}: no value of {condition.attribute!r} can pass its test")
        return rule

    def _rule(self, name: str) -> Rule:
        if name not in self.table:
            raise self.error(f"{name} is missing")
        try:
            return _rule(self.table[name], name, depth=1)
        except DeclarationError as error:
            raise self.error(str(error)) from error


def entries_of(text: str, *, kind: str, table: str) -> Iterator[Entry]:
    """The entries `[[table]]` of a TOML file, ids unique, at most 100.

    Args:
        kind: What the file is called in errors.

    Raises:
        DeclarationError: not TOML, another table in it, or two entries with one id.
    """
    try:
        whole = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DeclarationError(f"{kind}: not TOML: {error}") from error
    other = sorted(whole.keys() - {table})
    if other:
        raise DeclarationError(f"{kind}: there is no {other[0]!r}, only [[{table}]]")
    tables = whole.get(table, [])
    if not isinstance(tables, list):
        raise DeclarationError(f"{kind}: write [[{table}]], with two brackets")
    if len(tables) > _MOST_ENTRIES:
        raise DeclarationError(f"{kind}: {len(tables)} entries, at most {_MOST_ENTRIES}")
    entries = [Entry(kind, number, one) for number, one in enumerate(tables, 1)]
    for found, count in Counter(entry.id for entry in entries).items():
        if count > 1:
            raise DeclarationError(f'{kind}: "{found}" is declared {count} times')
    return iter(entries)


def _rule(table: object, where: str, *, depth: int) -> Rule:
    if not isinstance(table, dict):
        raise DeclarationError(f"{where}: not a table such as {{ attribute = …, is = … }}")
    if not table:
        raise DeclarationError(f"{where}: empty")
    if depth > _DEEPEST:
        raise DeclarationError(f"{where}: nested deeper than {_DEEPEST}")
    group = [name for name in _GROUPS if name in table]
    if not group:
        return _condition(table, where)
    name = group[0]
    if len(table) > 1:
        others = ", ".join(sorted(map(repr, table.keys() - {name})))
        raise DeclarationError(f"{where}: {name!r} stands alone, here it is beside {others}")
    if name == "not":
        return Not(_rule(table[name], f"{where}.not", depth=depth + 1))
    parts = table[name]
    if not isinstance(parts, list):
        raise DeclarationError(f"{where}.{name}: not a list of rules")
    if not parts:
        raise DeclarationError(f"{where}.{name}: empty")
    rules = tuple(
        _rule(part, f"{where}.{name}[{index}]", depth=depth + 1) for index, part in enumerate(parts)
    )
    return AllOf(rules) if name == "all" else AnyOf(rules)


def _condition(table: Mapping[str, object], where: str) -> Condition:
    unknown = sorted(table.keys() - {"attribute", *_TESTS})
    if unknown:
        known = ", ".join(("attribute", *_TESTS, *_GROUPS))
        raise DeclarationError(f"{where}: there is no {unknown[0]!r} (known: {known})")
    attribute = table.get("attribute")
    if not isinstance(attribute, str) or not attribute:
        raise DeclarationError(f"{where}: attribute must name one")
    tests = [name for name in _TESTS if name in table]
    if not tests:
        raise DeclarationError(f"{where}: no test; one of {', '.join(_TESTS)} is needed")
    if len(tests) > 1 and not set(tests) <= set(_BOUNDS):
        raise DeclarationError(f"{where}: {' and '.join(tests)} cannot stand together; use 'all'")
    match tests[0]:
        case "is":
            return Condition(attribute=attribute, among=(_scalar(table["is"], f"{where}.is"),))
        case "in":
            return Condition(attribute=attribute, among=_scalars(table["in"], f"{where}.in"))
        case "exists":
            exists = table["exists"]
            if not isinstance(exists, bool):
                raise DeclarationError(f"{where}.exists: must be true or false")
            return Condition(attribute=attribute, exists=exists)
        case _:
            bounds = {name: _number(table[name], f"{where}.{name}") for name in tests}
            return Condition(
                attribute=attribute,
                at_least=bounds.get("at_least"),
                above=bounds.get("above"),
                at_most=bounds.get("at_most"),
                below=bounds.get("below"),
            )


def _scalars(value: object, where: str) -> tuple[Scalar, ...]:
    if not isinstance(value, list):
        raise DeclarationError(f"{where}: not a list of values")
    if not value:
        raise DeclarationError(f"{where}: empty")
    return tuple(_scalar(one, f"{where}[{index}]") for index, one in enumerate(value))


def _scalar(value: object, where: str) -> Scalar:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _number(value, where)
    raise DeclarationError(f"{where}: must be a text, a number, true or false")


def _number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise DeclarationError(f"{where}: must be a number")
    if not (math.isfinite(value) and abs(value) <= _LARGEST):
        raise DeclarationError(f"{where}: must lie within ±{_LARGEST:g}")
    return value
