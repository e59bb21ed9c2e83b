"""What is known of everybody: counts, transitions, spaces, personas."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from profiles.nextitem.histories import Acts, History, acts_of
from profiles.nextitem.itemspace import ItemSpace
from profiles.nextitem.personas import Personas, membership
from profiles.nextitem.popularity import Popularity
from profiles.nextitem.settings import Settings
from profiles.nextitem.spaces import occasion_space, taste_space
from profiles.nextitem.tastes import taste_weights
from profiles.nextitem.transitions import Transitions
from profiles.ports import Vector

__all__ = ["Items", "Population"]

_Floats = npt.NDArray[np.float32]
_Rows = npt.NDArray[np.int64]

_LAGS: Final = 5
_LAG_FADE: Final = 0.7
_SESSION_FADE: Final = 0.9
_SESSION_S: Final = 60.0
_SESSION_LEAST: Final = 1e-6
_FIRST_ROOM: Final = 64
_USERS_AT_ONCE: Final = 4_096
_NO_DIRECTION: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Items:
    """Items of a model in the order of its rows: keys, text vectors if any, and when they came."""

    keys: Sequence[int]
    vectors: Sequence[Vector | None]
    came_ms: Sequence[int | None] = ()

    def text_rows(self) -> _Floats:
        """Zero rows where there is no text; vectors of the first one's length."""
        width = next((len(vector) for vector in self.vectors if vector is not None), 0)
        rows = np.zeros((len(self.vectors), width), np.float32)
        for row, vector in enumerate(self.vectors):
            if vector is not None and len(vector) == width:
                rows[row] = vector
        return rows


@dataclass(slots=True)
class Population:
    """Counted at once by `counted`, then moved on act by act by `learn`.

    Attributes:
        text, taste: Parts of items' vectors in `space`, by row.
        occasion: Vectors of what lies close in histories, by row.
        recent: Latest acts whose neighbours are looked up.
    """

    popularity: Popularity
    steps: Transitions
    sessions: Transitions
    space: ItemSpace
    text: _Floats
    taste: _Floats
    occasion: _Floats
    personas: Personas
    recent: int
    half_rank: float
    # What `text`, `taste` and `occasion` are the first rows of, once an item has come.
    _room: Sequence[_Floats] = field(default=(), repr=False)
    _directions: tuple[_Floats, _Floats] | None = field(default=None, repr=False)

    @classmethod
    def empty(cls, settings: Settings, space: ItemSpace) -> "Population":
        return cls(
            Popularity(),
            Transitions(neighbours=settings.neighbours, prior=1.0),
            Transitions(neighbours=settings.neighbours, prior=1.0),
            space,
            np.zeros((0, space.text_dimension), np.float32),
            np.zeros((0, space.dimension - space.text_dimension), np.float32),
            np.zeros((0, settings.occasion_dimension), np.float32),
            Personas.none(space.dimension),
            settings.recent,
            settings.half_rank,
        )

    @classmethod
    def counted(
        cls,
        histories: Sequence[History],
        items: Items,
        settings: Settings,
        *,
        before: ItemSpace,
        seed: int,
        personas: int | None = None,
    ) -> "Population":
        """From whole histories; a function of its arguments.

        Args:
            items: Keys ascending.
            personas: Their number; None to choose it.
        """
        acts, count = acts_of(histories), len(items.keys)
        likes = np.bincount(acts.row[acts.liked], minlength=count).astype(np.float64)
        taste = taste_space(
            acts, count, dimension=settings.taste_dimension, shrinkage=settings.shrinkage
        )
        keys = np.array(items.keys, np.uint64)
        space = ItemSpace.fitted(items.text_rows(), taste, likes, keys, before=before)
        occasion = np.zeros((count, settings.occasion_dimension), np.float32)
        found = occasion_space(acts, count, dimension=settings.occasion_dimension)
        occasion[:, : found.shape[1]] = found
        steps, sessions = _transitions(acts, count, settings)
        places = space.places(items.keys, items.vectors)
        made = cls(
            Popularity.counted(acts, count, items.came_ms),
            steps,
            sessions,
            space,
            np.ascontiguousarray(places[:, : space.text_dimension]),
            np.ascontiguousarray(places[:, space.text_dimension :]),
            occasion,
            Personas.none(space.dimension),
            settings.recent,
            settings.half_rank,
        )
        if histories and personas != 0:
            made.personas = Personas.found(
                acts,
                made.vectors(histories),
                count,
                most=settings.most_personas,
                seed=seed,
                fixed=personas,
            )
        return made

    def places_of(self, rows: _Rows) -> _Floats:
        """Vectors in `space`, shape (len(rows), d)."""
        return np.concatenate((self.text[rows], self.taste[rows]), axis=1)

    def put_item(self, row: int, key: int, vector: Vector | None) -> None:
        """A new or changed description; `row` is at most the number of items."""
        place = self.space.place(key, vector)
        if row == len(self.text):
            self.popularity.come(row)
            self._grow()
        cut = self.space.text_dimension
        self.text[row], self.taste[row] = place[:cut], place[cut:]
        self._directions = None

    def _grow(self) -> None:
        """One more row of zeros; memory for more is taken by doubling."""
        count = len(self.text)
        if not self._room or count == len(self._room[0]):
            more = max(count, _FIRST_ROOM)
            self._room = [
                np.pad(part, ((0, more), (0, 0))) for part in (self.text, self.taste, self.occasion)
            ]
        self.text, self.taste, self.occasion = (part[: count + 1] for part in self._room)

    @property
    def directions(self) -> tuple[_Floats, _Floats]:
        """Lengths of taste parts, shape (n,), and those of unit length, or zeros, (d, n)."""
        if self._directions is None:
            lengths = np.linalg.norm(self.taste, axis=1)
            unit = (self.taste.T / np.maximum(lengths, 1e-9)).astype(np.float32)
            self._directions = lengths, unit
        return self._directions

    def vector(self, history: History) -> _Floats:
        """Where a user stands, unit length or zeros, shape (d,)."""
        weights = taste_weights(history, np.array([len(history)]), self.half_rank)[0]
        total = weights @ self.places_of(history.row)
        norm = float(np.linalg.norm(total))
        return np.asarray(total / norm if norm > _NO_DIRECTION else total * 0.0, np.float32)

    def vectors(self, histories: Sequence[History]) -> _Floats:
        """`vector` of each user, shape (users, d)."""
        parts = [np.zeros((0, self.space.dimension), np.float32)]
        for start in range(0, len(histories), _USERS_AT_ONCE):
            acts = acts_of(histories[start : start + _USERS_AT_ONCE])
            parts.append(self._vectors(acts, len(histories[start : start + _USERS_AT_ONCE])))
        return np.concatenate(parts)

    def _vectors(self, acts: Acts, users: int) -> _Floats:
        order = np.cumsum(acts.liked)
        last = np.cumsum(np.bincount(acts.user[acts.liked], minlength=users))
        rank = (last[acts.user] - order)[acts.liked]
        rows, whose = acts.row[acts.liked], acts.user[acts.liked]
        weights = np.exp2(-rank / self.half_rank).astype(np.float32)
        weighted = sp.csr_array((weights, (whose, rows)), shape=(users, len(self.text)))
        total = np.concatenate((weighted @ self.text, weighted @ self.taste), axis=1)
        norms = np.linalg.norm(total, axis=1, keepdims=True)
        return np.where(
            norms > _NO_DIRECTION, total / np.maximum(norms, _NO_DIRECTION), 0.0
        ).astype(np.float32)

    def learn(self, history: History, act: int) -> None:
        """Fold in one act of a history."""
        row, time_ms = int(history.row[act]), int(history.time_ms[act])
        liked = bool(history.liked[act])
        self.popularity.add(row, liked=liked, time_ms=time_ms, position=act)
        first = max(0, act - self.recent)
        if liked and len(self.personas.centroids):
            earlier = History(*(getattr(history, name)[:act] for name in history.__slots__))
            self.personas.add(row, membership(self.vector(earlier), self.personas.centroids))
        if first == act:
            return
        recent = history.row[first:act][::-1]
        rows, lags = np.unique(recent, return_index=True)
        near = lags < _LAGS
        self.steps.add(rows[near], row, (_LAG_FADE ** lags[near]).astype(np.float32))
        gaps_ms = time_ms - history.time_ms[first:act][::-1][lags]
        self.sessions.add(rows, row, _session_weights(lags, gaps_ms).astype(np.float32))


