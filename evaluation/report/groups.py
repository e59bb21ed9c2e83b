"""Groups of users: those who state the same of themselves, and those who think alike."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import svds

from evaluation.report.opinions import Opinion, described
from profiles.personas import Centroids, discover, preferred
from profiles.ports import Vector
from profiles.silencing import Satisfaction
from schemas.decoded import Attributes, FastEvent, Item

__all__ = ["Grouping", "declared_groupings", "descriptions", "discovered_groupings", "titles"]

_DIMENSION: Final = 8
_DENSE: Final = 500
_MOST_PERSONAS: Final = 12
_LEAST_OPINIONS: Final = 3
_DESCRIBED: Final = 0.9
_SMALLEST: Final = 1e-9
_LONGEST_LABEL: Final = 60
_NAMES: Final = 3


@dataclass(frozen=True, slots=True)
class Grouping:
    """A way to part users into groups.

    Attributes:
        name: Of the attribute, or "persona".
        discovered: From the opinions of half 0; compare its groups on half 1.
        group_of: User id → group.
        labels: Group → what its members like more than others do; empty for declared groups.
        among: Users who are everybody here; None for all.
    """

    name: str
    discovered: bool
    group_of: Mapping[str, str]
    labels: Mapping[str, tuple[str, ...]]
    among: frozenset[str] | None = None

    def sizes(self) -> Counter[str]:
        """Users in each group."""
        return Counter(self.group_of.values())


def declared_groupings(events: Iterable[FastEvent], *, minimum_size: int) -> list[Grouping]:
    """One per attribute in which at least two values are stated by enough users.

    Args:
        events: In protocol order; the latest statement wins.
        minimum_size: Users that a value needs to be a group.
    """
    stated: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for event in events:
        if isinstance(event, Attributes):
            for name, value in event.attributes.items():
                stated[name][event.user_id] = str(value)
    groupings: list[Grouping] = []
    for name, value_of in sorted(stated.items()):
        large = {
            value for value, users in Counter(value_of.values()).items() if users >= minimum_size
        }
        if len(large) >= 2:
            group_of = {user: value for user, value in value_of.items() if value in large}
            groupings.append(Grouping(name, discovered=False, group_of=group_of, labels={}))
    return groupings


def titles(items: Iterable[FastEvent]) -> dict[str, str]:
    """What an item is called: its title, else the beginning of its text, else its id."""
    named: dict[str, str] = {}
    for item in items:
        if isinstance(item, Item):
            words = " ".join((item.title or item.text or item.item_id).split())
            cut = words if len(words) <= _LONGEST_LABEL else words[: _LONGEST_LABEL - 1] + "…"
            named[item.item_id] = cut
    return named


def descriptions(items: Iterable[FastEvent]) -> dict[str, tuple[str, ...]]:
    """Words for what an item is: short attribute values that several items share."""
    values: dict[str, tuple[str, ...]] = {}
    for item in items:
        if isinstance(item, Item):
            found = [
                one
                for value in (item.attributes or {}).values()
                for one in (value if isinstance(value, list | tuple) else (value,))
                if isinstance(one, str) and 0 < len(one) <= _LONGEST_LABEL
            ]
            values[item.item_id] = tuple(dict.fromkeys(found))
    shared = Counter(one for found in values.values() for one in found)
    return {item: tuple(one for one in found if shared[one] > 1) for item, found in values.items()}


def discovered_groupings(
    opinions: Sequence[Opinion],
    texts: Mapping[str, tuple[str, ...]],
    kind: Satisfaction,
    *,
    minimum_size: int,
    seed: int,
    by_item: bool = False,
) -> list[Grouping]:
    """Users who think alike, from half 0 of the opinions.

    Users who share no item with each other cannot be compared, so each connected part (a
    conversation, a language) has a grouping of its own: users as their opinions less the mean, in
    the leading singular directions, clustered on the sphere, the number chosen by silhouette (as
    Polis does: Small et al. 2021, "Polis: scaling deliberation by mapping high dimensional opinion
    spaces"). Opinions are on what items are, where items are described, else on single items.

    Args:
        texts: Item → words for what it is, as `descriptions`.
        kind: Whether items were put before the users, or were chosen by them.
        minimum_size: Parts with fewer than four times as many users stay whole.
        by_item: Never look at what items are: the two sides of a comparison are often the same.
    """
    groupings: list[Grouping] = []
    groups = 0
    for part in _connected(opinions):
        seen = [one for one in part if one.half == 0]
        found = _clusters(
            _places(seen, {} if by_item else texts, kind), minimum_size=minimum_size, seed=seed
        )
        if not found:
            continue
        group_of = {user: f"p{groups + cluster + 1}" for user, cluster in found.items()}
        groups += len(set(found.values()))
        groupings.append(
            Grouping(
                f"persona in {_part_name(part, opinions, texts) or f'part {len(groupings) + 1}'}",
                True,
                group_of,
                _labels(part, texts, group_of),
                frozenset(one.user_id for one in part),
            )
        )
    return [replace(groupings[0], name="persona")] if len(groupings) == 1 else groupings


def _part_name(
    part: Sequence[Opinion], opinions: Sequence[Opinion], texts: Mapping[str, tuple[str, ...]]
) -> str | None:
    """A word that nearly all items of the part share, and hardly any other item."""
    inside = {one.item_id for one in part}
    own = Counter(word for item in inside for word in texts.get(item, ()))
    all_items = {one.item_id for one in opinions}
    everywhere = Counter(word for item in all_items for word in texts.get(item, ()))
    telling = [
        (-number, word)
        for word, number in own.items()
        if number >= _DESCRIBED * len(inside) and number >= _DESCRIBED * everywhere[word]
    ]
    return min(telling)[1] if telling else None


def _connected(opinions: Sequence[Opinion]) -> list[list[Opinion]]:
    """Opinions apart by which users share items, directly or through others."""
    users = {user: row for row, user in enumerate(sorted({one.user_id for one in opinions}))}
    items = {item: row for row, item in enumerate(sorted({one.item_id for one in opinions}))}
    rows = [users[one.user_id] for one in opinions]
    columns = [len(users) + items[one.item_id] for one in opinions]
    size = len(users) + len(items)
    edges = sp.csr_array((np.ones(len(rows)), (rows, columns)), shape=(size, size))
    number, part_of = connected_components(edges, directed=False)
    parts: list[list[Opinion]] = [[] for _ in range(number)]
    for one, row in zip(opinions, rows, strict=True):
        parts[part_of[row]].append(one)
    return [part for part in parts if part]


@dataclass(frozen=True, slots=True)
class _Places:
    """Users, and unit vectors of theirs, shape (users, d)."""

    users: tuple[str, ...]
    vectors: Vector


def _places(
    opinions: Sequence[Opinion], texts: Mapping[str, tuple[str, ...]], kind: Satisfaction
) -> _Places:
    often = Counter(one.user_id for one in opinions)
    users = sorted(user for user, number in often.items() if number >= _LEAST_OPINIONS)
    row_of = {user: row for row, user in enumerate(users)}
    seen = [one for one in opinions if one.user_id in row_of]
    columns_of = _columns({one.item_id for one in seen}, texts)
    rows: list[int] = []
    columns: list[int] = []
    signs: list[float] = []
    for one in seen:
        for column in columns_of[one.item_id]:
            rows.append(row_of[one.user_id])
            columns.append(column)
            signs.append(1.0 if one.positive else -1.0)
    width = max(columns, default=-1) + 1
    if min(len(users), width) < 2:
        return _Places((), np.zeros((0, 0), np.float32))
    table = sp.coo_array((signs, (rows, columns)), shape=(len(users), width)).toarray()
    met = sp.coo_array((np.ones(len(rows)), (rows, columns)), shape=table.shape).toarray()
    if kind is Satisfaction.COVERAGE:
        # What people choose to meet says what they like: not having met it counts as well.
        table -= table.mean(axis=0)
        table /= np.maximum(np.linalg.norm(table, axis=0), _SMALLEST) ** 0.5
    else:
        # Shrunk to 0: the only opinion on an item would else say nothing.
        table -= met * (table.sum(axis=0) / (met.sum(axis=0) + 2.0))
    places = _leading(table)
    norms = np.linalg.norm(places, axis=1)
    directed = norms > _SMALLEST
    return _Places(
        tuple(user for user, has in zip(users, directed.tolist(), strict=True) if has),
        (places[directed] / norms[directed, None]).astype(np.float32),
    )


def _leading(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows along the leading singular directions, shape (rows, ≤ 8)."""
    if min(table.shape) <= _DENSE:
        left, values, _ = np.linalg.svd(table, full_matrices=False)
        return np.asarray(left[:, :_DIMENSION] * values[:_DIMENSION], np.float64)
    # A fixed start makes the result a function of the table.
    start = np.random.default_rng(0).standard_normal(min(table.shape))
    left, values, _ = svds(table, k=_DIMENSION, v0=start)
    return np.asarray(left * values, np.float64)


def _columns(items: set[str], texts: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[int, ...]]:
    """What an opinion on each item is about: what the item is, or the item itself.

    A word that most items share parts nobody.
    """
    words = Counter(word for item in items for word in texts.get(item, ()))
    telling = sorted(word for word, often in words.items() if 1 < often <= len(items) / 2)
    column_of = {word: column for column, word in enumerate(telling)}
    by_word = {
        item: tuple(column_of[word] for word in texts.get(item, ()) if word in column_of)
        for item in sorted(items)
    }
    told = sum(bool(columns) for columns in by_word.values())
    if told >= _DESCRIBED * len(items):
        return by_word
    return {item: (column,) for column, item in enumerate(sorted(items))}


def _clusters(places: _Places, *, minimum_size: int, seed: int) -> dict[str, int]:
    """Cluster by user, numbered from 0; empty where there are too few users."""
    # Half of the clusters that this allows may still be too small to be looked at.
    most = min(_MOST_PERSONAS, len(places.users) // (2 * minimum_size))
    if most < 2:
        return {}
    clustering = discover(places.vectors, most=most, seed=seed)
    names = {f"{row:03}": vector for row, vector in enumerate(clustering.centroids)}
    assigned = Centroids(0, names).assign(places.vectors)
    numbers = {name: number for number, name in enumerate(sorted({one or "" for one in assigned}))}
    return {user: numbers[one or ""] for user, one in zip(places.users, assigned, strict=True)}


def _labels(
    opinions: Sequence[Opinion], texts: Mapping[str, tuple[str, ...]], group_of: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    by_group: defaultdict[str, list[Opinion]] = defaultdict(list)
    for one in opinions:
        if one.user_id in group_of:
            by_group[group_of[one.user_id]].append(one)
    overall = described(opinions, texts)
    return {
        group: tuple(label.text for label in preferred(described(own, texts), overall, most=_NAMES))
        for group, own in by_group.items()
    }