def _session_weights(lags: _Rows, gaps_ms: _Rows) -> npt.NDArray[np.float64]:
    near = np.exp(-np.maximum(gaps_ms, 0) / (1000.0 * _SESSION_S))
    return np.asarray(_SESSION_FADE**lags * near + _SESSION_LEAST)


def _transitions(acts: Acts, items: int, settings: Settings) -> tuple[Transitions, Transitions]:
    """What `learn` adds act by act, all at once and exactly.

    An item that lies twice among the recent ones counts once, at its latest.
    """
    sources, targets, lags, gaps_ms = [], [], [], []
    for lag in range(settings.recent):
        after = np.arange(lag + 1, len(acts.row))
        after = after[acts.user[after] == acts.user[after - lag - 1]]
        source = acts.row[after - lag - 1]
        for nearer in range(lag):
            distinct = acts.row[after - nearer - 1] != source
            after, source = after[distinct], source[distinct]
        sources.append(source)
        targets.append(acts.row[after])
        lags.append(np.full(len(after), lag))
        gaps_ms.append(acts.time_ms[after] - acts.time_ms[after - lag - 1])
    source, target, lag_of = map(np.concatenate, (sources, targets, lags))
    near = lag_of < _LAGS
    steps = Transitions.counted(
        source[near],
        target[near],
        _LAG_FADE ** lag_of[near],
        items=items,
        neighbours=settings.neighbours,
        prior=1.0,
    )
    sessions = Transitions.counted(
        source,
        target,
        _session_weights(lag_of, np.concatenate(gaps_ms)),
        items=items,
        neighbours=settings.neighbours,
        prior=1.0,
    )
    return steps, sessions
